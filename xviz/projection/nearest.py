"""The nearest words of a word, in the full space: what a map of two dimensions can't show.

Distances are euclidean, in the space of the map (raw, centred or seen through the probe), to **every** word
of its treebanks, not only to those that were drawn. The search is exact: distances are taken by differences,
block by block, in single precision. The commonest neighbour of a word is the same word elsewhere; so the
nearest of other languages, or of other word forms, can be asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from xviz.concepts.space import read_probe
from xviz.errors import InputError
from xviz.projection.gather import Source, open_source
from xviz.projection.spec import MapSpec
from xviz.store import Store

Among = Literal["all", "languages", "forms"]
AMONG: tuple[Among, ...] = get_args(Among)
"""All other words; those of other languages; those of another form (in lower case)."""


@dataclass(frozen=True)
class Nearest:
    """The nearest units of one unit.

    ``table``: ``source``, ``row``, ``distance``, nearest first. ``searched``: units that distances were taken
    to. ``median``: the median of all these distances, a scale for reading them.
    """

    table: pd.DataFrame
    searched: int
    median: float


def nearest(
    spec: MapSpec, source: int, row: int, *, k: int = 12, among: Among = "all", store: Store
) -> Nearest:
    """The k units of a map's treebanks that are nearest to one of them, in the full space.

    Args:
        source, row: the unit: number of its source, and its row in the word table (of the dependent for
            relations, of the table of sentences for sentences).
        among: which units count; of several treebanks of one language none is "another language".

    Raises:
        InputError: there is no such unit (roots have no relation).
        NotHere: vectors have not been computed.
    """
    if among not in AMONG:
        raise InputError(f"Neighbours are sought among {', '.join(AMONG)}, not {among!r}.")
    probe = read_probe(spec.probe, store) if spec.probe is not None else None
    own = open_source(spec, source, store, probe=probe)
    place = own.place_of(row)
    point = own.vectors(np.array([place]))[0]
    parts, distances = [], []
    for number in range(len(spec.sources)):
        other = own if number == source else open_source(spec, number, store, probe=probe)
        apart = distances_to(other, point)
        eligible = _eligible(own, other, place, among)
        if number == source:
            eligible[place] = False
        distances.append(apart[eligible])
        inside = np.flatnonzero(eligible)
        best = inside[_smallest(apart[inside], k)]
        rows = other.table["row"].to_numpy()[best]
        parts.append(pd.DataFrame({"source": number, "row": rows, "distance": apart[best]}))
    every = np.concatenate(distances)
    table = pd.concat(parts, ignore_index=True).sort_values("distance", kind="stable").head(k)
    median = float(np.median(every)) if len(every) else float("nan")
    return Nearest(table.reset_index(drop=True), len(every), median)


def distances_to(source: Source, point: Float[np.ndarray, " dim"]) -> Float[np.ndarray, " units"]:
    """Euclidean distance of every unit of a source to a point."""
    parts = [np.linalg.norm(block - point, axis=1) for _, block in source.blocks()]
    return np.concatenate(parts)


def rank_of_translations(spec: MapSpec, source: int, row: int, *, store: Store) -> pd.DataFrame:
    """For a sentence: where its translation stands among the sentences of each other source.

    Translations share their ``sent_id``, as in the parallel treebanks of Universal Dependencies; sources
    without it are left out. Returns rows ``source, row, rank, of, distance``; rank 1 is the nearest.
    """
    own = open_source(spec, source, store)
    place = own.place_of(row)
    sent_id = str(own.table["sent_id"].iloc[place])
    point = own.vectors(np.array([place]))[0]
    rows = []
    for number in range(len(spec.sources)):
        if number == source:
            continue
        other = open_source(spec, number, store)
        same = np.flatnonzero((other.table["sent_id"].astype(str) == sent_id).to_numpy())
        if len(same) == 0:
            continue
        apart = distances_to(other, point)
        it = int(same[apart[same].argmin()])
        rank = int((apart < apart[it]).sum()) + 1
        rows.append((number, int(other.table["row"].iloc[it]), rank, len(apart), float(apart[it])))
    return pd.DataFrame(rows, columns=["source", "row", "rank", "of", "distance"])


def _eligible(own: Source, other: Source, place: int, among: Among) -> Bool[np.ndarray, " units"]:
    treebanks = own.spec.sources
    if among == "languages":
        same = treebanks[own.number].treebank.language == treebanks[other.number].treebank.language
        return np.full(len(other), not same)
    if among == "forms" and "form" in other.table:
        mine = str(own.table["form"].iloc[place]).casefold()
        return (other.table["form"].astype(str).str.casefold() != mine).to_numpy(bool).copy()
    return np.full(len(other), True)


def _smallest(values: np.ndarray, k: int) -> np.ndarray:
    """Places of the k smallest, in order; ties by place."""
    if len(values) > k:
        bound = np.partition(values, k - 1)[k - 1]
        candidates = np.flatnonzero(values <= bound)
    else:
        candidates = np.arange(len(values))
    return candidates[np.argsort(values[candidates], kind="stable")][:k]
