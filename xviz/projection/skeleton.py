"""The skeleton of a concept space: each prototype joined to its nearest, so that all hang together.

It is the minimum spanning tree (Kruskal 1956) of the euclidean distances between prototypes in the **full**
space, drawn on the map: where a short edge looks long, the map has torn apart what is near. One tree over
all languages, or one a language.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from xviz.projection.gather import open_source
from xviz.projection.maps import ALL, LEAST_COUNT, prototype_vectors
from xviz.projection.spec import MapSpec
from xviz.store import Store


def skeleton(spec: MapSpec, store: Store, *, each: bool = False) -> pd.DataFrame:
    """Edges between the prototypes of a map: ``source`` (-1: over all), ``one``, ``other``, ``distance``.

    Concepts that occur less than 10 times in a language are not part of its tree.

    Args:
        each: a tree for each source instead of one over all.
    """
    table, vectors = prototype_vectors(spec, shifts_of(spec, store), store)
    wanted = sorted(set(table["source"]) - {ALL}) if each else [ALL]
    parts = []
    for source in wanted:
        here = table[(table["source"] == source) & (table["count"] >= LEAST_COUNT)]
        names = here["concept"].to_numpy()
        edges, lengths = spanning_tree(vectors[here.index])
        parts.append(
            pd.DataFrame(
                {
                    "source": source,
                    "one": names[edges[:, 0]],
                    "other": names[edges[:, 1]],
                    "distance": lengths,
                }
            )
        )
    columns = ["source", "one", "other", "distance"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def spanning_tree(
    points: Float[np.ndarray, "points dim"],
) -> tuple[Int[np.ndarray, "edges 2"], Float[np.ndarray, " edges"]]:
    """Edges of the minimum spanning tree, shortest first, and their lengths; none for fewer than two."""
    if len(points) < 2:
        return np.zeros((0, 2), np.int64), np.zeros(0)
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import minimum_spanning_tree
    from scipy.spatial.distance import pdist, squareform

    apart = squareform(pdist(np.asarray(points, float)))
    above = np.triu_indices(len(points), 1)
    # As a sparse graph: a dense one takes lengths near 0 for "no edge", and equal prototypes fall apart.
    lengths = np.maximum(apart[above], np.finfo(float).tiny)
    tree = minimum_spanning_tree(coo_array((lengths, above), shape=apart.shape).tocsr()).tocoo()
    order = np.argsort(tree.data, kind="stable")
    edges = np.stack([tree.row, tree.col], axis=1)[order].astype(np.int64)
    return edges, apart[edges[:, 0], edges[:, 1]]


def shifts_of(spec: MapSpec, store: Store) -> Float[np.ndarray, "sources dim"]:
    """What the map takes away from the vectors of each source."""
    if spec.centring == "none":
        return np.zeros((len(spec.sources), len(open_source(spec, 0, store).shift)), np.float32)
    return np.stack([open_source(spec, number, store).shift for number in range(len(spec.sources))])
