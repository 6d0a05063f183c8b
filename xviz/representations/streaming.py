"""Prototypes without keeping vectors, for corpora whose vectors would not fit on the disk.

The sum over the vectors of every concept, ``s_k = sum_{i in k} x_i``, and their number n_k, are gathered on
the device while the network runs; the prototype is ``c_k = s_k / n_k`` (METHODS.md, section 2). A corpus may
come in parts, of which one at a time is in memory. Sums are taken over what the stored path would have kept
(rounded to fp16 unless the layer needs fp32), so both give the same prototypes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor

from xviz.corpora.treebank import Treebank
from xviz.errors import InputError
from xviz.journal import SILENT, Journal
from xviz.models.loading import LanguageModel
from xviz.representations.batches import Batch, default_budget, plan_batches
from xviz.representations.capture import LayerCapture
from xviz.representations.forward import Kept, Wanted, pooled
from xviz.representations.pooling import fits_half, half_keeps
from xviz.representations.relations import head_rows
from xviz.representations.spec import WordPooling
from xviz.representations.stored import Skipped
from xviz.representations.tokens import TokenisedTreebank, tokenise

Label = Callable[[pd.DataFrame], Sequence[str | None]]
"""For every row of a word table the concept it is an instance of, or None."""


@dataclass(frozen=True)
class StreamedPrototypes:
    """``prototypes[layer]`` is ``[concepts, dim]`` in fp64, ``counts`` and ``names`` say of what.

    ``parts``: treebanks (or parts of one) that were read; ``words``: vectors that the network gave.
    """

    names: tuple[str, ...]
    counts: Int[np.ndarray, " concepts"]
    prototypes: dict[int, Float[np.ndarray, "concepts dim"]]
    skipped: tuple[Skipped, ...]
    parts: int
    words: int
    forward_passes: int


def stream_prototypes(
    model: LanguageModel,
    treebanks: Treebank | Iterable[Treebank],
    label: Label,
    *,
    layers: Sequence[int],
    pooling: WordPooling,
    unit: Literal["words", "relations"] = "words",
    max_words: int = 128,
    token_budget: int | None = None,
    journal: Journal = SILENT,
) -> StreamedPrototypes:
    """Prototypes of every concept at every layer, from one pass over a corpus.

    Args:
        treebanks: a corpus, or its parts one after another.
        label: the concept of each word (for ``relations``: of each dependent).
        unit: ``words``, or ``relations`` (``h_head − h_dependent``; roots and dependents whose head has no
            vector are left out).

    Raises:
        InputError: a layer that the model does not have.
    """
    beyond = [layer for layer in layers if not 0 <= layer <= model.layers]
    if beyond or not layers:
        which = beyond[0] if beyond else "named"
        raise InputError(f"There is no layer {which}: {model.name} has layers 0 to {model.layers}.")
    sums = {layer: _Sums() for layer in layers}
    names: dict[str, int] = {}
    counts: list[int] = []
    skipped: list[Skipped] = []
    parts = words = 0
    budget = token_budget or default_budget(model.device)
    with LayerCapture(model, layers) as capture:
        for treebank in [treebanks] if isinstance(treebanks, Treebank) else treebanks:
            tokens = tokenise(treebank, model, max_words=max_words)
            codes = _codes(label(tokens.words), names)
            heads = head_rows(tokens.words) if unit == "relations" else None
            if heads is not None:
                codes[heads < 0] = -1
            counts += [0] * (len(names) - len(counts))
            for code, n in enumerate(np.bincount(codes[codes >= 0], minlength=len(names))):
                counts[code] += int(n)
            _read(model, tokens, codes, heads, sums, pooling, budget, capture, journal)
            skipped += tokens.skipped
            parts, words = parts + 1, words + len(tokens.words)
        passes = capture.passes
    number = np.array(counts, dtype=np.int64)
    divisor = np.maximum(number, 1)[:, None]
    prototypes = {layer: s.total(len(names), model.width) / divisor for layer, s in sums.items()}
    return StreamedPrototypes(tuple(names), number, prototypes, tuple(skipped), parts, words, passes)


def _codes(labels: Sequence[str | None], names: dict[str, int]) -> Int[np.ndarray, " words"]:
    """Numbers for labels, in order of appearance; -1 for none."""
    codes, uniques = pd.factorize(np.asarray(labels, dtype=object), use_na_sentinel=True)
    known = np.array([names.setdefault(str(name), len(names)) for name in uniques], dtype=np.int64)
    return np.where(codes >= 0, known[codes], -1) if len(known) else np.full(len(codes), -1)


@dataclass
class _Sums:
    """Sums of one layer in fp64: of the exact vectors, and of the vectors rounded to fp16."""

    exact: Float[np.ndarray, "concepts dim"] | None = None
    rounded: Float[np.ndarray, "concepts dim"] | None = None
    extremes: list[float] = field(default_factory=lambda: [0.0, np.inf])

    def add(
        self, codes: Int[np.ndarray, " some"], exact: Tensor, rounded: Tensor, largest: float, smallest: float
    ) -> None:
        rows = int(codes.max(initial=-1)) + 1
        if self.exact is None or self.rounded is None:
            self.exact, self.rounded = np.zeros((0, exact.shape[1])), np.zeros((0, exact.shape[1]))
        if rows > len(self.exact):
            more = np.zeros((rows - len(self.exact), exact.shape[1]))
            self.exact, self.rounded = (
                np.concatenate([self.exact, more]),
                np.concatenate([self.rounded, more]),
            )
        self.exact[codes] += exact.double().numpy()
        self.rounded[codes] += rounded.double().numpy()
        self.extremes = [max(self.extremes[0], largest), min(self.extremes[1], smallest)]

    def total(self, concepts: int, dim: int) -> Float[np.ndarray, "concepts dim"]:
        out = np.zeros((concepts, dim))
        chosen = self.rounded if half_keeps(*self.extremes) else self.exact
        if chosen is not None:
            out[: len(chosen)] = chosen
        return out


def _read(
    model: LanguageModel,
    tokens: TokenisedTreebank,
    codes: Int[np.ndarray, " words"],
    heads: Int[np.ndarray, " words"] | None,
    sums: dict[int, _Sums],
    pooling: WordPooling,
    budget: int,
    capture: LayerCapture,
    journal: Journal,
) -> None:
    precise = torch.float32 if model.device == "mps" else torch.float64  # which has no fp64

    latest: list[tuple[Batch, Callable[[Tensor], Tensor]]] = []  # one for all layers of a batch

    def reduce(batch: Batch, _want: Wanted, vectors: Float[Tensor, "vectors dim"]) -> Kept:
        if not latest or latest[0][0] is not batch:
            latest[:] = [(batch, _adder(batch, codes, heads, vectors.device))]
        adder = latest[0][1]
        half = vectors.half()
        return (adder(vectors.to(precise)), adder(half.to(precise)), *fits_half(vectors))

    wanted = [Wanted(layer, "words", pooling) for layer in sums]
    batches = plan_batches(tokens.lengths, budget)
    run = pooled(model, tokens, wanted, reduce, batches=batches, capture=capture, journal=journal)
    for batch, kept in run:
        present = _present(batch, codes)
        for want, (exact, rounded, largest, smallest) in kept.items():
            sums[want.layer].add(present, exact, rounded, float(largest), float(smallest))


def _present(batch: Batch, codes: Int[np.ndarray, " words"]) -> Int[np.ndarray, " some"]:
    here = codes[batch.words()]
    return np.unique(here[here >= 0])


def _adder(
    batch: Batch,
    codes: Int[np.ndarray, " words"],
    heads: Int[np.ndarray, " words"] | None,
    device: torch.device,
) -> Callable[[Tensor], Tensor]:
    """Sums over the concepts present in a batch, in rising order of their numbers."""
    rows = batch.words()
    counted = np.flatnonzero(codes[rows] >= 0)
    present, concept = np.unique(codes[rows[counted]], return_inverse=True)
    owner = torch.from_numpy(concept).to(device)
    words = torch.from_numpy(counted).to(device)
    tops = None
    if heads is not None:
        order = np.argsort(rows)  # a head stands in the sentence of its dependent, hence in the batch
        tops = torch.from_numpy(order[np.searchsorted(rows[order], heads[rows[counted]])]).to(device)

    def add(vectors: Tensor) -> Tensor:
        sums = vectors.new_zeros(len(present), vectors.shape[1])
        if tops is None:
            return sums.index_add_(0, owner, vectors[words])
        return sums.index_add_(0, owner, vectors[tops] - vectors[words])

    return add
