from __future__ import annotations

import pandas as pd

from xviz.figures.run_curves import MOST_PANELS, height_of, panels_of, run_curves


def rows(run: str, *names: str, stage: str = "Tuning", steps: int = 3) -> pd.DataFrame:
    table = [(run, f"Title {run}", stage, i, name, float(i)) for name in names for i in range(steps)]
    return pd.DataFrame(table, columns=["run", "title", "stage", "step", "name", "value"])


def test_losses_come_first_and_the_machinery_last() -> None:
    table = rows("a", "learning_rate", "share", "tokens", "accuracy", "loss")
    assert [name for _, name in panels_of(table)] == ["loss", "accuracy", "share", "learning_rate", "tokens"]
    assert panels_of(table.iloc[:0]) == []


def test_a_panel_a_measurement_and_a_colour_a_run() -> None:
    table = pd.concat([rows("a", "loss", "accuracy"), rows("b", "loss")])
    figure, left_out = run_curves(table, runs=["a", "b", "c"])
    assert left_out == []
    lines = [(trace.name, trace.xaxis, trace.line.color) for trace in figure.data]
    assert [line[:2] for line in lines] == [("Title a", "x"), ("Title b", "x"), ("Title a", "x2")]
    assert lines[0][2] == lines[2][2] != lines[1][2]
    assert [trace.showlegend for trace in figure.data] == [True, True, False], "each run once in the legend"
    assert list(figure.data[0].y) == [0.0, 1.0, 2.0]
    assert figure.layout.showlegend is True
    assert run_curves(rows("a", "loss"), runs=["a"])[0].layout.showlegend is False


def test_panels_do_not_overlap_and_those_without_room_are_named() -> None:
    table = rows("a", *(f"measure_{i}" for i in range(8)))
    figure, left_out = run_curves(table, runs=["a"])
    assert left_out == ["measure_6", "measure_7"]
    places = [
        (figure.layout[f"xaxis{n}"].domain, figure.layout[f"yaxis{n}"].domain)
        for n in ("", *map(str, range(2, MOST_PANELS + 1)))
    ]
    for i, (x, y) in enumerate(places):
        assert 0 <= x[0] < x[1] <= 1
        assert 0 <= y[0] < y[1] <= 1
        for other_x, other_y in places[i + 1 :]:
            assert x[1] <= other_x[0] or other_x[1] <= x[0] or y[1] <= other_y[0] or other_y[1] <= y[0]
    assert height_of(1) < height_of(3) < height_of(6) == height_of(8)


def test_the_same_measurement_of_two_stages_is_told_apart() -> None:
    table = pd.concat([rows("a", "loss", stage="Warming up"), rows("a", "loss", stage="Tuning", steps=1)])
    figure, _ = run_curves(table, runs=["a"])
    assert [note.text for note in figure.layout.annotations] == ["loss (Warming up)", "loss (Tuning)"]
    assert figure.data[1].mode == "markers", "one point is no line"
