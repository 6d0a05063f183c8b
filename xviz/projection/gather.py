"""The points of a map: a seeded sample of words (or relations) of every source, with vectors and labels."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from xviz.concepts.annotation import label
from xviz.errors import InputError
from xviz.projection.spec import MapSpec
from xviz.representations.opened import open_representations
from xviz.representations.relations import relations
from xviz.store import Store


@dataclass(frozen=True)
class Points:
    """What is laid out.

    ``vectors``: centred as the specification says. ``source`` numbers the specification's sources, ``word``
    is the row in that source's word table (of the dependent, for relations). ``shifts``: what was taken away
    from the vectors of each source. ``codes`` index ``names``; -1 where the annotation says nothing.
    """

    vectors: Float[np.ndarray, "points dim"]
    source: Int[np.ndarray, " points"]
    word: Int[np.ndarray, " points"]
    shifts: Float[np.ndarray, "sources dim"]
    codes: Int[np.ndarray, " points"]
    names: tuple[str, ...]


def draw(rows: int, sample: int, *, seed: int, name: str) -> Int[np.ndarray, " drawn"]:
    """``sample`` of ``rows`` row numbers, in order; all where there are fewer.

    The same seed and name draw the same rows in every layer and next to any other treebanks.
    """
    if rows <= sample:
        return np.arange(rows)
    generator = np.random.default_rng([seed, zlib.crc32(name.encode())])
    return np.sort(generator.choice(rows, sample, replace=False))


def gather(spec: MapSpec, store: Store) -> Points:
    """Read the vectors of a map from the store.

    Raises:
        InputError: a source has no words left.
        NotHere: the vectors of a source have not been computed.
    """
    parts, sources, words, shifts, labels = [], [], [], [], []
    for number, source in enumerate(spec.sources):
        opened = open_representations(source, store=store)
        units = relations(opened, root=spec.root) if spec.unit == "relations" else None
        count = len(opened.words) if units is None else len(units)
        chosen = draw(count, spec.sample, seed=spec.seed, name=source.treebank.name)
        if len(chosen) == 0:
            raise InputError(f"{source.treebank.name} has no {spec.unit} to show; choose another split.")
        if units is None:
            rows, vectors = chosen, opened.vectors()[chosen].astype(np.float32)
        else:
            drawn = replace(units, table=units.table.iloc[chosen].reset_index(drop=True))
            rows, vectors = drawn.table["row"].to_numpy(), drawn.vectors()
        shift = np.zeros(vectors.shape[1], np.float32)
        if spec.centring == "language":
            shift = vectors.mean(axis=0)
        parts.append(vectors - shift)
        shifts.append(shift)
        sources.append(np.full(len(chosen), number, np.int32))
        words.append(rows.astype(np.int32))
        labels.append(names_of_concepts(opened.words.iloc[rows], spec.concepts))
    named = pd.Series(np.concatenate(labels))
    names = tuple(sorted(set(named) - {""}))
    codes = named.map({name: code for code, name in enumerate(names)}).fillna(-1).to_numpy(np.int32)
    return Points(
        np.concatenate(parts),
        np.concatenate(sources),
        np.concatenate(words),
        np.stack(shifts),
        codes,
        names,
    )


def names_of_concepts(words: pd.DataFrame, concepts: str) -> np.ndarray:
    """The concept of each word, "" where the annotation says nothing."""
    try:
        labels = label(words, concepts)
    except InputError:  # this treebank lacks the feature; another may have it
        return np.full(len(words), "", dtype=object)
    return np.array([*labels.names, ""], dtype=object)[labels.codes]
