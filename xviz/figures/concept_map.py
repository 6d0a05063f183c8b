"""The map of a concept space: words as points, prototypes as labelled marks.

Points are WebGL (``scattergl``, ``scatter3d``), one trace a category, so that a category can be hidden by its
legend entry. Categories are drawn from the commonest to the rarest: a rare one is never buried. Markers have
no outline, and no trace holds more than 80,000 points; beyond these, panning stutters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from xviz.figures.category_styles import COLUMN, ColourBy, Styles, category_styles
from xviz.figures.concept_marks import Highlight, bones, identifier, marks, rings, trace_of
from xviz.figures.label_placement import place_labels
from xviz.figures.palette import MUTED

LARGEST_TRACE = 80_000
EACH, OVER_ALL = "prototype of a language", "prototype"
LABEL_IS_NEAR = 32  # pixels above or below
EYE = (1.3, 1.3, 0.7)
"""Where a solid map is first looked at from."""


@dataclass(frozen=True)
class Axes:
    """What the axes of a map are: a caption each, and whether their numbers mean anything."""

    captions: tuple[str, ...]
    numbers: bool

    @property
    def dims(self) -> int:
        return len(self.captions)


def pca_axes(shares: Sequence[float]) -> Axes:
    """``PCA 1 (12.3 % of variance)``; one share a dimension."""
    return Axes(
        tuple(f"PCA {i} ({100 * share:.1f} % of variance)" for i, share in enumerate(shares, 1)), True
    )


def umap_axes(dims: int) -> Axes:
    """UMAP's axes have no unit and no order, so they carry no numbers."""
    return Axes(tuple(f"UMAP {i}" for i in range(1, dims + 1)), False)


def concept_map(
    points: pd.DataFrame,
    prototypes: pd.DataFrame,
    *,
    axes: Axes,
    colour_by: ColourBy = "concept",
    concept_kind: str = "upos",
    view: str = "map",
    labels: bool = True,
    skeleton: pd.DataFrame | None = None,
    highlights: Sequence[Highlight] = (),
    frame: pd.DataFrame | None = None,
) -> go.Figure:
    """The figure of a map.

    Args:
        points: one row a point: ``x``, ``y`` (and ``z``), ``concept`` ("" for none), ``language`` (its
            ISO 639-3), ``language_name``, ``branch``, ``row`` (an id that selections and clicks return), and
            ``hover`` (see :func:`~xviz.figures.hover.hover_text`).
        prototypes: one row a prototype: ``concept``, ``language``, ``language_name``, ``branch``, ``count``,
            ``x``, ``y`` (and ``z``). ``language`` is "" for the mean over all languages, which is the one
            that bears the label.
        axes: from :func:`pca_axes` or :func:`umap_axes`.
        concept_kind: ``upos``, ``deprel`` or ``feats:Name``; decides the colours of concepts.
        view: while this stays the same, the reader's zoom, camera and hidden legend entries stay.
        labels: whether prototypes bear their names.
        skeleton: edges between prototypes: ``language_name`` ("" for those over all languages), ``one``,
            ``other``, ``distance``.
        highlights: points that are ringed.
        frame: all points of the layout, where only some are drawn: they decide scale and window, so that
            two figures of one layout can be laid beside one another.
    """
    scale = _scale_of(points if frame is None else frame, axes.dims)
    styles = category_styles([points, prototypes], colour_by, concept_kind=concept_kind)
    figure = go.Figure()
    for category in _categories(points, COLUMN[colour_by], styles):
        for part in _parts(category.rows):
            figure.add_trace(
                _points_trace(points.iloc[part], category, axes, scale, len(points), first=part[0])
            )
    each, pooled = prototypes[prototypes["language"] != ""], prototypes[prototypes["language"] == ""]
    of_concepts = category_styles([points, prototypes], "concept", concept_kind=concept_kind)
    if skeleton is not None and len(skeleton):
        by_language = category_styles([points, prototypes], "language", concept_kind=concept_kind)
        figure.add_traces(bones(skeleton, prototypes, by_language, axes.dims, scale))
    if each["language_name"].nunique() > 1:
        column, found = (COLUMN[colour_by], styles) if COLUMN[colour_by] in each else ("concept", of_concepts)
        colours = [found[str(name)][0] for name in each[column]]
        figure.add_traces(marks(each, colours, axes.dims, scale, size=7, name=EACH))
    if len(pooled):
        colours = [of_concepts[str(name)][0] for name in pooled["concept"]]
        figure.add_traces(marks(pooled, colours, axes.dims, scale, size=13, name=OVER_ALL))
    figure.add_traces([ring for one in highlights for ring in rings(one, points, axes.dims, scale)])
    figure.update_layout(_layout(axes, colour_by, concept_kind, view))
    if frame is not None and len(frame) > len(points) and axes.dims == 2:
        for axis, values in (("xaxis", frame["x"]), ("yaxis", frame["y"])):
            low, high = float(values.min()) / scale, float(values.max()) / scale
            margin = 0.05 * (high - low)
            figure.layout[axis].range = [low - margin, high + margin]
    if labels and len(pooled):
        _add_labels(figure, pooled, points, axes, scale)
    return figure


