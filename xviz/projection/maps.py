"""A map as it lies in the store, and where its prototypes stand."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from xviz.concepts.space import read_probe, read_space
from xviz.errors import XvizError
from xviz.projection.gather import Points
from xviz.projection.pca import Principal
from xviz.projection.spec import MapQualitySpec, MapSpec
from xviz.store import Store

ALL = -1
"""``source`` of a prototype that is the mean over the sources."""

TYPICAL_WORDS = 15
LEAST_COUNT = 10
PROTOTYPES_NOTE = {
    "pca": "exact: the mean vector of all words of the concept, projected",
    "umap": (
        f"among its most typical words: the mean place of the {TYPICAL_WORDS} words of the concept "
        "on the map that are nearest to the prototype in the full space"
    ),
}


@dataclass(frozen=True)
class Map:
    """``points``: source, word, x, y(, z). ``prototypes``: concept, source (-1: all), count, x, y(, z)."""

    points: pd.DataFrame
    prototypes: pd.DataFrame
    facts: dict[str, Any]


def read_map(store: Store, spec: MapSpec) -> Map:
    """A map that has been computed.

    Raises:
        XvizError: it has not been, or is gone.
    """
    entry = store.find(spec)
    if entry is None:
        raise XvizError("This map is not in the store (any more); open the page again to make it.")
    return Map(
        pd.read_parquet(entry.file("points.parquet")),
        pd.read_parquet(entry.file("prototypes.parquet")),
        json.loads(entry.file("facts.json").read_text("utf-8")),
    )


def read_quality(store: Store, spec: MapQualitySpec) -> dict[str, Any] | None:
    """The measures of a map, or None where they have not been computed."""
    entry = store.find(spec)
    return None if entry is None else json.loads(entry.file("quality.json").read_text("utf-8"))


def place_prototypes(
    spec: MapSpec,
    points: Points,
    layout: Float[np.ndarray, "points dims"],
    principal: Principal | None,
    store: Store,
) -> pd.DataFrame:
    """Prototypes of each source, and of all sources together, on the map.

    The prototype over all sources is the mean of theirs, each counting once, over the sources in which the
    concept occurs at least 10 times (METHODS.md, section 1). Where a prototype stands: see
    :data:`PROTOTYPES_NOTE`.
    """
    table, matrix = prototype_vectors(spec, points.shifts, store)
    if len(table) == 0:
        return table.assign(**dict.fromkeys("xyz"[: spec.dims], np.zeros(0)))
    if principal is not None:
        table[list("xyz"[: spec.dims])] = principal.place(matrix)
        return table
    places = np.stack([
        _among_typical(points, layout, name, source, vector)
        for name, source, vector in zip(table["concept"], table["source"], matrix, strict=True)
    ])  # fmt: skip
    table[list("xyz"[: spec.dims])] = places
    return table.dropna(subset=["x"]).reset_index(drop=True)


def prototype_vectors(
    spec: MapSpec, shifts: Float[np.ndarray, "sources dim"], store: Store
) -> tuple[pd.DataFrame, Float[np.ndarray, "prototypes dim"]]:
    """The prototypes of a map in its full space: ``concept, source, count``, and a vector each.

    Those of each source, then those over all (see :func:`place_prototypes`). The mean of projected vectors is
    the projected mean, so a probe needs only the prototypes.

    Args:
        shifts: what the map takes away from the vectors of each source.
    """
    probe = read_probe(spec.probe, store) if spec.probe is not None else None
    rows, vectors = [], []
    for number, wanted in enumerate(spec.spaces()):
        space = read_space(wanted, store)
        means = space.prototypes if probe is None else probe.project(space.prototypes)
        for name, vector, count in zip(space.names, means, space.counts, strict=True):
            if count > 0:
                rows.append((name, number, int(count)))
                vectors.append(vector - shifts[number])
    columns = ["concept", "source", "count"]
    table = pd.DataFrame(rows, columns=columns)
    matrix = np.asarray(vectors, dtype=float).reshape(len(rows), shifts.shape[1])
    for concept, group in table.groupby("concept"):
        enough = group[group["count"] >= LEAST_COUNT]
        if len(enough):
            rows.append((str(concept), ALL, int(enough["count"].sum())))
            matrix = np.vstack([matrix, matrix[enough.index].mean(axis=0)])
    return pd.DataFrame(rows, columns=columns), matrix


def _among_typical(
    points: Points, layout: Float[np.ndarray, "points dims"], name: str, source: int, vector: np.ndarray
) -> Float[np.ndarray, " dims"]:
    """NaN where no word of the concept was drawn."""
    if name not in points.names:
        return np.full(layout.shape[1], np.nan)
    members = points.codes == points.names.index(name)
    if source != ALL:
        members &= points.source == source
    rows = np.flatnonzero(members)
    if len(rows) == 0:
        return np.full(layout.shape[1], np.nan)
    distances = np.linalg.norm(points.vectors[rows] - vector, axis=1)
    return layout[rows[np.argsort(distances, kind="stable")[:TYPICAL_WORDS]]].mean(axis=0)
