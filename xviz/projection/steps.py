"""From specifications to maps in the store.

A map is three results under three keys, so that nothing slow is done twice: the exact neighbours (shared by
the 2-D and the 3-D map and by every seed), the layout (shared by every kind of concept), and the map itself,
which adds the prototypes. Its quality is a fourth, computed when somebody asks how far the map may be
believed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from xviz.journal import SILENT, Journal
from xviz.projection.align import match_signs, turn_onto
from xviz.projection.gather import Points, gather
from xviz.projection.maps import PROTOTYPES_NOTE, place_prototypes, read_map
from xviz.projection.mixing import write_mixing
from xviz.projection.neighbours import Neighbours, exact_neighbours
from xviz.projection.pca import Principal, principal_components
from xviz.projection.quality import (
    chance_purity,
    continuity,
    map_neighbours,
    purity,
    stability,
    trustworthiness,
)
from xviz.projection.spec import LanguageMixingSpec, MapQualitySpec, MapSpec
from xviz.store import Store, key_of

LAYOUT_VERSION = 1
NEIGHBOURS_VERSION = 1


def compute_maps(
    specs: Sequence[MapSpec], *, store: Store, journal: Journal = SILENT, load: Callable | None = None
) -> None:
    """Fill the store with maps; what they need (vectors, spaces, a map to start from) is there already."""
    for spec in specs:
        store.obtain(spec, partial(_write_map, spec, store, journal), journal=journal)


def compute_qualities(
    specs: Sequence[MapQualitySpec], *, store: Store, journal: Journal = SILENT, load: Callable | None = None
) -> None:
    """Fill the store with measures of maps that are there already."""
    for spec in specs:
        store.obtain(spec, partial(_write_quality, spec, store, journal), journal=journal)


def compute_mixings(
    specs: Sequence[LanguageMixingSpec],
    *,
    store: Store,
    journal: Journal = SILENT,
    load: Callable | None = None,
) -> None:
    """Fill the store with how far the languages of a map lie apart; its vectors are there already."""

    def write(spec: LanguageMixingSpec, folder: Path) -> dict[str, Any]:
        near = _near(spec.map, gather(spec.map, store), store, journal, k=spec.k)
        return write_mixing(spec, near.indices, store, journal, folder)

    for spec in specs:
        store.obtain(spec, partial(write, spec), journal=journal)


def _write_map(spec: MapSpec, store: Store, journal: Journal, folder: Path) -> dict[str, Any]:
    journal.stage("Reading the vectors")
    points = gather(spec, store)
    principal = None
    if spec.method == "pca":
        journal.stage("Principal components")
        principal = _principal(spec, points, store)
        layout = principal.scores
    else:
        layout = _layout(spec, points, store, journal, seed=spec.seed, from_random=False)
    names = "xyz"[: spec.dims]
    table = pd.DataFrame({"source": points.source, "word": points.word})
    table[list(names)] = layout
    table.to_parquet(folder / "points.parquet", index=False)
    prototypes = place_prototypes(spec, points, layout, principal, store)
    prototypes.to_parquet(folder / "prototypes.parquet", index=False)
    facts = {
        "method": spec.method,
        "dims": spec.dims,
        "points": len(points.source),
        "points_by_source": np.bincount(points.source, minlength=len(spec.sources)).tolist(),
        "shares_of_variance": principal.shares.tolist() if principal is not None else None,
        "prototypes": PROTOTYPES_NOTE[spec.method],
    }
    (folder / "facts.json").write_text(json.dumps(facts), "utf-8")
    return {"points": len(points.source)}


def _principal(spec: MapSpec, points: Points, store: Store) -> Principal:
    found = principal_components(points.vectors, spec.dims)
    if spec.start is None:
        return found
    signs = match_signs(found.scores, _start_coordinates(spec, store, len(points.source)))
    return Principal(found.mean, found.axes * signs[:, None], found.scores * signs, found.shares)


def _layout(
    spec: MapSpec, points: Points, store: Store, journal: Journal, *, seed: int, from_random: bool
) -> Float[np.ndarray, "points dims"]:
    """UMAP's coordinates, kept under a key of their own that does not hold the kind of concept."""
    identity = spec.identity() | {"layout_seed": seed, "from_random": from_random}
    for name in ("concepts", "root") if spec.unit == "words" else ("concepts",):
        identity.pop(name)
    if spec.start is not None:
        identity["start"] = spec.start.key
    key = key_of("layout", LAYOUT_VERSION, identity)

    def write(folder: Path) -> None:
        near = _near(spec, points, store, journal)
        journal.stage("Laying out with UMAP" if not from_random else "Laying out again with another seed")
        np.save(
            folder / "layout.npy", _laid_out(spec, points, near, store, seed=seed, from_random=from_random)
        )

    entry = store.obtain_as("layout", key, spec.model_dump(mode="json"), write, journal=journal)
    return np.load(entry.file("layout.npy"), allow_pickle=False)


