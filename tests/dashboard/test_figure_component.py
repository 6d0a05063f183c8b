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
