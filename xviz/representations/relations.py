"""Relation vectors: ``r = h_head − h_dependent``, one for each dependent (METHODS.md, section 1; paper A)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from xviz.errors import InputError
from xviz.representations.opened import Representations

RootPolicy = Literal["drop", "zero", "cls"]
BLOCK = 8192
"""Relations computed at a time."""


@dataclass(frozen=True)
class Relations:
    """The relations of one layer.

    ``table``: the rows of the word table that are dependents here, with ``row`` (in the word table) and
    ``head_row`` (-1 for a root). ``without_head``: dependents left out because their head has no vector.
    """

    table: pd.DataFrame
    without_head: int
    representations: Representations
    layer: int
    root: RootPolicy

    def __len__(self) -> int:
        return len(self.table)

    def vectors(self) -> Float[np.ndarray, "relations dim"]:
        """All of them, fp32."""
        return np.concatenate([*self.blocks(), np.zeros((0, self._words().shape[1]), dtype=np.float32)])

    def blocks(self, size: int = BLOCK) -> Iterator[Float[np.ndarray, "block dim"]]:
        """The same in order, ``size`` at a time, for what should not lie in memory at once."""
        words, tops = self._words(), self._tops()
        dependents = self.table["row"].to_numpy()
        heads = self.table["head_row"].to_numpy()
        sentences = self.table["sentence"].to_numpy()
        place = _place_of_sentence(self.representations)
        for begin in range(0, len(self), size):
            part = slice(begin, begin + size)
            head, root = heads[part], heads[part] < 0
            top = np.zeros((len(head), words.shape[1]), dtype=np.float32)
            top[~root] = words[head[~root]]
            if tops is not None:
                top[root] = tops[place[sentences[part][root]]]
            yield top - words[dependents[part]].astype(np.float32)

    def _words(self) -> np.ndarray:
        return self.representations.vectors(self.layer)

    def _tops(self) -> np.ndarray | None:
        if self.root != "cls":
            return None
        return self.representations.sentence_vectors(self.layer, pooling="cls")


def relations(
    representations: Representations, layer: int | None = None, *, root: RootPolicy = "drop"
) -> Relations:
    """The relations of one layer (default: the layer that was opened).

    Args:
        root: what stands for the head of a root: ``drop`` leaves roots out, ``zero`` takes the zero vector,
            ``cls`` the first special token, as paper A does for encoders (its vectors are stored on demand,
            as sentence vectors with pooling ``cls``).

    Raises:
        InputError: ``cls`` with a decoder, whose first position stands for no sentence.
        NotHere: the vectors have not been computed.
    """
    layer = representations.spec.layer if layer is None else layer
    words = representations.words
    head_row = head_rows(words)
    keep = head_row >= 0
    if root != "drop":
        keep |= words["head"].to_numpy() == 0
    table = words.assign(row=np.arange(len(words)), head_row=head_row)[keep].reset_index(drop=True)
    result = Relations(table, int((head_row == LOST).sum()), representations, layer, root)
    if root == "cls":
        if representations.provenance.get("family") == "decoder":
            raise InputError("A decoder has no cls vector; choose drop or zero for the root.")
        result._tops()
    return result


LOST = -2


def head_rows(words: pd.DataFrame) -> Int[np.ndarray, " words"]:
    """For every word the row of its head; -1 for a root, -2 where the head has no vector."""
    if not len(words):
        return np.zeros(0, dtype=np.int64)
    sentence = words["sentence"].to_numpy().astype(np.int64)
    index, head = words["index"].to_numpy().astype(np.int64), words["head"].to_numpy().astype(np.int64)
    stride = int(max(index.max(), head.max())) + 1
    places = sentence * stride + index  # rising, for words stand sentence after sentence
    wanted = sentence * stride + head
    found = np.searchsorted(places, wanted)
    found[found == len(places)] = 0
    rows = np.where(places[found] == wanted, found, LOST)
    return np.where(head == 0, -1, rows)


def _place_of_sentence(representations: Representations) -> Int[np.ndarray, " sentences"]:
    sentences = representations.sentences["sentence"].to_numpy()
    place = np.full(int(sentences.max(initial=-1)) + 1, -1, dtype=np.int64)
    place[sentences] = np.arange(len(sentences))
    return place
