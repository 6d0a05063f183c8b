"""A score over the layers, with the bands of its nulls and its ceiling behind it."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from xviz.figures.palette import MUTED

NULL_STYLES = {
    "permutation": ("#7FA6D6", "dot", "label permutation"),
    "lexical": ("#D0A512", "dash", "word types alone (lexical)"),
    "random_weights": ("#A64B00", "dashdot", "random weights"),
}
"""Colour, dash and name of each null; they are the same in every figure."""

CEILING = "#5A6675"
CURVE = "#0B6E69"


def layer_curve(
    curves: Mapping[str, pd.DataFrame],
    nulls: pd.DataFrame,
    *,
    title: str,
    ceiling: pd.DataFrame | None = None,
    chosen: int | None = None,
    colours: Mapping[str, str] | None = None,
) -> go.Figure:
    """Scores by layer.

    Args:
        curves: name -> rows ``layer, score`` and perhaps ``low, high`` (drawn as a band) and ``hover``.
        nulls: rows ``layer, null_kind, null_mean, null_p95``: drawn from the mean to the 95th percentile.
        title: of the vertical axis.
        ceiling: rows ``layer, ceiling``.
        chosen: the layer that the page stands at.
        colours: of the curves.
    """
    figure = go.Figure()
    for kind, (colour, dash, name) in NULL_STYLES.items():
        rows = nulls[nulls["null_kind"] == kind].sort_values("layer") if len(nulls) else nulls
        if not len(rows) or rows["null_p95"].isna().all():
            continue
        band = {"mode": "lines", "legendgroup": kind, "hoverinfo": "skip"}
        figure.add_scatter(x=rows["layer"], y=rows["null_mean"], line={"width": 0}, showlegend=False, **band)
        figure.add_scatter(
            x=rows["layer"],
            y=rows["null_p95"],
            fill="tonexty",
            fillcolor=_faint(colour),
            line={"color": colour, "dash": dash, "width": 1.4},
            name=f"null: {name}",
            **(band | {"hoverinfo": "x+y+name"}),
        )
    if ceiling is not None and ceiling["ceiling"].notna().any():
        figure.add_scatter(
            x=ceiling["layer"],
            y=ceiling["ceiling"],
            mode="lines",
            line={"color": CEILING, "dash": "longdash", "width": 1.2},
            name="noise ceiling",
        )
    for name, rows in curves.items():
        colour = (colours or {}).get(name, CURVE)
        rows = rows.sort_values("layer")
        if "low" in rows and rows["low"].notna().any():
            edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "legendgroup": name}
            figure.add_scatter(x=rows["layer"], y=rows["low"], showlegend=False, **edge)
            figure.add_scatter(
                x=rows["layer"],
                y=rows["high"],
                fill="tonexty",
                fillcolor=_faint(colour),
                showlegend=False,
                **edge,
            )
        figure.add_scatter(
            x=rows["layer"],
            y=rows["score"],
            mode="lines+markers",
            line={"color": colour, "width": 2.4},
            marker={"size": 7, "color": colour},
            name=name,
            legendgroup=name,
            text=rows.get("hover"),
            hovertemplate=("%{text}" if "hover" in rows else "layer %{x}: %{y:.3f}") + "<extra></extra>",
            meta={"curve": name},
        )
    if chosen is not None:
        figure.add_vline(x=chosen, line={"color": MUTED, "width": 1, "dash": "dot"})
    figure.update_layout(
        uirevision="layer-curve",
        xaxis={"title": "layer", "dtick": 1, "showgrid": False},
        yaxis={"title": title, "zeroline": True},
        legend={"orientation": "h", "x": 0, "y": -0.18, "yanchor": "top"},
        hovermode="closest",
    )
    return figure


def _faint(colour: str) -> str:
    """The same hue, nearly transparent."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.13)"
