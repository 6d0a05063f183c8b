"""Scores equal independent references, with their invariances and with what they are not invariant to."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial import procrustes as scipy_procrustes
from scipy.spatial.distance import pdist
from scipy.stats import kendalltau, ortho_group, pearsonr, spearmanr

from xviz.alignability.scores import cka, dissimilarities, procrustes, rsa
from xviz.errors import InputError

RNG = np.random.default_rng(0)
SPACES = RNG.normal(size=(3, 9, 20))
REFERENCE = {"spearman": spearmanr, "pearson": pearsonr, "kendall": kendalltau}


def tensor(x: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.asarray(x, np.float64))


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "correlation"])
def test_dissimilarities_equal_pdist(metric: str) -> None:
    got = dissimilarities(tensor(SPACES), metric).numpy()
    for space, row in zip(SPACES, got, strict=True):
        np.testing.assert_allclose(row, pdist(space, metric), atol=1e-12)


@pytest.mark.parametrize("correlation", ["spearman", "pearson", "kendall"])
@pytest.mark.parametrize("ties", [False, True])
def test_rsa_equals_scipy(correlation: str, ties: bool) -> None:
    triangles = dissimilarities(tensor(SPACES)).numpy()
    if ties:
        triangles = triangles.round(0)
    got = rsa(tensor(triangles), tensor(triangles), correlation).numpy()
    for i in range(3):
        for j in range(3):
            want = REFERENCE[correlation](triangles[i], triangles[j]).statistic
            assert got[i, j] == pytest.approx(want, abs=1e-12)


@pytest.mark.parametrize("dims", [(20, 20), (5, 5), (40, 40)])
def test_procrustes_equals_scipy(dims: tuple[int, int]) -> None:
    a, b = RNG.normal(size=(9, dims[0])), RNG.normal(size=(9, dims[1]))
    assert procrustes(tensor(a), tensor(b)).item() == pytest.approx(1 - scipy_procrustes(a, b)[2], abs=1e-9)


def naive_cka(a: np.ndarray, b: np.ndarray) -> float:
    def hsic(k: np.ndarray, m: np.ndarray) -> float:
        n, one = len(k), np.ones(len(k))
        k, m = k - np.diag(np.diag(k)), m - np.diag(np.diag(m))
        total = np.trace(k @ m) + (one @ k @ one) * (one @ m @ one) / ((n - 1) * (n - 2))
        return (total - 2 / (n - 2) * one @ k @ m @ one) / (n * (n - 3))

    ka, kb = a @ a.T, b @ b.T
    return hsic(ka, kb) / np.sqrt(hsic(ka, ka) * hsic(kb, kb))


def test_cka_equals_a_naive_reference_and_is_unbiased_around_zero() -> None:
    a = RNG.normal(size=(12, 6))
    b = a @ RNG.normal(size=(6, 8)) + RNG.normal(size=(12, 8))
    assert cka(tensor(a), tensor(b)).item() == pytest.approx(naive_cka(a, b), abs=1e-10)
    unrelated = cka(tensor(RNG.normal(size=(2000, 17, 32))), tensor(RNG.normal(size=(2000, 17, 32))))
    assert abs(torch.nanmean(unrelated).item()) < 0.02


def scores(a: np.ndarray, b: np.ndarray) -> dict[str, float]:
    def by(metric: str) -> float:
        return rsa(dissimilarities(tensor(a)[None], metric), dissimilarities(tensor(b)[None], metric)).item()

    return {
        "euclidean": by("euclidean"),
        "cosine": by("cosine"),
        "correlation": by("correlation"),
        "procrustes": procrustes(tensor(a), tensor(b)).item(),
        "cka": cka(tensor(a), tensor(b)).item(),
    }


@pytest.mark.parametrize(
    ("change", "unchanged"),
    [
        ("rotation", {"euclidean", "cosine", "procrustes", "cka"}),
        ("shift", {"euclidean", "procrustes", "cka"}),
        ("scale", {"euclidean", "cosine", "correlation", "procrustes", "cka"}),
        ("constant", {"euclidean", "correlation", "procrustes", "cka"}),
    ],
)
def test_invariances_hold_and_non_invariances_too(change: str, unchanged: set[str]) -> None:
    """METHODS.md section 3, both what each score does not see and what it does."""
    a = RNG.normal(size=(9, 20))
    b = a + RNG.normal(size=(9, 20))
    changed = {
        "rotation": b @ ortho_group.rvs(20, random_state=1),
        "shift": b + RNG.normal(size=20) * 3,
        "scale": b * 4.2,
        "constant": b + 3.0,
    }[change]
    before, after = scores(a, b), scores(a, changed)
    same = {name for name in before if abs(before[name] - after[name]) < 1e-9}
    assert same == unchanged


def test_independent_gaussian_spaces_reach_the_known_procrustes_fit() -> None:
    fit = procrustes(tensor(RNG.normal(size=(300, 17, 32))), tensor(RNG.normal(size=(300, 17, 32))))
    assert fit.mean().item() == pytest.approx(0.75, abs=0.02)


def test_too_few_concepts_are_told() -> None:
    with pytest.raises(InputError, match="at least 3"):
        dissimilarities(torch.zeros(2, 4))
    with pytest.raises(InputError, match="at least 4"):
        cka(torch.zeros(3, 4), torch.zeros(3, 4))
