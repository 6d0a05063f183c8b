"""Nulls that are computed in one go equal scores computed one by one; levels hold on unrelated spaces."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from xviz.alignability.measures import ProcrustesMeasure, Prototypes, TriangleMeasure, rsa_measure
from xviz.alignability.permutation import nuclear_norm, p_value, permutations, procrustes_null, rsa_null
from xviz.alignability.scores import (
    centred_products,
    cka,
    crossvalidated,
    dissimilarities,
    factor,
    procrustes,
    rsa,
)

RNG = np.random.default_rng(0)


def normal(*shape: int) -> torch.Tensor:
    return torch.from_numpy(RNG.normal(size=shape))


@pytest.mark.parametrize("dims", [(12, 12), (4, 4), (12, 5), (5, 12)])
def test_procrustes_null_equals_the_fit_of_renamed_spaces(dims: tuple[int, int]) -> None:
    a, b = normal(3, 7, dims[0]), normal(3, 7, dims[1])
    renamings = permutations(7, 5, seed=0)
    got = procrustes_null(factor(a), factor(b), renamings)
    for renaming, row in zip(renamings, got, strict=True):
        torch.testing.assert_close(row, procrustes(a, b[:, renaming]), atol=1e-7, rtol=0)


def test_nuclear_norm_is_the_sum_of_singular_values() -> None:
    M = normal(10, 6, 8)
    torch.testing.assert_close(nuclear_norm(M), torch.linalg.svdvals(M).sum(-1), atol=1e-7, rtol=0)


def test_null_of_cka_equals_the_cka_of_renamed_spaces() -> None:
    a, b = normal(2, 8, 5), normal(3, 8, 5)
    renamings = permutations(8, 4, seed=1)
    nulls = rsa_null(centred_products(a), centred_products(b), renamings, "pearson")
    for renaming, null in zip(renamings, nulls, strict=True):
        torch.testing.assert_close(null, cka(a[:, None], b[None, :, renaming]))


def test_measures_compare_the_pairs_that_are_named() -> None:
    spaces = normal(2, 4, 9, 6)  # layers, languages
    pairs = (np.array([0, 2, 1]), np.array([3, 3, 2]))
    renamings = permutations(9, 3, seed=2)
    for measure in (
        rsa_measure("euclidean/spearman"),
        TriangleMeasure("cka", "linear/debiased", "products", "pearson"),
        ProcrustesMeasure(),
    ):
        f = measure.features(Prototypes(spaces))
        got, null = measure.compare(f, f, pairs), measure.renamed(f, f, pairs, renamings)
        assert got.shape == (2, 3)
        assert null.shape == (3, 2, 3)
        renamed = measure.features(Prototypes(spaces[:, :, renamings[1]]))
        torch.testing.assert_close(null[1], measure.compare(f, renamed, pairs), atol=1e-7, rtol=0)


def test_crossvalidated_distances_are_unbiased_and_plain_ones_are_not() -> None:
    truth = normal(5, 6)
    draws, noise = 20000, 2.0
    halves = [truth + noise * normal(draws, 5, 6) for _ in range(2)]
    want = dissimilarities(truth).square()
    got = crossvalidated(*halves).mean(0)
    assert (got - want).abs().max() < 0.4
    assert (dissimilarities(halves[0]).square().mean(0) - want).min() > 40  # 2 * 6 * 4


def test_the_null_mean_of_procrustes_is_what_is_known() -> None:
    a, b = factor(normal(20, 17, 32)), factor(normal(20, 17, 32))
    assert procrustes_null(a, b, permutations(17, 20, seed=0)).mean().item() == pytest.approx(0.75, abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize(("concepts", "dim"), [(17, 32), (37, 64), (17, 768)])
def test_label_permutation_holds_its_level_over_2000_unrelated_pairs(concepts: int, dim: int) -> None:
    draws, parts = 2000, []
    for _ in range(draws // 100):
        parts.append([dissimilarities(normal(100, 1, concepts, dim)) for _ in range(2)])
    a, b = (torch.cat(side) for side in zip(*parts, strict=True))
    null = torch.stack(list(rsa_null(a, b, permutations(concepts, 199, seed=1)))).flatten(1)
    share = (p_value(rsa(a, b).flatten(), null) < 0.05).double().mean().item()
    print(f"{concepts} x {dim}: p < .05 in {share:.3f} of {draws}")
    assert 0.03 <= share <= 0.07
