"""Where vectors that were not laid out stand on a map that is there: words that somebody types.

On principal components a vector has an exact place, its projection. UMAP knows no such map for new points,
so a vector is put among its :data:`NEAREST` nearest points in the full space: their mean place, weighted by
1/distance. That is an interpolation; where the neighbours lie far apart on the map, so does the truth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from xviz.concepts.probe import Probe
from xviz.concepts.space import read_probe
from xviz.errors import InputError
from xviz.projection.align import match_signs
from xviz.projection.gather import Points, gather
from xviz.projection.maps import read_map
from xviz.projection.pca import Principal, principal_components
from xviz.projection.spec import MapSpec
from xviz.store import Store

NEAREST = 5


@dataclass(frozen=True)
class Placement:
    """Puts vectors of the same network and layer on a map (see :func:`placement`)."""

    points: Points
    layout: Float[np.ndarray, "points dims"]
    principal: Principal | None
    probe: Probe | None = None

    def place(
        self, vectors: Float[np.ndarray, "rows dim"], *, source: int | None = None
    ) -> Float[np.ndarray, "rows dims"]:
        """Coordinates of the network's own vectors.

        Args:
            source: the treebank whose language they are of, which matters where the map takes each language's
                mean away; None takes the mean of these means away.
        """
        seen = vectors if self.probe is None else self.probe.project(vectors)
        shift = self.points.shifts.mean(axis=0) if source is None else self.points.shifts[source]
        moved = np.asarray(seen, dtype=np.float64) - shift
        if self.principal is not None:
            return self.principal.place(moved)
        known = self.points.vectors.astype(np.float64)
        places = np.empty((len(moved), self.layout.shape[1]))
        for row, vector in enumerate(moved):
            distances = np.linalg.norm(known - vector, axis=1)
            nearest = np.argsort(distances, kind="stable")[:NEAREST]
            weights = 1 / np.maximum(distances[nearest], 1e-9)
            places[row] = weights @ self.layout[nearest] / weights.sum()
        return places

    def how(self, *, source: int | None = None) -> str:
        """A sentence for the reader."""
        told = (
            "Typed words are projected exactly."
            if self.principal is not None
            else f"UMAP has no exact place for new words: each stands amid the {NEAREST} words that are "
            "nearest to it in the full space."
        )
        if self.points.shifts.any():
            whose = "of all languages, for theirs is not known," if source is None else "of their language"
            told += f" The mean {whose} is taken away from them."
        return told


def placement(spec: MapSpec, store: Store) -> Placement:
    """What it takes to put more vectors on the map of ``spec``, which has been computed.

    Raises:
        InputError: it is no map of words.
        XvizError: the map or its vectors are not in the store.
    """
    if spec.unit != "words":
        raise InputError(f"This is a map of {spec.unit}, and what is typed are words; choose a map of words.")
    layout = read_map(store, spec).points[list("xyz"[: spec.dims])].to_numpy(float)
    points = gather(spec, store)
    principal = None
    if spec.method == "pca":
        found = principal_components(points.vectors, spec.dims)
        signs = match_signs(found.scores, layout)  # the map's axes may have been flipped
        principal = Principal(found.mean, found.axes * signs[:, None], found.scores * signs, found.shares)
    probe = read_probe(spec.probe, store) if spec.probe is not None else None
    return Placement(points, layout, principal, probe)
