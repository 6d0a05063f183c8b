"""The concept spaces of a run, ready to be compared: stacks of sums over layers and languages.

Prototypes of any part of the sentences, what word types explain of them, and draws of the lexical null all
come from here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from xviz.alignability.lexical import TypeCounts, adjustment_basis, covariance_factor
from xviz.alignability.measures import Prototypes, in_blocks
from xviz.alignability.sums import ConceptSums
from xviz.concepts.probe import Probe
from xviz.errors import InputError


@dataclass(frozen=True)
class Spaces:
    """All languages at all layers, over concepts that every one of them has.

    ``types`` and ``tokens`` of a language are products of cells (group, concept); see
    :mod:`xviz.alignability.sums`. ``noise[layer, language]``: share of variance between tokens of one type.
    """

    names: tuple[str, ...]
    sums: Float[Tensor, "layers languages groups concepts dim"]
    counts: Int[np.ndarray, "languages groups concepts"]
    types: tuple[Float[np.ndarray, "cells cells"], ...]
    tokens: tuple[Float[np.ndarray, "cells cells"], ...]
    noise: Float[np.ndarray, "layers languages"]

    @property
    def groups(self) -> int:
        return self.counts.shape[1]

    @property
    def halves(self) -> tuple[Bool[np.ndarray, " groups"], Bool[np.ndarray, " groups"]]:
        """The fixed halves: even groups and odd ones."""
        even = np.arange(self.groups) % 2 == 0
        return even, ~even

    def restricted(self, languages: Sequence[int], concepts: Sequence[int]) -> Spaces:
        """Some of the languages and concepts."""
        return replace(
            self,
            names=tuple(self.names[k] for k in concepts),
            sums=self.sums[:, list(languages)][..., list(concepts), :],
            counts=self.counts[list(languages)][..., list(concepts)],
            types=tuple(self._cells(self.types[i], concepts) for i in languages),
            tokens=tuple(self._cells(self.tokens[i], concepts) for i in languages),
            noise=self.noise[:, list(languages)],
        )

    def means(
        self, groups: Bool[np.ndarray, " groups"] | None = None
    ) -> Float[Tensor, "layers languages concepts dim"]:
        """Prototypes over some groups of sentences; NaN where a concept does not occur there."""
        inside = np.flatnonzero(np.ones(self.groups, bool) if groups is None else groups)
        counts = torch.from_numpy(self.counts[:, inside].sum(1).astype(np.float64)).to(self.sums.device)
        total = self.sums[:, :, inside].double().sum(2)
        return total / torch.where(counts > 0, counts, torch.nan)[..., None]

    def prototypes(self, groups: Bool[np.ndarray, " groups"] | None = None) -> Prototypes:
        """What measures are computed from; ``groups`` None is all of them, with the fixed halves."""
        first, second = self.halves if groups is None else (None, None)
        return Prototypes(
            self.means(groups),
            None if groups is not None else (self.means(first), self.means(second)),
            self.adjustment(groups),
        )

    def adjustment(
        self, groups: Bool[np.ndarray, " groups"] | None = None
    ) -> Float[Tensor, "languages pairs three"] | None:
        """What word types explain of the squared distances of each language (None under 5 concepts)."""
        if len(self.names) < 5:
            return None
        parts = np.ones((1, self.groups), bool) if groups is None else groups[None]
        bases = [adjustment_basis(self.type_counts(i, parts)) for i in range(len(self.counts))]
        return torch.from_numpy(np.stack(bases)).to(self.sums.device)

    def type_counts(self, language: int, parts: Bool[np.ndarray, "parts groups"]) -> TypeCounts:
        """Word types behind the prototypes of each part of the sentences, parts one after another."""
        concepts = len(self.names)
        members = np.kron(np.asarray(parts, float), np.eye(concepts))  # (parts * K, groups * K)
        counts = members @ self.counts[language].reshape(-1)
        w = members / np.maximum(counts, 1)[:, None]
        types, tokens = w @ self.types[language] @ w.T, w @ self.tokens[language] @ w.T
        return TypeCounts(types, tokens, counts.astype(np.int64))

    def lexical(self, draws: int, *, seed: int) -> Iterator[Prototypes]:
        """Prototypes of networks that know word types alone, ``draws`` in blocks ``[draws, layers, ...]``.

        Halves share the vectors of types and not those of tokens, as in the corpus. One draw of types and
        tokens serves all layers, mixed by the noise of each.
        """
        layers, languages, concepts, dim = (
            self.noise.shape[0],
            len(self.counts),
            len(self.names),
            self.sums.shape[-1],
        )
        parts = np.stack(self.halves)
        behind = [self.type_counts(i, parts) for i in range(languages)]
        factors = np.stack(
            [
                [covariance_factor(behind[i].covariance(self.noise[t, i])) for i in range(languages)]
                for t in range(layers)
            ]
        )
        factor = torch.from_numpy(factors).to(self.sums.device)  # (layers, languages, 2K, 2K)
        n = torch.from_numpy(np.stack([b.counts for b in behind]).astype(np.float64)).to(self.sums.device)
        first, second = n[:, :concepts, None], n[:, concepts:, None]
        basis = self.adjustment()
        generator = torch.Generator().manual_seed(seed)
        for block in in_blocks(draws, 8 * 5 * layers * languages * concepts * dim):
            size = (block.stop - block.start, 1, languages, 2 * concepts, dim)
            z = torch.randn(size, generator=generator, dtype=torch.float64).to(self.sums.device)
            drawn = factor @ z
            a, b = drawn[..., :concepts, :], drawn[..., concepts:, :]
            yield Prototypes((first * a + second * b) / (first + second), (a, b), basis)

    def _cells(self, products: Float[np.ndarray, "cells cells"], concepts: Sequence[int]) -> np.ndarray:
        keep = (np.arange(self.groups)[:, None] * len(self.names) + np.asarray(concepts)).ravel()
        return products[np.ix_(keep, keep)]


def assemble(
    corpora: Sequence[ConceptSums],
    *,
    names: Sequence[str],
    probes: Sequence[Sequence[Probe]] | None = None,
    device: str | torch.device = "cpu",
) -> Spaces:
    """The spaces of all treebanks over ``names`` (every concept of which need not be in every treebank).

    Args:
        probes: for each treebank the probe of each layer; sums are then those of ``x A``.
    """
    groups, layers = corpora[0].counts.shape[0], corpora[0].sums.shape[0]
    stacked, counts = [], []
    types: list[np.ndarray] = []
    tokens: list[np.ndarray] = []
    for number, corpus in enumerate(corpora):
        known = {name: k for k, name in enumerate(corpus.names)}
        here = [known[name] for name in names if name in known]
        at = [k for k, name in enumerate(names) if name in known]
        sums = corpus.sums
        if probes is not None:
            sums = np.stack(
                [projected(corpus.sums[t], corpus.counts, probes[number][t]) for t in range(layers)]
            )
        full = np.zeros((layers, groups, len(names), sums.shape[-1]), np.float32)
        full[:, :, at] = sums[:, :, here]
        n = np.zeros((groups, len(names)), np.int64)
        n[:, at] = corpus.counts[:, here]
        stacked.append(full)
        counts.append(n)
        source = (np.arange(groups)[:, None] * len(corpus.names) + np.array(here, int)).ravel()
        target = (np.arange(groups)[:, None] * len(names) + np.array(at, int)).ravel()
        for products, found in ((corpus.types, types), (corpus.tokens, tokens)):
            cells = np.zeros((groups * len(names),) * 2)
            cells[np.ix_(target, target)] = products[np.ix_(source, source)]
            found.append(cells)
    widths = {x.shape[-1] for x in stacked}
    if len(widths) > 1:
        raise InputError(f"Spaces of different width cannot be compared here: {sorted(widths)}.")
    return Spaces(
        tuple(names),
        torch.from_numpy(np.stack(stacked, 1)).to(device),
        np.stack(counts),
        tuple(types),
        tuple(tokens),
        np.stack([corpus.noise for corpus in corpora], 1),
    )


def projected(
    sums: Float[np.ndarray, "groups concepts dim"], counts: Int[np.ndarray, "groups concepts"], probe: Probe
) -> Float[np.ndarray, "groups concepts rank"]:
    """Sums of ``((x - mean) / scale) A``."""
    return ((sums - counts[..., None] * probe.mean) / probe.scale) @ probe.A


def enough(
    counts: Int[np.ndarray, "languages groups concepts"], minimum: int
) -> Bool[np.ndarray, "languages concepts"]:
    """Which concepts a language has at least ``minimum`` times, and in both halves of its sentences."""
    even = np.arange(counts.shape[1]) % 2 == 0
    both = (counts[:, even].sum(1) > 0) & (counts[:, ~even].sum(1) > 0)
    return (counts.sum(1) >= minimum) & both
