"""The measures of a run, each with what it is computed from and how its nulls are made.

A measure turns stacks of prototypes into *features* once a language, and compares features of pairs. RSA in
all variants and CKA are correlations of triangles; Procrustes compares factors; held-out concepts are
rotated pair by pair. All work on stacks ``[..., languages, concepts, dim]`` (layers, draws) at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from xviz.alignability.heldout import RANK, retrieval, retrieval_null, shared_basis
from xviz.alignability.permutation import nuclear_norm, procrustes_null, rsa_null
from xviz.alignability.scores import (
    Correlation,
    Dissimilarity,
    centred_products,
    crossvalidated,
    dissimilarities,
    factor,
    rsa,
    squared_distances,
)
from xviz.alignability.spec import AlignSpec

Pairs = tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]]
BLOCK_BYTES = 512 << 20


@dataclass(frozen=True)
class Prototypes:
    """Prototypes of all languages, and those of the two halves of their sentences.

    ``basis`` (languages, pairs of concepts, 3) spans what word types alone explain of squared distances
    (:func:`xviz.alignability.lexical.adjustment_basis`).
    """

    whole: Float[Tensor, "*stack languages concepts dim"]
    halves: tuple[Tensor, Tensor] | None = None
    basis: Float[Tensor, "languages pairs three"] | None = None

    @cached_property
    def squared(self) -> Float[Tensor, "*stack languages pairs"]:
        """Squared euclidean distances, which several measures begin with."""
        return squared_distances(self.whole)


def take_out(
    squared: Float[Tensor, "*stack languages pairs"], basis: Float[Tensor, "languages pairs three"]
) -> Float[Tensor, "*stack languages pairs"]:
    """Squared distances without what word types alone explain of them."""
    basis = basis.to(squared)
    explained = torch.einsum("lpc,...lp->...lc", basis, squared)
    return squared - torch.einsum("lpc,...lc->...lp", basis, explained)


class Measure(Protocol):
    """What :func:`measures` returns."""

    @property
    def metric(self) -> str: ...

    @property
    def variant(self) -> str: ...

    def features(self, prototypes: Prototypes) -> Float[Tensor, "*stack languages ..."]: ...

    def compare(self, a: Tensor, b: Tensor, pairs: Pairs) -> Float[Tensor, "*stack pairs"]: ...

    def renamed(
        self, a: Tensor, b: Tensor, pairs: Pairs, renamings: Int[np.ndarray, "count concepts"]
    ) -> Float[Tensor, "count *stack pairs"]: ...


@dataclass(frozen=True)
class TriangleMeasure:
    """A correlation of triangles: RSA, and debiased CKA with ``what="products"``."""

    metric: str
    variant: str
    what: Literal["distances", "crossvalidated", "products"]
    correlation: Correlation
    dissimilarity: Dissimilarity = "euclidean"
    adjusted: bool = False

    def features(self, prototypes: Prototypes) -> Float[Tensor, "*stack languages pairs"]:
        if self.what == "products":
            return centred_products(prototypes.whole)
        if self.what == "crossvalidated":
            assert prototypes.halves is not None
            return crossvalidated(*prototypes.halves)
        if self.dissimilarity != "euclidean":
            return dissimilarities(prototypes.whole, self.dissimilarity)
        if not self.adjusted:
            return prototypes.squared.sqrt()
        assert prototypes.basis is not None
        return take_out(prototypes.squared, prototypes.basis)

    def compare(self, a: Tensor, b: Tensor, pairs: Pairs) -> Float[Tensor, "*stack pairs"]:
        return rsa(a, b, self.correlation)[..., pairs[0], pairs[1]]

    def renamed(
        self, a: Tensor, b: Tensor, pairs: Pairs, renamings: Int[np.ndarray, "count concepts"]
    ) -> Float[Tensor, "count *stack pairs"]:
        nulls = rsa_null(a, b, renamings, self.correlation)
        return torch.stack([null[..., pairs[0], pairs[1]] for null in nulls])


@dataclass(frozen=True)
class ProcrustesMeasure:
    metric: str = "procrustes"
    variant: str = "orthogonal"

    def features(self, prototypes: Prototypes) -> Float[Tensor, "*stack languages concepts rank"]:
        return factor(prototypes.whole)

    def compare(self, a: Tensor, b: Tensor, pairs: Pairs) -> Float[Tensor, "*stack pairs"]:
        M = a[..., pairs[0], :, :].mT @ b[..., pairs[1], :, :]
        return (nuclear_norm(M) if _are_draws(M) else torch.linalg.svdvals(M).sum(-1)).square()

    def renamed(
        self, a: Tensor, b: Tensor, pairs: Pairs, renamings: Int[np.ndarray, "count concepts"]
    ) -> Float[Tensor, "count *stack pairs"]:
        return procrustes_null(a[..., pairs[0], :, :], b[..., pairs[1], :, :], renamings)


@dataclass(frozen=True)
class HeldOutMeasure:
    rank: int = RANK
    metric: str = "heldout"

    @property
    def variant(self) -> str:
        return f"rank {self.rank}"

    def features(self, prototypes: Prototypes) -> Float[Tensor, "*stack languages concepts dim"]:
        return prototypes.whole

    def compare(self, a: Tensor, b: Tensor, pairs: Pairs) -> Float[Tensor, "*stack pairs"]:
        x, y = self._in_shared_basis(a, b, pairs)
        return retrieval(x, y, fast=_are_draws(x))

    def renamed(
        self, a: Tensor, b: Tensor, pairs: Pairs, renamings: Int[np.ndarray, "count concepts"]
    ) -> Float[Tensor, "count *stack pairs"]:
        return retrieval_null(*self._in_shared_basis(a, b, pairs), renamings)

    def _in_shared_basis(
        self, a: Tensor, b: Tensor, pairs: Pairs
    ) -> tuple[Float[Tensor, "*stack pairs concepts rank"], Float[Tensor, "*stack pairs concepts rank"]]:
        """Some pairs at a time: gathered, all of them would hold every language many times over."""
        stack = a.shape[:-3].numel()
        blocks = in_blocks(len(pairs[0]), 8 * 6 * stack * a.shape[-2] * a.shape[-1])
        parts = [
            shared_basis(a[..., pairs[0][some], :, :], b[..., pairs[1][some], :, :], rank=self.rank)
            for some in blocks
        ]
        return torch.cat([x for x, _ in parts], -3), torch.cat([y for _, y in parts], -3)


def _are_draws(x: Float[Tensor, "*stack pairs rows columns"]) -> bool:
    """Draws of a null are stacked before layers and pairs; 1e-6 is right enough for them."""
    return x.dim() > 4


def measures(spec: AlignSpec, *, concepts: int) -> list[Measure]:
    """The measures that a specification asks for and ``concepts`` shared concepts allow.

    CKA wants 4 concepts, the others 3, adjusted RSA more pairs of concepts than it takes out (5 concepts).
    """
    found: list[Measure] = []
    for metric in spec.metrics:
        if metric == "rsa":
            found += [rsa_measure(variant) for variant in spec.variants]
        elif metric == "cka" and concepts >= 4:
            found.append(TriangleMeasure("cka", "linear/debiased", "products", "pearson"))
        elif metric == "procrustes":
            found.append(ProcrustesMeasure())
        elif metric == "heldout":
            found.append(HeldOutMeasure(min(spec.rank, concepts - 2)))
    return [m for m in found if concepts >= 5 or not getattr(m, "adjusted", False)]


def rsa_measure(variant: str) -> TriangleMeasure:
    """``euclidean/spearman/adjusted`` as a measure."""
    dissimilarity, correlation, *extra = variant.split("/")
    what: Literal["distances", "crossvalidated"] = (
        "crossvalidated" if "crossvalidated" in extra else "distances"
    )
    return TriangleMeasure(
        "rsa",
        variant,
        what,
        correlation,  # type: ignore[arg-type]
        dissimilarity,  # type: ignore[arg-type]
        adjusted="adjusted" in extra,
    )


def in_blocks(draws: int, bytes_each: int) -> Sequence[slice]:
    """Slices of draws that fit in memory together."""
    step = max(1, BLOCK_BYTES // max(1, bytes_each))
    return [slice(start, min(start + step, draws)) for start in range(0, draws, step)]
