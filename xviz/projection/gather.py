"""The points of a map: a seeded sample of words (or relations) of every source, with vectors and labels."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from xviz.concepts.annotation import label
from xviz.concepts.probe import Probe
from xviz.concepts.space import read_probe
from xviz.errors import InputError
from xviz.projection.spec import MapSpec
from xviz.representations.opened import Representations, open_representations
from xviz.representations.relations import relations
from xviz.store import Store

BLOCK_ELEMENTS = 2**23
"""Numbers of a source that are read at a time: 32 MB in single precision."""


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


@dataclass(frozen=True)
class Source:
    """Every word, relation or sentence of one source of a map, with the vectors that the map lays out.

    ``table`` has a row a unit: the word table (of the dependents, for relations) or the table of sentences,
    and ``row``, the unit's row in the stored table. ``shift`` is what the map takes away from each vector.
    """

    spec: MapSpec
    number: int
    table: pd.DataFrame
    shift: Float[np.ndarray, " dim"]
    _read: Callable[[Int[np.ndarray, " rows"]], Float[np.ndarray, "rows dim"]]

    def __len__(self) -> int:
        return len(self.table)

    def vectors(self, places: Int[np.ndarray, " rows"]) -> Float[np.ndarray, "rows dim"]:
        """Vectors of the units at ``places`` of the table, in single precision."""
        return self._read(places) - self.shift

    def blocks(self) -> Iterator[tuple[int, Float[np.ndarray, "block dim"]]]:
        """All vectors in order, with the place of the first of each block."""
        size = max(1, BLOCK_ELEMENTS // len(self.shift))
        for start in range(0, len(self), size):
            yield start, self.vectors(np.arange(start, min(start + size, len(self))))

    def place_of(self, row: int) -> int:
        """Where the unit with this ``row`` stands in the table.

        Raises:
            InputError: there is none (a root has no relation).
        """
        found = np.flatnonzero(self.table["row"].to_numpy() == row)
        if len(found) == 0:
            raise InputError(f"There is no such {self.spec.unit[:-1]} on this map.")
        return int(found[0])

    def drawn(self) -> Int[np.ndarray, " drawn"]:
        """Places of the units that the map shows."""
        name = self.spec.sources[self.number].treebank.name
        return draw(len(self), self.spec.sample, seed=self.spec.seed, name=name)


def open_source(spec: MapSpec, number: int, store: Store, *, probe: Probe | None = None) -> Source:
    """The units of one source, in the space of the map.

    Args:
        probe: of ``spec``, where the caller has read it already.

    Raises:
        InputError: the source has no such units.
        NotHere: its vectors have not been computed.
    """
    opened = open_representations(spec.sources[number], store=store)
    table, raw = _units(spec, opened)
    if len(table) == 0:
        name = spec.sources[number].treebank.name
        raise InputError(f"{name} has no {spec.unit} to show; choose another split.")
    if spec.probe is not None and probe is None:
        probe = read_probe(spec.probe, store)

    def read(places: np.ndarray) -> np.ndarray:
        vectors = raw(places)
        return vectors if probe is None else probe.project(vectors)

    here = Source(spec, number, table, np.zeros(1, np.float32), read)
    if spec.centring == "language":
        return replace(here, shift=here.vectors(here.drawn()).mean(axis=0))
    return replace(here, shift=np.zeros(here.vectors(np.arange(1)).shape[1], np.float32))


def gather(spec: MapSpec, store: Store) -> Points:
    """Read the vectors of a map from the store.

    Raises:
        InputError: a source has no words left.
        NotHere: the vectors of a source have not been computed.
    """
    parts, sources, words, shifts, labels = [], [], [], [], []
    for number in range(len(spec.sources)):
        source = open_source(spec, number, store)
        chosen = source.drawn()
        units = source.table.iloc[chosen]
        parts.append(source.vectors(chosen))
        shifts.append(source.shift)
        sources.append(np.full(len(chosen), number, np.int32))
        words.append(units["row"].to_numpy().astype(np.int32))
        labels.append(names_of_concepts(units, spec.concepts if spec.unit != "sentences" else ""))
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


def _units(spec: MapSpec, opened: Representations) -> tuple[pd.DataFrame, Callable[[np.ndarray], np.ndarray]]:
    """The table of one source, and what reads the vectors of some of its rows."""
    if spec.unit == "relations":
        found = relations(opened, root=spec.root)

        def of_relations(places: np.ndarray) -> np.ndarray:
            return replace(found, table=found.table.iloc[places].reset_index(drop=True)).vectors()

        return found.table, of_relations
    if spec.unit == "sentences":
        means = opened.sentence_vectors(pooling="mean")
        table = opened.sentences.reset_index(drop=True).assign(row=np.arange(len(opened.sentences)))
        return table, lambda places: means[places].astype(np.float32)
    vectors = opened.vectors()
    return opened.words.assign(row=np.arange(len(opened.words))), lambda places: vectors[places].astype(
        np.float32
    )


def names_of_concepts(words: pd.DataFrame, concepts: str) -> np.ndarray:
    """The concept of each word, "" where the annotation says nothing (or ``concepts`` is "")."""
    if not concepts:
        return np.full(len(words), "", dtype=object)
    try:
        labels = label(words, concepts)
    except InputError:  # this treebank lacks the feature; another may have it
        return np.full(len(words), "", dtype=object)
    return np.array([*labels.names, ""], dtype=object)[labels.codes]
