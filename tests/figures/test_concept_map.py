import re

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from xviz.figures import concept_map as module
from xviz.figures import concept_marks
from xviz.figures.concept_map import concept_map, pca_axes, umap_axes
from xviz.figures.hover import hover_text
from xviz.figures.label_placement import HEIGHT, LETTER, place_labels
from xviz.figures.palette import MUTED, UPOS, on_dark
from xviz.figures.template import dark_colours, in_theme


@pytest.fixture
def points() -> pd.DataFrame:
    generator = np.random.default_rng(0)
    n = 60
    table = pd.DataFrame(
        {
            "x": generator.normal(size=n),
            "y": generator.normal(size=n),
            "z": generator.normal(size=n),
            "concept": ["NOUN"] * 40 + ["VERB"] * 15 + [""] * 5,
            "language": ["eng", "deu"] * 30,
            "language_name": ["English", "German"] * 30,
            "branch": "Germanic",
            "row": np.arange(n),
            "left": "a <b> ",
            "form": "x&y",
            "right": " c",
            "upos": "NOUN",
            "deprel": "nsubj",
        }
    )
    return table.assign(hover=hover_text(table))


@pytest.fixture
def prototypes() -> pd.DataFrame:
    rows = [("NOUN", "eng", "English", 20, 0.1, 0.2, 0.3), ("NOUN", "deu", "German", 20, 0.2, 0.1, 0.0)]
    rows += [("NOUN", "", "", 40, 0.15, 0.15, 0.15), ("VERB", "", "", 15, -1.0, 0.5, 0.0)]
    columns = ["concept", "language", "language_name", "count", "x", "y", "z"]
    return pd.DataFrame(rows, columns=columns).assign(branch="Germanic")


def named(figure, word: str):
    return next(trace for trace in figure.data if (trace.name or "").startswith(word))


def test_each_concept_is_a_trace_in_its_colour_the_commonest_lowest(points, prototypes) -> None:
    figure = concept_map(points, prototypes, axes=pca_axes([0.5, 0.25]))
    assert [t.name for t in figure.data[:3]] == ["NOUN  40", "VERB  15", "not annotated  5"]
    assert named(figure, "VERB").marker.color == UPOS["VERB"]
    assert named(figure, "not annotated").marker.color == MUTED
    assert {t.type for t in figure.data} == {"scattergl"}
    assert sorted(np.concatenate([t.customdata for t in figure.data[:3]])) == list(range(60))


def test_the_spread_of_a_layer_does_not_change_the_scale_of_the_view(points, prototypes) -> None:
    larger = points.assign(x=points["x"] * 50, y=points["y"] * 50)
    moved = prototypes.assign(x=prototypes["x"] * 50, y=prototypes["y"] * 50)
    small = concept_map(points, prototypes, axes=umap_axes(2))
    large = concept_map(larger, moved, axes=umap_axes(2))
    for one, other in zip(small.data, large.data, strict=True):
        assert np.allclose(one.x, other.x, atol=1e-5, equal_nan=True)
    assert small.layout.annotations[0].x == pytest.approx(large.layout.annotations[0].x, abs=1e-6)
    xy = np.concatenate([np.stack([t.x, t.y], 1) for t in small.data[:3]])
    assert ((xy - xy.mean(0)) ** 2).sum(1).mean() == pytest.approx(1, abs=1e-5)


def test_axes_say_what_they_mean_and_umap_has_no_numbers(points, prototypes) -> None:
    flat = concept_map(points, prototypes, axes=pca_axes([0.1234, 0.05]))
    assert flat.layout.xaxis.title.text == "PCA 1 (12.3 % of variance)"
    assert flat.layout.yaxis.scaleanchor == "x"
    assert flat.layout.xaxis.showticklabels is True
    assert concept_map(points, prototypes, axes=umap_axes(2)).layout.xaxis.showticklabels is False


