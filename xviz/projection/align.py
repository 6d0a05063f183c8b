"""Turning one map onto another, so that a change of layer shows change and not arbitrary orientation."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def turn_onto(
    moving: Float[np.ndarray, "points dims"],
    fixed: Float[np.ndarray, "points dims"],
    *,
    others: Float[np.ndarray, "rows dims"] | None = None,
) -> tuple[Float[np.ndarray, "points dims"], Float[np.ndarray, "rows dims"]]:
    """``moving``, rotated or mirrored (never stretched) to lie as near as possible to ``fixed``.

    Orthogonal Procrustes (Schönemann 1966): R minimises ``|(moving - mean) R - (fixed - mean)|``. The centre
    of the result is the centre of ``fixed``. Distances within the map stay what they were.

    Args:
        moving, fixed: the same points, in the same order.
        others: more rows of the moving map (prototypes) that turn with it.
    """
    from scipy.linalg import orthogonal_procrustes

    centre, target = moving.mean(axis=0), fixed.mean(axis=0)
    rotation, _ = orthogonal_procrustes(moving - centre, fixed - target)
    carried = np.empty((0, moving.shape[1])) if others is None else (others - centre) @ rotation + target
    return (moving - centre) @ rotation + target, carried


def match_signs(
    moving: Float[np.ndarray, "points dims"], fixed: Float[np.ndarray, "points dims"]
) -> Float[np.ndarray, " dims"]:
    """+1 or -1 for each axis, so that principal components point the same way as those of another layer.

    Principal axes keep their order and their meaning ("share of variance"), so they are flipped, not turned.
    """
    agreement = ((moving - moving.mean(axis=0)) * (fixed - fixed.mean(axis=0))).sum(axis=0)
    return np.where(agreement < 0, -1.0, 1.0)
