"""UMAP (McInnes, Healy and Melville 2018) on exact neighbours, from a start that is known.

The layout starts from principal components rather than from the spectrum of the neighbour graph: the start
decides most of the large-scale arrangement (Kobak and Linderman 2021), and principal components are exact and
the same every time. A map of a neighbouring layer may start from another map instead.
"""

from __future__ import annotations

import warnings

import numpy as np
from jaxtyping import Float

from xviz.projection.neighbours import Neighbours

SPAN = 10.0  # UMAP's own initial extent


def umap_layout(
    points: Float[np.ndarray, "points dim"],
    neighbours: Neighbours,
    *,
    start: Float[np.ndarray, "points dims"] | None,
    dims: int,
    min_dist: float,
    seed: int,
) -> Float[np.ndarray, "points dims"]:
    """Coordinates of every point.

    Args:
        neighbours: all of these are used (UMAP's ``n_neighbors`` counts the point itself as well).
        start: initial coordinates; None for random ones.
        seed: the same seed gives the same map on the same machine (one thread).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that transform is unavailable without a search index, and n_jobs=1
        from umap import UMAP

        itself = np.arange(len(points), dtype=np.int32)[:, None]
        indices = np.hstack([itself, neighbours.indices.astype(np.int32)])
        distances = np.hstack([np.zeros((len(points), 1), np.float32), neighbours.distances])
        model = UMAP(
            n_components=dims,
            n_neighbors=indices.shape[1],
            min_dist=min_dist,
            init="random" if start is None else _spread(start, seed),
            random_state=seed,
            precomputed_knn=(indices, distances.astype(np.float32)),
            force_approximation_algorithm=True,  # or small sets ignore the neighbours handed over
        )
        return np.asarray(model.fit_transform(np.asarray(points, dtype=np.float32)), dtype=np.float64)


def warm_up() -> None:
    """Compile UMAP (about 11 s in every process) on a handful of points."""
    from xviz.projection.neighbours import exact_neighbours

    points = np.random.default_rng(0).normal(size=(64, 8)).astype(np.float32)
    near = exact_neighbours(points, 5)
    umap_layout(points, near, start=points[:, :2], dims=2, min_dist=0.1, seed=0)


def _spread(start: Float[np.ndarray, "points dims"], seed: int) -> Float[np.ndarray, "points dims"]:
    """Scaled to UMAP's extent, with a trace of noise so that equal vectors can part."""
    extent = float(np.abs(start - start.mean(axis=0)).max()) or 1.0
    placed = (start - start.mean(axis=0)) / extent * SPAN / 2
    noise = np.random.default_rng(seed).normal(scale=1e-4 * SPAN, size=placed.shape)
    return (placed + noise).astype(np.float32)
