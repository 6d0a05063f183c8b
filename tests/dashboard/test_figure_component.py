import base64
import json

import numpy as np
import plotly.graph_objects as go
import pytest

from xviz.dashboard.figure import pack


def packed(figure: go.Figure, there: set[str] | None = None):
    message, names = pack(
        figure, alt="a", height=300, events=("click",), filename="f", already_there=there or set()
    )
    return json.loads(message), names


@pytest.fixture
def figure() -> go.Figure:
    n = 5000
    return go.Figure(
        go.Scattergl(
            x=np.linspace(0, 1, n, dtype=np.float32),
            y=np.arange(n, dtype=np.int64),
            hovertext=[f"слово {i}" for i in range(n)],
            marker={"color": "#2F6BC4", "size": [1, 2, 3]},
        )
    )


def array_of(value) -> np.ndarray:
    return np.frombuffer(base64.b64decode(value["bdata"]), value["dtype"])


def test_long_arrays_are_named_and_sent_typed(figure) -> None:
    message, names = packed(figure)
    trace = message["figure"]["data"][0]
    assert set(trace["x"]) == {"$blob"}
    assert names == set(message["blobs"])
    assert np.allclose(array_of(message["blobs"][trace["x"]["$blob"]]["value"]), figure.data[0].x)
    assert array_of(message["blobs"][trace["y"]["$blob"]]["value"]).tolist() == list(range(5000))
    assert message["blobs"][trace["hovertext"]["$blob"]]["value"][7] == "слово 7"
    assert trace["marker"]["size"] == [1, 2, 3]


def test_what_the_browser_has_is_not_sent_again(figure) -> None:
    first, names = packed(figure)
    figure.data[0].x = figure.data[0].x[::-1].copy()
    second, again = packed(figure, names)
    assert len(second["blobs"]) == 1
    assert len(names & again) == 2
    assert first["stamp"] != second["stamp"]
    assert len(json.dumps(second)) < len(json.dumps(first)) / 2


def test_the_stamp_depends_on_what_is_shown_and_not_on_what_was_sent(figure) -> None:
    first, names = packed(figure)
    assert packed(figure, names)[0]["stamp"] == first["stamp"]


def test_numbers_that_are_none_reach_the_browser_as_null() -> None:
    message, _ = packed(go.Figure(go.Heatmap(z=[[1.0, float("nan")]])))
    assert message["figure"]["data"][0]["z"] == [[1.0, None]]


def test_no_template_of_streamlit_reaches_the_browser(figure) -> None:
    import streamlit  # noqa: F401  (it replaces plotly's default template by placeholder colours)

    message, _ = packed(go.Figure(figure))
    assert "template" not in message["figure"]["layout"]
    assert message["templates"]["dark"]["layout"]["font"]["color"] == "#E7E9EC"
    assert message["dark"]["#2F6BC4"] != "#2F6BC4"


def coloured(groups: list[np.ndarray], x: np.ndarray) -> go.Figure:
    return go.Figure(
        [
            go.Scattergl(
                x=x[rows],
                y=-x[rows],
                customdata=rows.astype(np.int32),
                hovertext=[f"слово {row}" for row in rows],
            )
            for rows in groups
        ]
    )


def restored(message: dict, blobs: dict, trace: int, name: str) -> np.ndarray:
    """What the browser makes of ``$take``."""

    def column(reference):
        if "$blob" not in reference:
            return array_of(reference)
        value = blobs[reference["$blob"]]["value"]
        return array_of(value) if isinstance(value, dict) else np.array(value)

    pair = message["figure"]["data"][trace][name]["$take"]
    return column(pair["of"])[column(pair["places"])]


def test_other_colours_send_no_point_again() -> None:
    n = 6000
    x = np.random.default_rng(0).normal(size=n).astype(np.float32)
    rows = np.random.default_rng(1).permutation(n)
    by_concept, by_language = np.array_split(rows, 5), np.array_split(np.arange(n), 3)
    first, names = packed(coloured(by_concept, x))
    second, _ = packed(coloured(by_language, x), names)
    blobs = first["blobs"] | second["blobs"]
    for message, groups in ((first, by_concept), (second, by_language)):
        for trace, wanted in enumerate(groups):
            assert np.array_equal(restored(message, blobs, trace, "x"), x[wanted])
            assert np.array_equal(restored(message, blobs, trace, "customdata"), wanted)
            assert restored(message, blobs, trace, "hovertext")[2] == f"слово {wanted[2]}"
    sent = sum(blob["size"] for blob in second["blobs"].values())
    assert sent < 4 / 3 * 4 * n * 1.1, "four bytes a point, in base64: where each trace takes its points"
    moved, _ = packed(coloured(by_concept, x + 1), names)
    assert len(moved["blobs"]) == 2, "a layer sends x and y; not words, not places"


def test_points_with_one_id_are_left_as_they_are() -> None:
    rows = np.zeros(3000, np.int64)
    message, _ = packed(coloured([rows], np.zeros(3000, np.float32)))
    assert "$take" not in json.dumps(message)


def test_linked_figures_say_so() -> None:
    from xviz.dashboard.figure import Link

    message, _ = pack(
        go.Figure(),
        alt="",
        height=1,
        events=(),
        filename="",
        already_there=set(),
        link=Link("maps", "place"),
    )
    assert json.loads(message)["link"] == {"group": "maps", "by": "place"}
