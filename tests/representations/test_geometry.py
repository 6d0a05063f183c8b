"""How vectors fill their space, against scipy, sklearn and cases that are known exactly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy, ortho_group
from sklearn.decomposition import PCA

from xviz.errors import InputError
from xviz.representations import geometry as module
from xviz.representations.geometry import effective_rank, fit_normalisation, geometry

CLOUD = np.random.default_rng(0).normal(size=(500, 12)) * np.arange(1, 13) + 3


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_against_scipy(dtype, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 64)
    vectors = CLOUD.astype(dtype)
    exact = vectors.astype(np.float64)
    found = geometry(vectors)
    eigenvalues = np.linalg.eigvalsh(np.cov(exact, rowvar=False))
    assert found.effective_rank == pytest.approx(np.exp(entropy(eigenvalues)), rel=1e-9)
    energy = (exact**2).sum(0)
    assert found.top_share == pytest.approx(np.sort(energy)[-3:].sum() / energy.sum())
    assert set(found.top_dimensions) == set(np.argsort(energy)[-3:])
    assert found.mean_norm == pytest.approx(np.linalg.norm(exact, axis=1).mean())
    assert found.n == 500


def test_known_shapes():
    assert effective_rank(np.eye(7)) == pytest.approx(7)
    assert effective_rank(np.diag([5.0, 0, 0])) == pytest.approx(1)
    assert effective_rank(np.zeros((3, 3))) == 0
    rogue = np.random.default_rng(1).normal(size=(100, 50))
    rogue[:, 7] = 1000
    assert geometry(rogue).top_share > 0.999
    assert geometry(rogue).top_dimensions[0] == 7
    with pytest.raises(InputError, match="too few"):
        geometry(rogue[:1])


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.integers(0, 10_000), st.floats(0.01, 100))
def test_effective_rank_does_not_change_under_rotation_shift_and_scale(seed: int, scale: float):
    turn = ortho_group.rvs(12, random_state=seed)
    moved = CLOUD @ turn * scale + 5
    assert geometry(moved).effective_rank == pytest.approx(geometry(CLOUD).effective_rank, rel=1e-6)


def test_normalisations_against_sklearn():
    np.testing.assert_allclose(
        fit_normalisation(CLOUD).apply(CLOUD), CLOUD - CLOUD.mean(0), rtol=1e-4, atol=1e-5
    )
    standard = (CLOUD - CLOUD.mean(0)) / CLOUD.std(0)
    np.testing.assert_allclose(fit_normalisation(CLOUD, z_score=True).apply(CLOUD), standard, atol=1e-5)
    for z_score, base in ((False, CLOUD - CLOUD.mean(0)), (True, standard)):
        fitted = fit_normalisation(CLOUD, z_score=z_score, drop_components=2)
        components = PCA(2, svd_solver="full").fit(base).components_
        expected = base - base @ components.T @ components
        np.testing.assert_allclose(fitted.apply(CLOUD), expected, atol=1e-4)
    same = fit_normalisation(CLOUD, centre=False)
    np.testing.assert_allclose(same.apply(CLOUD.astype(np.float16)), CLOUD.astype(np.float16), rtol=1e-6)


def test_a_constant_dimension_and_what_cannot_be_dropped():
    flat = CLOUD.copy()
    flat[:, 3] = 4
    assert np.isfinite(fit_normalisation(flat, z_score=True).apply(flat)).all()
    with pytest.raises(InputError, match="12 components cannot be dropped"):
        fit_normalisation(CLOUD, drop_components=12)
    assert fit_normalisation(CLOUD).apply(CLOUD[:0]).shape == (0, 12)