def test_three_dimensions(points, prototypes) -> None:
    figure = concept_map(points, prototypes, axes=pca_axes([0.3, 0.2, 0.1]), colour_by="language")
    assert {t.type for t in figure.data} == {"scatter3d"}
    assert figure.layout.scene.aspectmode == "data"
    assert named(figure, "German").z is not None
    assert [note.text for note in figure.layout.scene.annotations] == ["<b>NOUN</b>", "<b>VERB</b>"]


def test_hover_gives_the_word_in_its_context_and_no_markup_of_the_data(points, prototypes) -> None:
    text = concept_map(points, prototypes, axes=pca_axes([0.5, 0.25])).data[0].hovertext[0]
    assert text == "\u2068a &lt;b&gt;  <b>x&amp;y</b>  c\u2069<br>English · NOUN · nsubj"


def test_one_language_alone_has_no_marks_of_single_languages(points, prototypes) -> None:
    alone = points[points["language"] == "eng"]
    figure = concept_map(alone, prototypes[prototypes["language"] != "deu"], axes=pca_axes([0.5, 0.25]))
    assert not [t for t in figure.data if (t.meta or {}).get("prototypes") == "prototype of a language"]
    assert [t for t in figure.data if (t.meta or {}).get("prototypes") == "prototype"]


def test_no_trace_is_too_large_and_parts_share_a_legend_entry(points, prototypes, monkeypatch) -> None:
    monkeypatch.setattr(module, "LARGEST_TRACE", 15)
    figure = concept_map(points, prototypes, axes=pca_axes([0.5, 0.25]))
    nouns = [t for t in figure.data if t.legendgroup == "NOUN"]
    assert [len(t.x) for t in nouns] == [14, 13, 13]
    assert [t.showlegend for t in nouns] == [True, False, False]
    assert len({t.uid for t in figure.data}) == len(figure.data)


def test_values_of_a_feature_take_colours_too(points, prototypes) -> None:
    figure = concept_map(
        points.replace({"concept": {"NOUN": "Nom", "VERB": "Acc"}}),
        prototypes.replace({"concept": {"NOUN": "Nom", "VERB": "Acc"}}),
        axes=pca_axes([0.5, 0.25]),
        concept_kind="feats:Case",
    )
    assert named(figure, "Nom").marker.color != named(figure, "Acc").marker.color
    marks = next(t for t in figure.data if (t.meta or {}).get("prototypes") == "prototype")
    assert list(marks.marker.color) == [named(figure, "Nom").marker.color, named(figure, "Acc").marker.color]
    assert figure.layout.legend.title.text == "Case, n"


def test_the_dark_theme_changes_colours_and_nothing_else(points, prototypes) -> None:
    figure = concept_map(points, prototypes, axes=pca_axes([0.5, 0.25]))
    dark = in_theme(figure, "dark")
    assert named(dark, "VERB").marker.color == on_dark(UPOS["VERB"])
    assert named(figure, "VERB").marker.color == UPOS["VERB"]
    assert np.array_equal(named(dark, "VERB").x, named(figure, "VERB").x)
    assert dark_colours(figure)[UPOS["NOUN"]] == on_dark(UPOS["NOUN"])
    assert in_theme(figure, "print").layout.template.layout.paper_bgcolor == "#FFFFFF"


def test_every_place_where_a_colour_stands_is_put_into_the_theme() -> None:
    figure = go.Figure(go.Heatmap(z=[[0, 1]], colorscale=[[0, "#2F5FA8"], [1, "#B3471B"]]))
    figure.add_trace(go.Bar(y=[1, 2], marker={"color": ["#2F6BC4", "red"]}))
    dark = in_theme(figure, "dark")
    assert [colour for _, colour in dark.data[0].colorscale] == [on_dark("#2F5FA8"), on_dark("#B3471B")]
    assert list(dark.data[1].marker.color) == [on_dark("#2F6BC4"), "red"]
    assert figure.data[1].marker.color[0] == "#2F6BC4"


