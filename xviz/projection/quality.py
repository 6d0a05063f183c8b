"""How far a map may be believed.

- **Trustworthiness** and **continuity** (Venna and Kaski 2001; as in scikit-learn): 1 minus
  the mean rank excess of points that are neighbours on the map but not in the full space (trustworthiness),
  or in the full space but not on the map (continuity). 1 is perfect, about 0.5 is chance.
- **Neighbour overlap** of two maps of the same points: the mean share of a point's k nearest neighbours that
  is common to both (neighbourhood preservation, Lee and Verleysen 2009); chance is k/(n - 1). Between two
  seeds this is the stability of the fine structure.
- **Procrustes disparity** of two maps (``scipy.spatial.procrustes``): what remains of the variance after
  turning, moving and scaling one onto the other. Between two seeds it is the stability of the arrangement.
- **Purity**: the mean share of a point's k nearest neighbours that have its concept; chance is the chance
  that two points drawn at random agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import Float, Int

from xviz.errors import Cancelled
from xviz.journal import SILENT, Journal
from xviz.projection.neighbours import CHUNK_ELEMENTS, exact_neighbours

MOST_ROWS = 4000


@dataclass(frozen=True)
class Mean:
    """A mean over points, with its standard error; ``rows`` of ``points`` were looked at."""

    value: float
    standard_error: float
    rows: int
    points: int

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


def trustworthiness(
    full: Float[np.ndarray, "points dim"],
    plane: Float[np.ndarray, "points dims"],
    *,
    k: int = 15,
    near: Int[np.ndarray, "points k"] | None = None,
    rows: int | None = MOST_ROWS,
    seed: int = 0,
    journal: Journal = SILENT,
) -> Mean:
    """``1 - 2/(n k (2n - 3k - 1)) Σ_i Σ_{j ∈ U_k(i)} (r(i, j) - k)``.

    ``U_k(i)``: the k nearest of i on the map; ``r(i, j)``: the rank of j among the neighbours of i in the
    full space. Exact over all points; with ``rows`` the outer sum runs over that many points drawn at random
    (ranks are still among all points), which estimates the mean with the standard error given. ``near``
    spares the search on the map where the k nearest are known already.
    """
    n = len(full)
    k = min(k, (n - 1) // 2)
    chosen = np.arange(n)
    if rows is not None and rows < n:
        chosen = np.sort(np.random.default_rng(seed).choice(n, rows, replace=False))
    there = _neighbours_of(plane, chosen, k) if near is None else near[chosen, :k]
    excess = np.empty(len(chosen))
    for start, ranks in _ranks(full, chosen, there, journal):
        excess[start : start + len(ranks)] = np.clip(ranks - k, 0, None).sum(axis=1)
    worst = k * (2 * n - 3 * k - 1) / 2
    values = 1 - excess / worst
    error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) < n and len(values) > 1 else 0.0
    return Mean(float(values.mean()), float(error), len(chosen), n)


def continuity(
    full: Float[np.ndarray, "points dim"], plane: Float[np.ndarray, "points dims"], **options
) -> Mean:
    """:func:`trustworthiness` with full space and map exchanged (``near``: those in the full space)."""
    return trustworthiness(plane, full, **options)


def neighbour_overlap(
    one: Float[np.ndarray, "points dims"], other: Float[np.ndarray, "points dims"], *, k: int = 15
) -> float:
    """Mean share of the k nearest neighbours that two maps of the same points have in common."""
    k = min(k, len(one) - 1)
    everyone = np.arange(len(one))
    first, second = _neighbours_of(one, everyone, k), _neighbours_of(other, everyone, k)
    return float((first[:, :, None] == second[:, None, :]).any(axis=2).mean())


def disparity(one: Float[np.ndarray, "points dims"], other: Float[np.ndarray, "points dims"]) -> float:
    """Share of variance (0 to 1) that no rotation, shift and scale explains."""
    from scipy.spatial import procrustes

    return float(procrustes(one, other)[2])


def purity(neighbours: Int[np.ndarray, "points k"], codes: Int[np.ndarray, " points"]) -> float:
    """Mean share of neighbours with the point's own code; points and neighbours with code -1 don't count."""
    own, theirs = codes[:, None], codes[neighbours]
    counted = (own >= 0) & (theirs >= 0)
    with np.errstate(invalid="ignore"):
        share = ((own == theirs) & counted).sum(axis=1) / counted.sum(axis=1)
    return float(np.nanmean(share)) if counted.any() else float("nan")


def chance_purity(codes: Int[np.ndarray, " points"]) -> float:
    """The chance that another point, drawn at random, has a point's code."""
    counts = np.bincount(codes[codes >= 0]).astype(float)
    total = counts.sum()
    return float((counts * (counts - 1)).sum() / (total * (total - 1))) if total > 1 else float("nan")


def map_neighbours(plane: Float[np.ndarray, "points dims"], k: int) -> Int[np.ndarray, "points k"]:
    """The k nearest points of each point on the map."""
    return _neighbours_of(plane, np.arange(len(plane)), min(k, len(plane) - 1))


LOW_DIMENSION = 10


def _neighbours_of(
    space: Float[np.ndarray, "points dims"], chosen: Int[np.ndarray, " rows"], k: int
) -> Int[np.ndarray, "rows k"]:
    if space.shape[1] > LOW_DIMENSION:
        return exact_neighbours(space, k).indices[chosen]
    from scipy.spatial import cKDTree

    found = np.asarray(cKDTree(space).query(space[chosen], k=k + 1)[1])
    # Of points in the very same place the tree may return others before the point itself.
    itself = found == chosen[:, None]
    itself[~itself.any(axis=1), -1] = True
    return found[~itself].reshape(len(chosen), k)


def _ranks(full, chosen: np.ndarray, near: np.ndarray, journal: Journal):
    """Rank (1 is nearest) of each ``near[i]`` among the neighbours of ``chosen[i]`` in the full space."""
    import torch

    x = torch.as_tensor(np.ascontiguousarray(full - full.mean(axis=0), dtype=np.float32))
    if x.shape[1] <= LOW_DIMENSION:
        x = x.double()
    squares = (x * x).sum(dim=1)
    rows = max(1, CHUNK_ELEMENTS // len(x))
    for start in range(0, len(chosen), rows):
        if journal.stop_requested():
            raise Cancelled("The measurement of the map was stopped.")
        part = torch.as_tensor(chosen[start : start + rows])
        distances = squares[None] - 2 * x[part] @ x.T
        distances[torch.arange(len(part)), part] = -torch.inf
        at = distances.gather(1, torch.as_tensor(near[start : start + rows].astype(np.int64)))
        closer = [(distances < column[:, None]).sum(dim=1) for column in at.T]
        yield start, torch.stack(closer, dim=1).numpy()  # the point itself is closer, so the nearest is 1
        journal.progress(min(start + rows, len(chosen)), len(chosen), unit="points")


def stability(layouts: Sequence[Float[np.ndarray, "points dims"]], *, k: int = 15) -> dict[str, float]:
    """Overlap of neighbours and disparity between the first layout and each other one, averaged."""
    first, rest = layouts[0], layouts[1:]
    return {
        "neighbour_overlap": float(np.mean([neighbour_overlap(first, other, k=k) for other in rest])),
        "chance_overlap": k / (len(first) - 1),
        "disparity": float(np.mean([disparity(first, other) for other in rest])),
        "seeds": float(len(layouts)),
    }
