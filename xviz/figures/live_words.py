"""A typed sentence: which concept wins, word by word and layer by layer; and its words on a map."""

from __future__ import annotations

import html
from typing import Any, Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Float

from xviz.figures.hover import FROM, UNTIL
from xviz.figures.label_placement import place_labels
from xviz.figures.palette import PAPER

ROW = 27
"""Pixels a word."""

TYPED = "#D81B60"
"""No category has this colour."""

LEAST_MARGIN = 0.05
"""At which the colours of margins end at least; else at their 85th percentile, so that one sure word (a full
stop) does not leave all others pale."""

FAINT = 0.2
"""Opacity of the words of the map beneath typed ones."""

VALUE = {"probe": ("probability", "probability"), "prototypes": ("margin", "margin over<br>the second")}


def live_heatmap(table: pd.DataFrame, *, by: Literal["probe", "prototypes"]) -> go.Figure:
    """Words by layers: the nearest concept is written in the cell, its colour says how surely.

    Args:
        table: from :func:`xviz.concepts.live.nearest_concepts`, three concepts a word or more.
        by: ``probe``: the colour is the probability of the nearest concept, from 0 to 1; ``prototypes``: how
            much nearer its prototype is than the second nearest (``1 - d1 / d2``), which is no probability.
    """
    column, label = VALUE[by]
    best = table[table["rank"] == 1]
    layers = sorted(int(layer) for layer in best["layer"].unique())
    words = best.drop_duplicates("position").sort_values("position")
    names = best.pivot(index="position", columns="layer", values="concept").loc[words["position"]]
    values = best.pivot(index="position", columns="layer", values=column).loc[words["position"]]
    figure = go.Figure(
        go.Heatmap(
            z=values[layers].to_numpy(float),
            x=layers,
            y=words["position"].tolist(),
            text=names[layers].to_numpy().tolist(),
            texttemplate="%{text}",
            textfont={"size": 11},
            customdata=_hover(table, words["position"].tolist(), layers, by),
            hovertemplate="%{customdata}<extra></extra>",
            zmin=0,
            zmax=1
            if by == "probe"
            else max(LEAST_MARGIN, float(np.nanquantile(values.to_numpy(float), 0.85))),
            autocolorscale=True,
            xgap=2,
            ygap=2,
            colorbar={
                "title": {"text": label, "font": {"size": 12}},
                "thickness": 10,
                "outlinewidth": 0,
                "len": 0.9,
            },
        )
    )
    figure.update_layout(
        uirevision="live",
        dragmode=False,
        xaxis={"title": {"text": "layer"}, "tickvals": layers, "showgrid": False, "zeroline": False},
        yaxis={
            "tickvals": words["position"].tolist(),
            "ticktext": [FROM + html.escape(form, quote=False) + UNTIL for form in words["form"]],
            "autorange": "reversed",
            "showgrid": False,
            "zeroline": False,
        },
    )
    return figure


def heatmap_height(words: int) -> int:
    """Pixels that :func:`live_heatmap` wants."""
    return max(170, ROW * words + 90)


def add_typed_words(
    figure: go.Figure,
    coordinates: Float[np.ndarray, "words dims"],
    forms: tuple[str, ...],
    *,
    hover: list[str],
    points: pd.DataFrame,
) -> go.Figure:
    """The words of a sentence as labelled stars on a figure of :func:`xviz.figures.concept_map.concept_map`.

    Args:
        coordinates: as in the map, not as drawn.
        hover: what is said of each word.
        points: the points that ``figure`` was made of.
    """
    dims = coordinates.shape[1]
    scale = drawn_scale(figure, points, dims)
    figure.for_each_trace(_faint, selector=lambda trace: trace.customdata is not None)
    drawn = coordinates / scale
    shared = {
        "mode": "markers",
        "name": f"your words  {len(forms)}",
        "uid": "typed-words",
        "legendrank": 1,
        "hovertext": hover,
        "hovertemplate": "%{hovertext}<extra></extra>",
        "meta": {"typed": True},
    }
    names = [html.escape(form, quote=False) for form in forms]
    label = {"font": {"size": 14, "color": TYPED, "shadow": "auto"}, "captureevents": False}
    if dims == 3:
        marker = {"symbol": "diamond", "size": 7, "color": TYPED}
        figure.add_trace(go.Scatter3d(x=drawn[:, 0], y=drawn[:, 1], z=drawn[:, 2], marker=marker, **shared))
        figure.layout.scene.annotations += tuple(
            {"x": x, "y": y, "z": z, "text": f"<b>{name}</b>", "showarrow": False, "yshift": 14} | label
            for (x, y, z), name in zip(drawn.tolist(), names, strict=True)
        )
        return figure
    # WebGL like the points: plotly draws everything else beneath them. Annotations stand above all.
    marker = {"symbol": "star", "size": 15, "color": TYPED, "line": {"width": 1.2, "color": PAPER}}
    figure.add_trace(go.Scattergl(x=drawn[:, 0], y=drawn[:, 1], marker=marker, **shared))
    shown = points[["x", "y"]].to_numpy(float) / scale
    offsets = place_labels(drawn, names, window=(shown.min(axis=0), shown.max(axis=0)))
    figure.layout.annotations += tuple(
        {"x": x, "y": y, "text": f"<b>{name}</b>", "ax": dx, "ay": dy, "arrowhead": 0, "arrowwidth": 1}
        | {"arrowcolor": TYPED, "standoff": 6}
        | label
        for (x, y), (dx, dy), name in zip(drawn.tolist(), offsets, names, strict=True)
    )
    return figure


def drawn_scale(figure: go.Figure, points: pd.DataFrame, dims: int) -> float:
    """What a concept map divides coordinates by (its own spread), told from a point and its mark."""
    trace = next((t for t in figure.data if t.customdata is not None and len(t.customdata)), None)
    if trace is None:
        return 1.0
    there = points.set_index("row")[list("xyz"[:dims])].loc[np.asarray(trace.customdata)].to_numpy(float)
    shown = np.stack([np.asarray(trace[axis], dtype=float) for axis in "xyz"[:dims]], axis=1)
    row, axis = np.unravel_index(np.abs(shown).argmax(), shown.shape)
    return float(there[row, axis] / shown[row, axis]) if shown[row, axis] else 1.0


def _faint(trace: Any) -> None:
    trace.marker.opacity = min(FAINT, trace.marker.opacity or 1.0)


def _hover(table: pd.DataFrame, positions: list[int], layers: list[int], by: str) -> list[list[str]]:
    """The nearest concepts of a cell with their values."""
    ranked = table.sort_values("rank")
    if by == "probe":
        values = ranked["concept"] + (100 * ranked["probability"]).map("  {:.0f} %".format)
    else:
        values = ranked["concept"] + ranked["distance"].map("  distance {:.3g}".format)
    told = values.groupby([ranked["position"], ranked["layer"]]).agg("<br>".join).to_dict()
    forms = ranked.groupby("position")["form"].first().map(lambda form: html.escape(str(form), quote=False))
    return [
        [
            f"{FROM}<b>{forms[position]}</b>{UNTIL}, layer {layer}<br>" + told.get((position, layer), "")
            for layer in layers
        ]
        for position in positions
    ]
