"""The batches of an arm: number i of training, and those of dev.

A batch holds about ``batch_tokens`` tokens, whatever the arm, so equal steps are equal tokens. Items (pairs,
rows) come in epochs, each in an order of its own seed, and an epoch runs on into the next: no batch is short.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from xviz.errors import InputError
from xviz.learning.contrastive.objective import pooling_weights
from xviz.learning.instruction.objective import IGNORED, MULTIPLE, row_tensors
from xviz.learning.loop import Batch
from xviz.learning.tuning.apart import normalised
from xviz.learning.tuning.spec import TunedPooling, TuneSpec
from xviz.learning.tuning.tokens import Tokens


@dataclass(frozen=True)
class PairItems:
    """Translation pairs as numbers: ``pairs`` (language, sentence, language, sentence), the tokens and the
    text key (equal where texts are) of every language's sentences."""

    pairs: Int[np.ndarray, "pairs 4"]
    tokens: Sequence[Sequence[Tokens]]
    keys: Int[np.ndarray, "languages sentences"]

    def lengths(self) -> Int[np.ndarray, " pairs"]:
        sizes = np.array([[len(tokens) for tokens in language] for language in self.tokens])
        return sizes[self.pairs[:, 0], self.pairs[:, 1]] + sizes[self.pairs[:, 2], self.pairs[:, 3]]


class Stream:
    """Items without end, cut into batches of ``budget`` tokens: batch i is a function of i and the seed."""

    def __init__(self, lengths: Int[np.ndarray, " items"], *, budget: int, seed: int, least: int = 1):
        if not len(lengths):
            raise InputError("Nothing is left to tune on; look at what was left out, and why.")
        self._lengths, self._budget, self._seed, self._least = lengths, budget, seed, least
        self._batches: list[np.ndarray] = []
        self._open: list[int] = []
        self._epoch = 0

    def __getitem__(self, i: int) -> Int[np.ndarray, " items"]:
        while len(self._batches) <= i:
            order = np.random.default_rng([self._seed, self._epoch]).permutation(len(self._lengths))
            self._epoch += 1
            for item in map(int, order):
                full = sum(self._lengths[self._open]) + self._lengths[item] > self._budget
                if full and len(self._open) >= self._least:
                    self._batches.append(np.array(self._open))
                    self._open = []
                self._open.append(item)
        return self._batches[i]


class Feed:
    """Batches for :func:`xviz.learning.loop.train`."""

    def __init__(
        self,
        spec: TuneSpec,
        *,
        pairs: PairItems | None = None,
        rows: Sequence[Tokens] = (),
        pad: int,
        packed: bool,
    ):
        self.spec, self.pairs, self.rows, self.pad, self.packed = spec, pairs, rows, pad, packed
        share = 2 if spec.arm == "both" else 1
        self.budget, seed = spec.batch_tokens // share, spec.training.seed
        self._pairs = self._rows = None
        if spec.contrasts:
            assert pairs is not None
            self._pairs = Stream(pairs.lengths(), budget=self.budget, seed=seed, least=2)
        if spec.instructs or spec.arm == "translation_lm":
            self._rows = Stream(np.array([len(row) for row in rows]), budget=self.budget, seed=seed + 1)
        self._together = spec.training.accumulate * int(os.environ.get("WORLD_SIZE", "1"))

    def batch(self, i: int) -> Batch:
        """Batch number i of training."""
        inputs: dict[str, Tensor] = {}
        read = 0
        if self._pairs is not None:
            assert self.pairs is not None
            chosen = self._pairs[i]
            inputs |= pair_tensors(self.pairs, chosen, self.pad, self.spec.contrastive.pooling)
            read += int(inputs["pair_mask"].sum())
        if self._rows is not None:
            first = i - i % self._together  # what is accumulated and gathered is one sum over all its tokens
            step = [row for n in range(self._together) for row in self._rows[first + n]]
            asked = sum(int(self.rows[row].own[1:].sum()) for row in step)
            inputs |= row_batch(
                [self.rows[row] for row in self._rows[i]],
                pad=self.pad,
                width=min(self.spec.length, self.budget),
                packed=self.packed,
                targets=asked / self._together,
            )
            read += int((inputs["row_segments"] > 0).sum())
        return Batch(inputs, targets=1, tokens=read)


def row_batch(
    rows: Sequence[Tokens], *, pad: int, width: int, packed: bool, targets: float | None = None
) -> dict[str, Tensor]:
    """Rows as the objective takes them, their summed loss divided by ``targets`` (default: their own)."""
    tensors = row_tensors(rows, pad=pad, width=max(width, max(map(len, rows))), packed=packed)
    own = int((tensors["labels"] != IGNORED).sum())
    share = torch.tensor(1 / max(1.0, own if targets is None else targets), dtype=torch.float32)
    return {f"row_{name}": tensor for name, tensor in tensors.items()} | {"row_share": share}


def pair_tensors(
    items: PairItems,
    chosen: Int[np.ndarray, " chosen"],
    pad: int,
    pooling: TunedPooling,
    *,
    side: str = "right",
) -> dict[str, Tensor]:
    """Pairs as the objective takes them: sentences by falling length, and where each pair's two sides are."""
    pairs = items.pairs[chosen]
    places = [*map(tuple, pairs[:, :2]), *map(tuple, pairs[:, 2:])]
    sentences = [items.tokens[language][sentence] for language, sentence in places]
    order = sorted(range(len(sentences)), key=lambda n: (-len(sentences[n]), n))
    shape = (len(order), -(-len(sentences[order[0]]) // MULTIPLE) * MULTIPLE)
    ids = np.full(shape, pad, dtype=np.int64)
    mask, own = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=bool)
    for row, n in enumerate(order):
        tokens = sentences[n]
        span = slice(0, len(tokens)) if side == "right" else slice(shape[1] - len(tokens), None)
        ids[row, span], mask[row, span], own[row, span] = tokens.ids, 1, tokens.own
    return {
        "pair_ids": torch.from_numpy(ids),
        "pair_mask": torch.from_numpy(mask),
        "pair_weights": pooling_weights(torch.from_numpy(own), pooling),
        "pair_place": torch.from_numpy(np.argsort(order)),
        "pair_keys": torch.from_numpy(
            np.stack([items.keys[pairs[:, 0], pairs[:, 1]], items.keys[pairs[:, 2], pairs[:, 3]]])
        ),
    }


def text_key(text: str) -> int:
    """63 bits; equal for texts of equal letters and digits."""
    return int.from_bytes(hashlib.sha256(normalised(text).encode()).digest()[:8], "big") >> 1