@dataclass(frozen=True)
class _Category:
    name: str
    title: str
    colour: str
    symbol: str
    rows: np.ndarray
    rank: int


def _categories(points: pd.DataFrame, column: str, styles: Styles) -> list[_Category]:
    """Categories, the commonest first (that is drawn first, so at the bottom)."""
    groups = points.groupby(column, observed=True, sort=True).indices
    found = [
        _Category(str(name), str(name) or "not annotated", *styles[str(name)], np.asarray(rows), rank)
        for rank, (name, rows) in enumerate(groups.items())
    ]
    return sorted(found, key=lambda c: -len(c.rows))


def _parts(rows: np.ndarray) -> list[np.ndarray]:
    return np.array_split(rows, max(1, -(-len(rows) // LARGEST_TRACE)))


def _points_trace(
    part: pd.DataFrame, category: _Category, axes: Axes, scale: float, total: int, *, first: int
):
    size = float(np.interp(np.log10(total), [2.5, 3.5, 4.3, 5], [8, 6, 4.5, 3.2]))
    marker = {
        "color": category.colour,
        "size": size if axes.dims == 2 else size * 0.45,
        "symbol": category.symbol if axes.dims == 2 else _symbol_3d(category.symbol),
        "opacity": float(np.interp(np.log10(total), [2.5, 4.3, 5], [0.85, 0.65, 0.5])),
        "line": {"width": 0},
    }
    if category.symbol == "circle-open":
        marker |= {"symbol": "circle", "color": MUTED, "opacity": 0.3}
    return trace_of(
        part,
        axes.dims,
        scale,
        mode="markers",
        name=f"{category.title}  {len(category.rows):,}",
        uid=identifier(
            f"{category.name or 'none'}-{first}" if first != category.rows[0] else category.name or "none"
        ),
        legendgroup=category.name or "none",
        showlegend=bool(first == category.rows[0]),
        legendrank=1000 + category.rank,
        marker=marker,
        customdata=part["row"].to_numpy(np.int32),
        hovertext=part["hover"].tolist(),
        hovertemplate="%{hovertext}<extra></extra>",
        meta={"category": category.name},
    )


def _scale_of(points: pd.DataFrame, dims: int) -> float:
    """Root mean square distance from the centre: drawn as 1, so that the view fits every layer alike."""
    xyz = points[list("xyz"[:dims])].to_numpy(float)
    if len(xyz) == 0:
        return 1.0
    spread = float(np.sqrt(((xyz - xyz.mean(axis=0)) ** 2).sum(axis=1).mean()))
    return spread or 1.0


def _layout(axes: Axes, colour_by: ColourBy, concept_kind: str, view: str) -> dict:
    titles = {
        "language": "language",
        "family": "family or branch",
        "treebank": "treebank",
        "head": "where the head stands",
        "probe": "the probe is",
    }
    concept = {"upos": "UPOS", "deprel": "relation"}.get(concept_kind, concept_kind.removeprefix("feats:"))
    axis = {"showticklabels": axes.numbers, "showgrid": axes.numbers, "zeroline": axes.numbers}
    layout: dict = {
        "uirevision": view,
        "legend": {"title": {"text": titles.get(colour_by, concept) + ", n"}},
        "showlegend": True,
    }
    if axes.dims == 2:
        layout["xaxis"] = axis | {"title": {"text": axes.captions[0]}}
        layout["yaxis"] = axis | {"title": {"text": axes.captions[1]}, "scaleanchor": "x"}
    else:
        named = zip("xyz", axes.captions, strict=True)
        layout["scene"] = {
            **{f"{c}axis": axis | {"title": {"text": text.replace(" of variance", "")}} for c, text in named},
            "aspectmode": "data",
            "camera": {"eye": dict(zip("xyz", EYE, strict=True)), "center": {"x": 0, "y": 0, "z": -0.1}},
            "uirevision": view,
        }
    return layout


def _add_labels(
    figure: go.Figure, pooled: pd.DataFrame, points: pd.DataFrame, axes: Axes, scale: float
) -> None:
    """Names of concepts, moved off one another, with a thin line where they had to move far."""
    if axes.dims == 3:  # on top of the points, where text among them would be hidden
        xyz = pooled[["x", "y", "z"]].to_numpy(float) / scale
        seen, all_seen = _as_first_seen(xyz), _as_first_seen(points[["x", "y", "z"]].to_numpy(float) / scale)
        window = (all_seen.min(axis=0), all_seen.max(axis=0))
        offsets = place_labels(seen, pooled["concept"].tolist(), window=window, pixels=330)
        figure.layout.scene.annotations = [
            {"x": x, "y": y, "z": z} | _label(concept, dx, dy)
            for (x, y, z), (dx, dy), concept in zip(xyz.tolist(), offsets, pooled["concept"], strict=True)
        ]
        return
    xy = pooled[["x", "y"]].to_numpy(float) / scale
    drawn = points[["x", "y"]].to_numpy(float) / scale
    offsets = place_labels(xy, pooled["concept"].tolist(), window=(drawn.min(axis=0), drawn.max(axis=0)))
    figure.layout.annotations = [
        {"x": float(x), "y": float(y)} | _label(concept, dx, dy)
        for (x, y), (dx, dy), concept in zip(xy, offsets, pooled["concept"], strict=True)
    ]


def _as_first_seen(xyz: np.ndarray) -> np.ndarray:
    """Places on the screen (across, up) as seen from :data:`EYE`, without perspective."""
    towards = np.array(EYE) / np.linalg.norm(EYE)
    across = np.cross([0.0, 0.0, 1.0], towards)
    across /= np.linalg.norm(across)
    return np.stack([xyz @ across, xyz @ np.cross(towards, across)], axis=1)


def _label(concept: str, dx: float, dy: float) -> dict:
    """A name beside its mark; a line leads to it where it stands far off (lines are slow to pan)."""
    label = {
        "text": f"<b>{concept}</b>",
        "name": concept,
        "font": {"size": 13, "shadow": "auto"},
        "captureevents": False,
    }
    if abs(dy) <= LABEL_IS_NEAR:
        return label | {"showarrow": False, "xshift": dx, "yshift": -dy}
    return label | {"ax": dx, "ay": dy, "arrowhead": 0, "arrowwidth": 1, "standoff": 5}


def _symbol_3d(symbol: str) -> str:
    """The symbols of scatter3d that every font has (its own cross and x are emoji)."""
    return {"diamond": "diamond", "square": "square", "cross": "diamond-open", "x": "circle-open"}.get(
        symbol, "circle"
    )
