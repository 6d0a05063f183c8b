"""Exact nearest neighbours (euclidean) by chunked matrix products.

UMAP's own search (nn-descent) is approximate and compiles for half a minute; for the tens of thousands of
points of a map the exact answer costs seconds, and several maps (2-D, 3-D, another seed) share it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from xviz.errors import Cancelled, InputError
from xviz.journal import SILENT, Journal

CHUNK_ELEMENTS = 2**25  # distances held at a time: 128 MB in single precision
SPARE_CANDIDATES = 16


@dataclass(frozen=True)
class Neighbours:
    """The k nearest points of each point, nearest first, itself not among them."""

    indices: Int[np.ndarray, "points k"]
    distances: Float[np.ndarray, "points k"]


def exact_neighbours(
    points: Float[np.ndarray, "points dim"], k: int, *, device: str = "cpu", journal: Journal = SILENT
) -> Neighbours:
    """The k nearest neighbours of every point.

    Distances come from ``|a|² + |b|² - 2ab`` in single precision, which loses digits where norms are large
    (decoders); so the points are centred first, more candidates than k are kept, and these are measured and
    ordered again by their differences.

    Raises:
        InputError: there are not more than k points.
        Cancelled: the journal asked to stop.
    """
    import torch

    if len(points) <= k:
        raise InputError(f"A map needs more than {k} points; there are {len(points)}. Choose more words.")
    x = torch.as_tensor(np.ascontiguousarray(points, dtype=np.float32), device=device)
    x = x - x.mean(dim=0)
    squares = (x * x).sum(dim=1)
    wanted = min(len(x) - 1, k + SPARE_CANDIDATES)
    indices = np.empty((len(x), k), dtype=np.int32)
    distances = np.empty((len(x), k), dtype=np.float32)
    rows = max(1, CHUNK_ELEMENTS // len(x))
    for start in range(0, len(x), rows):
        if journal.stop_requested():
            raise Cancelled("The search for neighbours was stopped.")
        part = x[start : start + rows]
        # + |a|², which is the same for a whole row
        near = torch.addmm(squares[None].expand(len(part), -1), part, x.T, alpha=-2)
        near[torch.arange(len(part)), torch.arange(start, start + len(part))] = torch.inf
        candidates = near.topk(wanted, largest=False).indices
        exact = torch.cat(
            [_measured(x, p, c) for p, c in zip(part.split(64), candidates.split(64), strict=True)]
        )
        order = exact.argsort(dim=1, stable=True)[:, :k]
        indices[start : start + rows] = candidates.gather(1, order).cpu().numpy()
        distances[start : start + rows] = exact.gather(1, order).cpu().numpy()
        journal.progress(min(start + rows, len(x)), len(x), unit="points")
    return Neighbours(indices, distances)


def _measured(x, part, candidates):
    """Distances from each row of ``part`` to its candidates, by differences."""
    return (x[candidates] - part[:, None]).norm(dim=2)
