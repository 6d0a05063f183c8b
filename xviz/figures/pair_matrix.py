"""Languages by languages: a heatmap whose middle colour stands at the null, with failures marked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Bool, Float

from xviz.figures.palette import MUTED

MARK = "x-thin"


def pair_matrix(
    values: Float[np.ndarray, "n n"],
    names: Sequence[str],
    *,
    hover: Sequence[Sequence[str]],
    marked: Bool[np.ndarray, "n n"],
    scale: tuple[float, float, float],
    label: str,
    groups: Sequence[str] = (),
) -> go.Figure:
    """A square heatmap.

    Args:
        values: symmetric; NaN is left blank (the diagonal).
        names: of rows and columns, in the order in which they stand.
        hover: what is said of each cell.
        marked: cells crossed out: their score is not beyond the nulls.
        scale: values of the lowest colour, the middle one (the null) and the highest.
        label: title of the colour bar.
        groups: family or branch of each language; a thin line is drawn where it changes.
    """
    low, middle, high = scale
    ticks = np.linspace(low, high, 5)
    figure = go.Figure(
        go.Heatmap(
            z=values - middle,  # so that plotly takes the theme's diverging colours, its middle at 0
            zmin=low - middle,
            zmax=high - middle,
            autocolorscale=True,
            x=list(names),
            y=list(names),
            text=[list(row) for row in hover],
            hovertemplate="%{text}<extra></extra>",
            xgap=1,
            ygap=1,
            meta={"cells": True},
            colorbar={
                "title": {"text": label, "side": "right"},
                "tickvals": (ticks - middle).tolist(),
                "ticktext": [f"{tick:.2f}" for tick in ticks],
                "thickness": 10,
                "outlinewidth": 0,
                "len": 0.9,
            },
        )
    )
    crossed = np.argwhere(marked & ~np.isnan(values)).tolist()
    figure.add_scatter(
        x=[names[column] for _, column in crossed],
        y=[names[row] for row, _ in crossed],
        mode="markers",
        marker={"symbol": MARK, "size": 7 if len(names) < 30 else 4, "line": {"width": 1, "color": MUTED}},
        hoverinfo="skip",
        showlegend=False,
    )
    figure.update_layout(
        uirevision="pair-matrix",
        dragmode="zoom",
        xaxis={
            "side": "bottom",
            "tickangle": -60,
            "showgrid": False,
            "constrain": "domain",
            "constraintoward": "right",
        },
        yaxis={"autorange": "reversed", "showgrid": False, "scaleanchor": "x", "constrain": "domain"},
    )
    figure.update_layout(shapes=_borders(groups, len(names)))
    return figure


def _borders(groups: Sequence[str], n: int) -> list[dict]:
    """Lines between neighbouring languages of different groups."""
    at = [i - 0.5 for i in range(1, len(groups)) if groups[i] != groups[i - 1]]
    line = {"width": 1.2, "color": MUTED}
    both = [
        [
            {"type": "line", "x0": x, "x1": x, "y0": -0.5, "y1": n - 0.5, "line": line},
            {"type": "line", "y0": x, "y1": x, "x0": -0.5, "x1": n - 0.5, "line": line},
        ]
        for x in at
    ]
    return [shape for pair in both for shape in pair]