def overlaps(xy: np.ndarray, names: list[str], offsets, pixels: float) -> int:
    centres = (xy - xy.min(0)) / (xy.max(0) - xy.min(0)).max() * pixels * [1, -1] + np.array(offsets)
    sizes = np.array([[LETTER * len(n), HEIGHT] for n in names])
    count = 0
    for i in range(len(names)):
        for j in range(i):
            count += bool((np.abs(centres[i] - centres[j]) < (sizes[i] + sizes[j]) / 2 - 0.5).all())
    return count


def test_labels_do_not_lie_on_one_another() -> None:
    generator = np.random.default_rng(3)
    xy = generator.normal(size=(17, 2))
    names = list(UPOS)
    offsets = place_labels(xy, names, window=(xy.min(0), xy.max(0)), pixels=500)
    naive = [(0.0, -19.0)] * 17
    assert overlaps(xy, names, naive, 500) > 0
    assert overlaps(xy, names, offsets, 500) == 0
    assert place_labels(np.empty((0, 2)), [], window=(np.zeros(2), np.ones(2))) == []


def test_hundreds_of_marks_are_hidden_until_they_are_asked_for(points, prototypes, monkeypatch) -> None:
    monkeypatch.setattr(concept_marks, "MOST_MARKS", 1)
    figure = concept_map(points, prototypes, axes=pca_axes([0.5, 0.25]))
    group = [t for t in figure.data if t.legendgroup == "prototype of a language"]
    assert [t.visible for t in group] == ["legendonly", "legendonly"]
    assert [t.showlegend for t in group] == [False, None]


def test_a_skeleton_joins_prototypes_where_they_stand(points, prototypes) -> None:
    bones = pd.DataFrame({"language_name": [""], "one": ["NOUN"], "other": ["VERB"], "distance": [1.0]})
    figure = concept_map(points, prototypes, axes=pca_axes([0.5, 0.25]), skeleton=bones)
    line = next(t for t in figure.data if (t.meta or {}).get("skeleton"))
    marks = next(t for t in figure.data if (t.meta or {}).get("prototypes") == "prototype")
    assert np.allclose(line.x[:2], marks.x)
    assert np.allclose(line.y[:2], marks.y)
    assert np.isnan(line.x[2])
    each = pd.DataFrame({"language_name": ["German"], "one": ["NOUN"], "other": ["GONE"], "distance": [1.0]})
    figure = concept_map(points, prototypes, axes=pca_axes([0.5, 0.25]), skeleton=each)
    assert not [t for t in figure.data if (t.meta or {}).get("skeleton")], "an end is not on the map"


def test_rings_stand_round_the_points_that_are_named(points, prototypes) -> None:
    rings = [
        concept_marks.Highlight("found", [3, 41, 999]),
        concept_marks.Highlight("elsewhere", [1000], strong=True),
    ]
    figure = concept_map(points, prototypes, axes=umap_axes(2), highlights=rings)
    (ring,) = [t for t in figure.data if (t.meta or {}).get("ring")]
    assert ring.name == "found  2"
    place = {row: (x, y) for t in figure.data[:3] for row, x, y in zip(t.customdata, t.x, t.y, strict=True)}
    assert [tuple(xy) for xy in zip(ring.x, ring.y, strict=True)] == [place[3], place[41]]


def test_right_and_wrong_keep_their_colours_whatever_is_there(points, prototypes) -> None:
    judged = points.assign(probe=["right"] * 60, head="head before", treebank="UD_German-PUD")
    figure = concept_map(judged, prototypes, axes=umap_axes(2), colour_by="probe")
    assert [t.name for t in figure.data if (t.meta or {}).get("category")] == ["right  60"]
    assert figure.layout.legend.title.text == "the probe is, n"
    for colour_by in ("head", "treebank"):
        assert concept_map(judged, prototypes, axes=umap_axes(2), colour_by=colour_by).data[0].name


@pytest.mark.parametrize("name", ["ring-found: the", "Number[psor]", "Fem,Masc", "bones-Старый", "NOUN-3"])
def test_names_of_traces_may_stand_in_selectors(name):
    from xviz.figures.concept_marks import identifier

    assert re.fullmatch(r"[A-Za-z0-9_-]+", identifier(name))
    assert identifier("a:b") != identifier("a;b")