def _laid_out(
    spec: MapSpec, points: Points, near: Neighbours, store: Store, *, seed: int, from_random: bool
) -> Float[np.ndarray, "points dims"]:
    from xviz.projection.umap_layout import umap_layout

    fixed = _start_coordinates(spec, store, len(points.source)) if spec.start is not None else None
    begin = None
    if not from_random:
        begin = fixed if fixed is not None else principal_components(points.vectors, spec.dims).scores
    laid = umap_layout(points.vectors, near, start=begin, dims=spec.dims, min_dist=spec.min_dist, seed=seed)
    return laid if fixed is None or from_random else turn_onto(laid, fixed)[0]


def _start_coordinates(spec: MapSpec, store: Store, count: int) -> Float[np.ndarray, "points dims"]:
    """Where the same words stood on the map that this one starts from."""
    assert spec.start is not None
    before = read_map(store, spec.start).points
    coordinates = before[list("xyz"[: spec.dims])].to_numpy(float)
    if coordinates.shape != (count, spec.dims):
        raise ValueError("a map starts from a map of the same words and dimensions")
    return coordinates


def _near(
    spec: MapSpec, points: Points, store: Store, journal: Journal, *, k: int | None = None
) -> Neighbours:
    k = spec.neighbours if k is None else k
    key = key_of("neighbours", NEIGHBOURS_VERSION, spec.cloud() | {"k": k})

    def write(folder: Path) -> None:
        journal.stage("Exact neighbours")
        found = exact_neighbours(points.vectors, k, journal=journal)
        np.savez(folder / "neighbours.npz", indices=found.indices, distances=found.distances)

    entry = store.obtain_as("neighbours", key, spec.model_dump(mode="json"), write, journal=journal)
    with np.load(entry.file("neighbours.npz"), allow_pickle=False) as arrays:
        return Neighbours(arrays["indices"], arrays["distances"])


def _write_quality(spec: MapQualitySpec, store: Store, journal: Journal, folder: Path) -> dict[str, Any]:
    chart = read_map(store, spec.map)
    plane = chart.points[list("xyz"[: spec.map.dims])].to_numpy(float)
    points = gather(spec.map, store)
    near = _near(spec.map, points, store, journal, k=spec.k)
    journal.stage("Ranks of neighbours")
    on_map = map_neighbours(plane, spec.k)
    measures: dict[str, Any] = {
        "k": spec.k,
        "points": len(plane),
        "trustworthiness": trustworthiness(
            points.vectors, plane, k=spec.k, near=on_map, journal=journal
        ).as_dict(),
        "continuity": continuity(
            points.vectors, plane, k=spec.k, near=near.indices, journal=journal
        ).as_dict(),
        "concept_purity": _purities(near.indices, on_map, points.codes),
        "language_purity": _purities(near.indices, on_map, points.source),
        "stability": None,
    }
    if spec.map.method == "umap":
        again = _layout(spec.map, points, store, journal, seed=spec.map.seed + 1, from_random=True)
        measures["stability"] = stability([plane, again], k=spec.k)
    (folder / "quality.json").write_text(json.dumps(measures), "utf-8")
    return {}


def _purities(full: np.ndarray, on_map: np.ndarray, codes: np.ndarray) -> dict[str, float]:
    return {
        "full_space": purity(full, codes),
        "map": purity(on_map, codes),
        "chance": chance_purity(codes),
    }
