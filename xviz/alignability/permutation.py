"""The label-permutation null: what do the scores become when one language's concepts are renamed at random?

Needed, since raw scores are far above zero for unrelated spaces; not enough, as
:mod:`xviz.alignability.lexical` explains. One set of permutations serves all pairs and layers of a run, so
that the largest score over a family can be compared with the largest under each permutation (max-statistic,
Westfall & Young 1993).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from xviz.alignability.scores import Correlation, _direction

BLOCK_BYTES = 128 << 20


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

    Ranks move with their entries, so they are taken once. Debiased CKA is a correlation of triangles too
    (:func:`~xviz.alignability.scores.centred_products`), so this is its null as well.
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


def procrustes_null(
    a: Float[Tensor, "*stack concepts rank"],
    b: Float[Tensor, "*stack concepts rank"],
    renamings: Int[np.ndarray, "count concepts"],
) -> Float[Tensor, "count *stack"]:
    """Procrustes fit of matched stacks of factors under each renaming of the concepts of ``b``.

    ``a`` and ``b`` are factors of :func:`~xviz.alignability.scores.factor`, at most K - 1 wide, so a fit is
    the nuclear norm of a matrix of at most (K-1) x (K-1) whatever the width of the network. It is taken from
    the eigenvalues of ``M^T M``, faster than singular values (measured: 27 against 37 microseconds at 16 x
    16, 130 against 150 at 36 x 36) and right to 1e-7; blocks are shared among the threads at hand.
    """
    stack = a.shape[:-2]
    if a.shape[-1] > b.shape[-1]:  # the smaller of M^T M and M M^T
        inverse = np.argsort(renamings, axis=1)  # renaming b is renaming a the other way round
        return procrustes_null(b, a, inverse)
    left, right = a.flatten(0, -3), b.flatten(0, -3)  # (stack, K, rank)
    out = torch.empty(len(renamings), len(left), dtype=torch.float64, device=a.device)
    each = left.shape[-1] * right.shape[-1] * 8 * max(1, len(left))
    step = max(1, BLOCK_BYTES // each)

    def block(start: int) -> None:
        part = torch.from_numpy(renamings[start : start + step]).to(a.device)
        renamed = right[:, part].transpose(0, 1)  # (renamings, stack, K, rank)
        M = left.mT @ renamed  # (renamings, stack, rank_a, rank_b)
        out[start : start + step] = nuclear_norm(M).square()

    starts = range(0, len(renamings), step)
    with ThreadPoolExecutor(max_workers=_threads(a)) as pool:
        list(pool.map(block, starts))
    return out.unflatten(1, stack)


def nuclear_norm(M: Float[Tensor, "*stack rows columns"]) -> Float[Tensor, "*stack"]:
    """Sum of singular values, from the eigenvalues of ``M M^T``: right to about 1e-8 of the largest."""
    return torch.linalg.eigvalsh(M @ M.mT).clamp_min(0).sqrt().sum(-1)


def _threads(x: Tensor) -> int:
    return len(os.sched_getaffinity(0)) if x.device.type == "cpu" and hasattr(os, "sched_getaffinity") else 1


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
    return (1 + (null >= score - 1e-12).sum(0)).double() / (1 + len(null))
