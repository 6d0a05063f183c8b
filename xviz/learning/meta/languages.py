"""The languages of an experiment: stored vectors, standardised, with the source's concepts as labels.

Everything is read once; training and judging never run the network. Labels index the concepts that occur in
the source's train side; a concept that the source lacks is ``UNSEEN``, a word without annotation
``UNANNOTATED``. The labels of a target's train side are seen by few-shot methods and the in-language ceiling
alone; its mean and standard deviation come from that side without labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int

from xviz.concepts.space import open_units
from xviz.corpora.spec import TreebankSpec
from xviz.errors import InputError
from xviz.learning.meta.spec import MetaSpec, Sides
from xviz.representations.opened import open_representations
from xviz.store import Store

UNSEEN, UNANNOTATED = -1, -2
TINY = 1e-8


@dataclass(frozen=True)
class Side:
    """Words (or relations) of one split in sentence order; ``sentence`` counts from 0 without gaps."""

    vectors: Float[np.ndarray, "rows dim"]
    codes: Int[np.ndarray, " rows"]
    sentence: Int[np.ndarray, " rows"]
    forms: np.ndarray
    sent_ids: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.sent_ids)

    @cached_property
    def bounds(self) -> Int[np.ndarray, " sentences+1"]:
        """The rows of sentence i are ``bounds[i]`` to ``bounds[i + 1]``."""
        return np.searchsorted(self.sentence, np.arange(len(self) + 1))

    def rows(self, sentences: Int[np.ndarray, " chosen"]) -> Int[np.ndarray, " rows"]:
        """The labelled rows of these sentences, one sentence after the other."""
        found = np.concatenate([np.arange(*self.bounds[i : i + 2]) for i in sentences] or [np.zeros(0, int)])
        return found[self.codes[found] >= 0]

    def presence(self, concepts: int) -> Bool[np.ndarray, "sentences concepts"]:
        """Which concepts each sentence holds."""
        there = np.zeros((len(self), concepts), bool)
        labelled = self.codes >= 0
        there[self.sentence[labelled], self.codes[labelled]] = True
        return there


@dataclass(frozen=True)
class Language:
    """One treebank of an experiment."""

    name: str
    language: str
    train: Side
    dev: Side
    test: Side


@dataclass(frozen=True)
class Languages:
    """Source, training languages and targets of an experiment, with the source's concepts."""

    concepts: tuple[str, ...]
    source: Language
    training: tuple[Language, ...]
    targets: tuple[Language, ...]

    @property
    def judged(self) -> tuple[Language, ...]:
        """The source (the pivot of a gap), then the targets."""
        return (self.source, *self.targets)

    def shuffled(self, seed: int) -> Languages:
        """The labels of all train and dev sides in random order (a control); test labels stay true."""
        rng = np.random.default_rng([seed, 77])

        def shuffle(side: Side) -> Side:
            codes = side.codes.copy()
            labelled = codes >= 0
            codes[labelled] = rng.permutation(codes[labelled])
            return replace(side, codes=codes)

        def mixed(language: Language) -> Language:
            return replace(language, train=shuffle(language.train), dev=shuffle(language.dev))

        return replace(
            self,
            source=mixed(self.source),
            training=tuple(map(mixed, self.training)),
            targets=tuple(map(mixed, self.targets)),
        )


def open_languages(spec: MetaSpec, *, store: Store) -> Languages:
    """The languages of ``spec``, read from the store.

    Raises:
        InputError: a side has no sentence, or the source has fewer than two concepts.
    """
    reader = _Reader(spec, store)
    train = reader.side(spec.source.train, None)
    concepts = reader.concepts
    if len(concepts) < 2:
        raise InputError(
            f"{spec.source.name} has fewer than two concepts ({spec.concepts}) in its train side; there is "
            "nothing to tell apart. Choose another source or other concepts."
        )
    scale_of_source = standardisation(train.vectors)

    def read(sides: Sides) -> Language:
        raw = {part: reader.side(getattr(sides, part), concepts) for part in ("train", "dev", "test")}
        by = {
            "language": lambda: standardisation(raw["train"].vectors),
            "source": lambda: scale_of_source,
            "none": lambda: (np.zeros(1, np.float32), np.ones(1, np.float32)),
        }[spec.standardise]()
        scaled = {part: replace(side, vectors=(side.vectors - by[0]) / by[1]) for part, side in raw.items()}
        return Language(sides.name, sides.language, **scaled)

    return Languages(
        concepts, read(spec.source), tuple(map(read, spec.training)), tuple(map(read, spec.targets))
    )


def standardisation(
    vectors: Float[np.ndarray, "rows dim"],
) -> tuple[Float[np.ndarray, " dim"], Float[np.ndarray, " dim"]]:
    """Mean and standard deviation of each dimension (1 where it is constant)."""
    scale = vectors.std(0, dtype=np.float64)
    mean = vectors.mean(0, dtype=np.float64)
    return mean.astype(np.float32), np.where(scale > TINY, scale, 1).astype(np.float32)


class _Reader:
    """Reads sides of treebanks; the first side that is read says what the concepts are."""

    def __init__(self, spec: MetaSpec, store: Store):
        self._spec, self._store = spec, store
        self.concepts: tuple[str, ...] = ()

    def side(self, treebank: TreebankSpec, concepts: Sequence[str] | None) -> Side:
        spec, vectors = self._spec, self._spec.vectors(treebank)
        units = open_units(vectors, store=self._store, relations=spec.concepts == "deprel", root=spec.root)
        if not len(units.table):
            raise InputError(
                f"The {treebank.split} side of {treebank.name} has no word to learn from or to judge; give "
                "--partition other shares, or choose another treebank."
            )
        if concepts is None:
            labels = units.labelled(spec.concepts)
            self.concepts, codes = labels.names, labels.codes
        else:
            codes = units.labelled(spec.concepts, tuple(concepts)).codes
        annotated = units.labelled(spec.concepts).codes >= 0
        codes = np.where(annotated, np.where(codes < 0, UNSEEN, codes), UNANNOTATED)
        sentences = open_representations(vectors, store=self._store).sentences
        names = dict(zip(sentences["sentence"], sentences["sent_id"].astype(str), strict=True))
        there, dense = np.unique(units.table["sentence"].to_numpy(), return_inverse=True)
        return Side(
            vectors=np.asarray(units.vectors, np.float32),
            codes=codes.astype(np.int64),
            sentence=dense.astype(np.int64),
            forms=units.table["form"].astype(str).to_numpy(object),
            sent_ids=tuple(names[i] for i in there),
        )
