"""A typed sentence in figures: the heatmap says what the table says, the words stand where they were put."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from xviz.concepts.live import Named, ReadSentence, nearest_concepts
from xviz.figures.concept_map import concept_map, pca_axes
from xviz.figures.live_words import add_typed_words, drawn_scale, live_heatmap
from xviz.figures.template import template

FORMS = ("the", "<b>", "the")


def table(by: str) -> pd.DataFrame:
    values = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.3, 0.4, 0.3]])
    named = {
        layer: Named(("DET", "NOUN", "X"), values if by == "probe" else 1 / values, by, ("eng",))
        for layer in (0, 3)
    }
    return nearest_concepts(ReadSentence("", FORMS, ((0, 1),) * 3, (1, 1, 1), {}, (), ""), named)


@pytest.mark.parametrize("by", ["probe", "prototypes"])
def test_a_cell_is_the_nearest_concept_and_how_sure_it_is(by) -> None:
    figure = live_heatmap(table(by), by=by)
    heat = figure.data[0]
    assert np.asarray(heat.text).tolist() == [["DET", "DET"], ["X", "X"], ["NOUN", "NOUN"]]
    expected = [0.7, 0.8, 0.4] if by == "probe" else [1 - 0.2 / 0.7, 1 - 0.1 / 0.8, 1 - 0.3 / 0.4]
    np.testing.assert_allclose(np.asarray(heat.z, float)[:, 0], expected)
    assert list(heat.x) == [0, 3]
    assert len(figure.layout.yaxis.tickvals) == 3, "a word that occurs twice has two rows"
    assert "&lt;b&gt;" in figure.layout.yaxis.ticktext[1]
    hover = np.asarray(heat.customdata)[0, 1]
    assert "layer 3" in hover
    assert ("DET  70 %" in hover) == (by == "probe")
    assert ("distance" in hover) == (by == "prototypes")
    assert (heat.zmax == 1) == (by == "probe")


def points(dims: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    made = pd.DataFrame(rng.normal(size=(40, dims)) * 7, columns=list("xyz"[:dims]))
    made["concept"] = rng.choice(["NOUN", "VERB"], 40)
    made["language"], made["language_name"], made["branch"] = "eng", "English", "Germanic"
    made["row"], made["hover"] = np.arange(40), "w"
    return made


@pytest.mark.parametrize("dims", [2, 3])
def test_typed_words_stand_where_a_point_of_the_map_with_their_coordinates_stands(dims: int) -> None:
    drawn = points(dims)
    nobody = drawn.iloc[:0].assign(count=0)
    figure = concept_map(drawn, nobody, axes=pca_axes([0.5] * dims))
    before = go.Figure(figure)
    xyz = drawn[list("xyz"[:dims])].to_numpy()
    add_typed_words(figure, xyz[:3], FORMS, hover=["a", "b", "c"], points=drawn)
    stars = figure.data[-1]
    assert stars.type == ("scattergl" if dims == 2 else "scatter3d")
    for trace in before.data:
        rows = list(trace.customdata) if trace.customdata is not None else []
        for place, row in enumerate(rows):
            if row < 3:
                for axis in "xyz"[:dims]:
                    assert stars[axis][row] == pytest.approx(trace[axis][place], abs=1e-5)
    notes = figure.layout.annotations if dims == 2 else figure.layout.scene.annotations
    assert [n.text for n in notes[-3:]] == ["<b>the</b>", "<b>&lt;b&gt;</b>", "<b>the</b>"]
    assert drawn_scale(go.Figure(), drawn, dims) == 1.0


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_the_sequential_scale_gets_steadily_further_from_the_ground(theme) -> None:
    def lightness(colour: str) -> float:
        red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    levels = [lightness(colour) for _, colour in template(theme).layout.colorscale.sequential]
    assert levels == sorted(levels, reverse=theme != "dark")
