"""Stored vectors, opened: a word table and memory-mapped vectors beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from xviz.errors import NotHere
from xviz.representations.spec import SentencePooling, SentenceVectorsSpec, VectorsSpec, WordVectorsSpec
from xviz.representations.stored import SENTENCES, WORDS, Skipped, read_skipped
from xviz.representations.vector_file import read_vectors
from xviz.store import Entry, Spec, Store


@dataclass(frozen=True)
class Representations:
    """What a network makes of one split of a treebank.

    ``words`` has a row for each vector (columns of :class:`xviz.corpora.treebank.Treebank`, and ``subwords``,
    ``unknown``, ``shared``); ``sentences`` a row for each sentence that was read (``sentence`` is its row in
    the treebank, as in ``words``). ``skipped`` names what has no vector. ``provenance``: family, device,
    dtype, seconds, forward_passes and token_budget of the pass, and fertility, shares of unknown and shared
    words.
    """

    spec: WordVectorsSpec
    words: pd.DataFrame
    sentences: pd.DataFrame
    skipped: tuple[Skipped, ...]
    provenance: Mapping[str, Any]
    store: Store

    def vectors(self, layer: int | None = None) -> np.memmap:
        """``[words, dim]`` in fp16 or fp32, read-only, row i for row i of ``words``.

        Raises:
            NotHere: this layer has not been computed.
        """
        return open_vectors(self._at(layer), store=self.store)

    def sentence_vectors(self, layer: int | None = None, *, pooling: SentencePooling = "mean") -> np.memmap:
        """``[sentences, dim]``, row i for row i of ``sentences``.

        Raises:
            NotHere: these vectors have not been computed.
        """
        return open_vectors(sentence_spec(self._at(layer), pooling), store=self.store)

    def layers(self) -> list[int]:
        """The layers whose word vectors are stored."""
        every = range(self.provenance["layers"] + 1)
        return [layer for layer in every if self.store.find(self._at(layer)) is not None]

    def _at(self, layer: int | None) -> WordVectorsSpec:
        return self.spec if layer is None else self.spec.model_copy(update={"layer": layer})


def open_representations(spec: WordVectorsSpec, *, store: Store) -> Representations:
    """The stored result of ``spec``: its table at once, its vectors when they are asked for.

    Raises:
        NotHere: it has not been computed.
    """
    table, vectors = _found(spec.table(), store), _found(spec, store)
    return Representations(
        spec=spec,
        words=pd.read_parquet(table.file(WORDS)),
        sentences=pd.read_parquet(table.file(SENTENCES)),
        skipped=read_skipped(table.folder),
        provenance=vectors.note,
        store=store,
    )


def open_vectors(spec: VectorsSpec, *, store: Store) -> np.memmap:
    """The stored vectors of ``spec``: a read-only memory map.

    Raises:
        NotHere: they have not been computed.
    """
    return read_vectors(_found(spec, store).folder)


def sentence_spec(spec: WordVectorsSpec, pooling: SentencePooling) -> SentenceVectorsSpec:
    """The sentence vectors of the same network, treebank and layer."""
    return spec.sentences(pooling)


def _found(spec: Spec, store: Store) -> Entry:
    entry = store.find(spec)
    if entry is None:
        layer = getattr(spec, "layer", None)
        what = spec.kind.replace("_", " ") + (f" of layer {layer}" if layer is not None else "")
        model, treebank = spec.model.name, spec.treebank.name  # type: ignore[attr-defined]
        raise NotHere(
            f"The {what} of {treebank} in {model} have not been computed yet: run `xviz extract --model "
            f"{model} --treebank {treebank}`."
        )
    return entry
