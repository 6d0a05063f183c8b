"""Figures of alignability: the middle colour at the null, failures marked, bands where they belong."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest

from xviz.errors import XvizError
from xviz.figures.language_plane import language_plane
from xviz.figures.layer_curve import layer_curve
from xviz.figures.pair_matrix import pair_matrix
from xviz.figures.pair_spaces import HIT, MISS, pair_spaces, residual_bars
from xviz.figures.picture import picture
from xviz.figures.template import in_theme

NAMES = ["Finnish", "French", "Spanish"]
VALUES = np.array([[np.nan, 0.2, 0.6], [0.2, np.nan, 0.9], [0.6, 0.9, np.nan]])


def matrix(**changes):
    given = {
        "hover": [[f"{a}-{b}" for b in NAMES] for a in NAMES],
        "marked": np.array([[True, True, False], [True, True, False], [False, False, True]]),
        "scale": (0.0, 0.5, 1.0),
        "label": "score",
        "groups": ["Uralic", "Romance", "Romance"],
    }
    return pair_matrix(VALUES, NAMES, **(given | changes))


def test_the_middle_colour_stands_at_the_null():
    heat = matrix().data[0]
    np.testing.assert_allclose(heat.z, VALUES - 0.5)
    assert (heat.zmin, heat.zmax) == (-0.5, 0.5)
    assert list(heat.colorbar.ticktext) == ["0.00", "0.25", "0.50", "0.75", "1.00"]
    np.testing.assert_allclose(heat.colorbar.tickvals, [-0.5, -0.25, 0, 0.25, 0.5])


def test_failures_are_crossed_out_and_the_diagonal_is_not():
    marks = matrix().data[1]
    assert set(zip(marks.y, marks.x, strict=True)) == {("Finnish", "French"), ("French", "Finnish")}


def test_a_line_stands_where_the_family_changes():
    shapes = matrix().layout.shapes
    assert {shape.x0 for shape in shapes if shape.x0 == shape.x1} == {0.5}
    assert not matrix(groups=()).layout.shapes


def test_bands_of_nulls_reach_from_mean_to_p95():
    nulls = pd.DataFrame(
        {"layer": [0, 1], "null_kind": "lexical", "null_mean": [0.1, 0.2], "null_p95": [0.3, 0.5]}
    )
    curve = pd.DataFrame({"layer": [1, 0], "score": [0.8, 0.4], "low": [0.7, 0.3], "high": [0.9, 0.5]})
    figure = layer_curve(
        {"pair": curve}, nulls, title="RSA", ceiling=pd.DataFrame({"layer": [0], "ceiling": [0.9]})
    )
    by_name = {trace.name: trace for trace in figure.data if trace.name}
    upper = by_name["null: word types alone (lexical)"]
    assert list(upper.y) == [0.3, 0.5]
    assert upper.fill == "tonexty"
    below = figure.data[list(figure.data).index(upper) - 1]
    assert list(below.y) == [0.1, 0.2]
    assert list(by_name["pair"].x) == [0, 1], "layers in order"
    assert "noise ceiling" in by_name


def test_counterparts_are_joined_and_misses_named():
    a, b = np.random.default_rng(0).normal(size=(2, 4, 3))
    concepts = ["ADJ", "NOUN", "VERB", "PRON"]
    figure = pair_spaces(a, b, concepts, names=("A", "B"), kind="upos")
    lines = figure.data[0]
    assert lines.x[0:2] == (a[0, 0], b[0, 0])
    assert lines.x[2] is None
    assert [note.text for note in figure.layout.annotations] == [f"<b>{c}</b>" for c in concepts]
    table = pd.DataFrame(
        {
            "concept": concepts,
            "count_a": 10,
            "count_b": 20,
            "residual": [0.4, 0.1, 0.9, 0.2],
            "nearest": ["ADJ", "NOUN", "AUX", "PRON"],
            "hit": [True, True, False, True],
            "rsa_row": 0.5,
        }
    )
    bars = residual_bars(table, names=("A", "B")).data[0]
    assert list(bars.y) == ["NOUN", "PRON", "ADJ", "VERB"]
    assert list(bars.marker.color) == [HIT, HIT, HIT, MISS]
    assert list(bars.text) == ["", "", "", "→ AUX"]


def test_languages_of_one_branch_share_colour_and_symbol():
    figure = language_plane(
        np.eye(3)[:, :2], NAMES, ["Uralic", "Romance", "Romance"], shares=(0.6, 0.2), hover=NAMES
    )
    assert [trace.name for trace in figure.data] == ["Uralic", "Romance"]
    assert list(figure.data[1].customdata) == ["French", "Spanish"]


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_every_theme_takes_the_figure(theme):
    themed = in_theme(matrix(), theme)
    assert themed.layout.template.layout.colorscale.diverging


@pytest.mark.browser
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("kind", "magic"), [("pdf", b"%PDF"), ("png", b"\x89PNG"), ("svg", b"<svg")])
def test_a_figure_becomes_a_file_for_a_paper(kind, magic):
    if not (shutil.which("chromium") or shutil.which("google-chrome")):
        pytest.skip("no Chromium on this machine")
    assert picture(matrix(), kind).startswith(magic)


def test_without_a_browser_the_reason_is_one_sentence(monkeypatch):
    import plotly.graph_objects as go

    def fails(self, **_):
        raise RuntimeError("no chrome\nand a long story")

    monkeypatch.setattr(go.Figure, "to_image", fails)
    with pytest.raises(XvizError, match=r"No PDF could be drawn .* no chrome") as caught:
        picture(matrix(), "pdf")
    assert "long story" not in str(caught.value)
