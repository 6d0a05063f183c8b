"""Labels that don't lie on one another: each is put near its mark, the nearest free place first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

LETTER = 9.2  # pixels a letter, bold 13 px
HEIGHT = 17.0
ANGLES = np.radians([-90, -60, -120, 90, 60, 120, 0, 180, -30, -150, 30, 150])
DISTANCES = (19.0, 30.0, 44.0, 60.0, 78.0)


def place_labels(
    xy: Float[np.ndarray, "labels 2"],
    names: Sequence[str],
    *,
    window: tuple[Float[np.ndarray, "2"], Float[np.ndarray, "2"]],
    pixels: float = 470.0,
) -> list[tuple[float, float]]:
    """Offset of each label from its mark, in pixels (y grows downwards, as plotly's ``ax``, ``ay``).

    Greedy (after Christensen, Marks and Shieber 1995, with candidate positions round the point): labels in
    crowded places choose first; a candidate costs its overlap with labels and marks that are there, and its
    distance.

    Args:
        xy: places of the marks in data units.
        names: texts of the labels.
        window: lower and upper corner of what is drawn, in data units.
        pixels: the larger side of the window on screen.
    """
    low, high = (np.asarray(corner, dtype=float) for corner in window)
    unit = pixels / max(float((high - low).max()), 1e-12)
    marks = (np.asarray(xy, dtype=float) - low) * unit * [1.0, -1.0]
    sizes = np.array([[LETTER * max(len(n), 1), HEIGHT] for n in names]).reshape(-1, 2)
    if len(marks) == 0:
        return []
    gaps = np.linalg.norm(marks[:, None] - marks[None], axis=-1)
    crowd = (gaps < 60).sum(axis=1)
    offsets = np.zeros((len(marks), 2))
    placed: list[tuple[np.ndarray, np.ndarray]] = []
    for i in sorted(range(len(marks)), key=lambda k: (-crowd[k], names[k])):
        best, cost_of_best = np.zeros(2), np.inf
        for distance in DISTANCES:
            for angle in ANGLES:
                away = np.array([np.cos(angle), np.sin(angle)])
                offset = away * (distance + np.abs(away[0]) * sizes[i, 0] / 2)
                centre = marks[i] + offset
                cost = 0.05 * distance + _overlaps(centre, sizes[i], placed, marks, skip=i)
                if cost < cost_of_best:
                    best, cost_of_best = offset, cost
        offsets[i] = best
        placed.append((marks[i] + best, sizes[i]))
    return [(float(dx), float(dy)) for dx, dy in offsets]


def _overlaps(centre, size, placed, marks, *, skip: int) -> float:
    """Shared area with labels (counted heavily) and marks that would be covered."""
    cost = 0.0
    for other, other_size in placed:
        shared = np.clip((size + other_size) / 2 - np.abs(centre - other), 0, None)
        cost += float(shared[0] * shared[1])
    inside = (np.abs(marks - centre) < size / 2 + 6).all(axis=1)
    inside[skip] = False
    return cost + 12.0 * float(inside.sum())
