"""Two languages concept by concept: both spaces in one map after the rotation, and what remains of each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Float

from xviz.figures.palette import MUTED, style_of
from xviz.figures.point_labels import point_labels

HIT, MISS = "#0B6E69", "#B3471B"


def pair_spaces(
    a: Float[np.ndarray, "concepts rank"],
    b: Float[np.ndarray, "concepts rank"],
    concepts: Sequence[str],
    *,
    names: tuple[str, str],
    kind: str,
) -> go.Figure:
    """Prototypes of a (filled, rotated) and of b (open), each joined to its counterpart.

    Args:
        a, b: on a shared basis, first axis first; the first two are drawn.
        names: of the two languages.
        kind: of concepts, which decides colours (``upos``, ``deprel``, or a feature).
    """
    figure = go.Figure()
    lines_x: list[float | None] = []
    lines_y: list[float | None] = []
    for (ax, ay), (bx, by) in zip(a[:, :2], b[:, :2], strict=True):
        lines_x += [float(ax), float(bx), None]
        lines_y += [float(ay), float(by), None]
    figure.add_scatter(
        x=lines_x,
        y=lines_y,
        mode="lines",
        line={"color": MUTED, "width": 1},
        hoverinfo="skip",
        showlegend=False,
    )
    styles = [style_of(kind, name, position=i) for i, name in enumerate(concepts)]
    for points, name, filled in ((a, names[0], True), (b, names[1], False)):
        figure.add_scatter(
            x=points[:, 0],
            y=points[:, 1],
            mode="markers",
            name=name + (" (rotated)" if filled else ""),
            marker={
                "color": [colour for colour, _ in styles],
                "symbol": [symbol if filled else f"{symbol}-open" for _, symbol in styles],
                "size": 12,
                "line": {"width": 0 if filled else 2},
            },
            text=[f"<b>{concept}</b> of {name}" for concept in concepts],
            customdata=list(concepts),
            hovertemplate="%{text}<extra></extra>",
        )
    both = np.concatenate([a[:, :2], b[:, :2]])
    both = np.concatenate([a[:, :2], b[:, :2]])
    figure.update_layout(
        annotations=point_labels(a[:, :2], concepts, among=both, bold=True),
        uirevision="pair-spaces",
        xaxis={"title": "first shared axis", "zeroline": False},
        yaxis={"title": "second shared axis", "zeroline": False, "scaleanchor": "x"},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
    )
    return figure


def residual_bars(concepts: pd.DataFrame, *, names: tuple[str, str]) -> go.Figure:
    """How far each concept of a lands from its counterpart in b, under the rotation fitted without it.

    Args:
        concepts: rows of :class:`xviz.alignability.pair.PairView`.
    """
    rows = concepts.sort_values("residual")
    hover = [
        f"<b>{r.concept}</b>: residual {r.residual:.2f}; nearest in {names[1]}: {r.nearest}"
        f"<br>n = {r.count_a:,} and {r.count_b:,}; row of RSA {r.rsa_row:.2f}"
        for r in rows.itertuples()
    ]
    figure = go.Figure(
        go.Bar(
            x=rows["residual"],
            y=rows["concept"],
            orientation="h",
            marker={"color": [HIT if hit else MISS for hit in rows["hit"]]},
            text=["" if r.hit else f"→ {r.nearest}" for r in rows.itertuples()],
            textposition="outside",
            cliponaxis=False,
            customdata=rows["concept"],
            hovertext=hover,
            hovertemplate="%{hovertext}<extra></extra>",
        )
    )
    figure.update_layout(
        uirevision="residual-bars",
        xaxis={
            "title": f"residual (1: as far as {names[1]}'s concepts are from their mean)",
            "range": [0, 1.3 * float(rows["residual"].max())],  # names stand beyond the bars
        },
        yaxis={"showgrid": False},
        bargap=0.25,
        showlegend=False,
    )
    return figure
