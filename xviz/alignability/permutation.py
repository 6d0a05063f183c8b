"""The label-permutation null: what do the scores become when one language's concepts are renamed at random?

Needed, since raw scores are far above zero for unrelated spaces; not enough, as
:mod:`xviz.alignability.lexical` explains. One set of permutations serves all pairs and layers of a run, so
that the largest score over a family can be compared with the largest under each permutation (max-statistic,
Westfall & Young 1993).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from xviz.alignability.scores import Correlation, _direction


def permutations(concepts: int, count: int, *, seed: int) -> Int[np.ndarray, "count concepts"]:
    """``count`` random renamings of the concepts (the identity may be among them, as chance has it)."""
    rng = np.random.default_rng(seed)
    return rng.permuted(np.tile(np.arange(concepts), (count, 1)), axis=1)


def rsa_null(
    a: Float[Tensor, "*stack languages_a pairs"],
    b: Float[Tensor, "*stack languages_b pairs"],
    renamings: Int[np.ndarray, "count concepts"],
    correlation: Correlation = "spearman",
) -> Iterator[Float[Tensor, "*stack languages_a languages_b"]]:
    """RSA of all pairs under each renaming of the concepts of ``b``: one matrix product a renaming.

    Ranks move with their entries, so they are taken once.
    """
    left, concepts = _direction(a, correlation), renamings.shape[1]
    position = _positions(concepts)
    i, j = np.triu_indices(concepts, 1)
    if correlation == "kendall":  # the signs of differences change with the order of entries
        for renaming in renamings:
            order = torch.from_numpy(position[renaming[i], renaming[j]]).to(b.device)
            yield left @ _direction(b[..., order], correlation).mT
        return
    right = _direction(b, correlation)
    for renaming in renamings:
        order = torch.from_numpy(position[renaming[i], renaming[j]]).to(b.device)
        yield left @ right[..., order].mT


def _positions(concepts: int) -> Int[np.ndarray, "concepts concepts"]:
    """Where the pair (k, l) stands in the triangle."""
    position = np.zeros((concepts, concepts), np.int64)
    i, j = np.triu_indices(concepts, 1)
    position[i, j] = position[j, i] = np.arange(len(i))
    return position


def p_value(score: Float[Tensor, "*shape"], null: Float[Tensor, "count *shape"]) -> Float[Tensor, "*shape"]:
    """``(1 + #{null >= score}) / (1 + count)``: valid whatever the null looks like (Phipson & Smyth 2010).

    Rounding must not decide a tie, so a null value within 1e-12 of the score counts as reaching it.
    """
    return (1 + (null >= score - 1e-12).sum(0)) / (1 + len(null))
