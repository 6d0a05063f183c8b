"""Languages as points: near is aligned; the hue is the branch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from xviz.figures.palette import branch_style
from xviz.figures.point_labels import point_labels


def language_plane(
    points: Float[np.ndarray, "n 2"],
    names: Sequence[str],
    branches: Sequence[str],
    *,
    shares: tuple[float, float],
    hover: Sequence[str],
) -> go.Figure:
    """Classical scaling of a matrix of scores.

    Args:
        names: beside each point; also its ``customdata``.
        branches: family or branch, which gives colour, symbol and legend entry.
        shares: of all squared distance that each axis shows.
    """
    figure = go.Figure()
    for branch in dict.fromkeys(branches):
        colour, symbol = branch_style(branch)
        rows = [i for i, other in enumerate(branches) if other == branch]
        figure.add_scatter(
            x=points[rows, 0],
            y=points[rows, 1],
            mode="markers",
            name=branch,
            marker={"color": colour, "symbol": symbol, "size": 11, "line": {"width": 0}},
            text=[hover[i] for i in rows],
            customdata=[names[i] for i in rows],
            hovertemplate="%{text}<extra></extra>",
        )
    figure.update_layout(
        annotations=point_labels(points, names),
        uirevision="language-plane",
        xaxis={"title": f"first axis ({shares[0]:.0%} of squared distance)", "zeroline": False},
        yaxis={
            "title": f"second axis ({shares[1]:.0%})",
            "zeroline": False,
            "scaleanchor": "x",
        },
        legend={"title": {"text": "branch"}},
    )
    return figure
