"""Names beside points, as annotations of a figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from xviz.figures.label_placement import place_labels


def point_labels(
    points: Float[np.ndarray, "n 2"],
    names: Sequence[str],
    *,
    among: Float[np.ndarray, "m 2"] | None = None,
    bold: bool = False,
) -> list[dict[str, Any]]:
    """One annotation a point, moved until no two lie on one another.

    Args:
        among: everything that is drawn on the same axes, if more than ``points``.
    """
    drawn = points if among is None else among
    spread = float(np.ptp(drawn, axis=0).max()) or 1.0
    window = (drawn.min(axis=0) / spread, drawn.max(axis=0) / spread)
    offsets = place_labels(points / spread, list(names), window=window)
    return [
        {
            "x": float(x),
            "y": float(y),
            "text": f"<b>{name}</b>" if bold else name,
            "showarrow": False,
            "xshift": dx,
            "yshift": -dy,
            "font": {"size": 12},
            "captureevents": False,
        }
        for (x, y), (dx, dy), name in zip(points, offsets, names, strict=True)
    ]
