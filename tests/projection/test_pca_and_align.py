import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist

from xviz.projection import pca
from xviz.projection.align import match_signs, turn_onto
from xviz.projection.pca import principal_components


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    generator = np.random.default_rng(0)
    return (generator.normal(size=(120, 12)) * np.linspace(4, 0.5, 12) + 7).astype(np.float32)


def test_components_are_those_of_the_singular_value_decomposition(points) -> None:
    found = principal_components(points, 3)
    centred = points.astype(float) - points.astype(float).mean(axis=0)
    _, singular, axes = np.linalg.svd(centred, full_matrices=False)
    assert np.allclose(np.abs((found.axes * axes[:3]).sum(axis=1)), 1)
    assert np.allclose(found.shares, (singular**2 / (singular**2).sum())[:3])
    assert np.allclose(found.place(points), found.scores)


def test_both_solvers_give_the_same_map(points, monkeypatch: pytest.MonkeyPatch) -> None:
    dense = principal_components(points, 3)
    monkeypatch.setattr(pca, "WIDEST_COVARIANCE", 4)
    assert np.allclose(principal_components(points, 3).scores, dense.scores, atol=1e-8)


def test_signs_do_not_depend_on_the_sign_of_the_data_order(points) -> None:
    found = principal_components(points, 2)
    shuffled = principal_components(points[::-1], 2)
    assert np.allclose(found.axes, shuffled.axes)
    assert (found.axes[np.arange(2), np.abs(found.axes).argmax(axis=1)] > 0).all()


@settings(derandomize=True, deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.sampled_from([2, 3]))
def test_a_turned_mirrored_and_moved_map_is_turned_back(seed: int, dims: int) -> None:
    generator = np.random.default_rng(seed)
    fixed = generator.normal(size=(40, dims))
    rotation = np.linalg.qr(generator.normal(size=(dims, dims)))[0]  # may mirror
    moved, (origin,) = fixed @ rotation + generator.normal(size=dims), np.zeros((1, dims))
    back, others = turn_onto(moved, fixed, others=moved[:5])
    assert np.allclose(back, fixed)
    assert np.allclose(others, fixed[:5])
    assert origin.shape == (dims,)


def test_turning_never_stretches(points) -> None:
    one, other = points[:, :2].astype(float), points[:, 3:5].astype(float)
    turned, _ = turn_onto(one, other)
    assert np.allclose(pdist(turned), pdist(one))
    assert np.allclose(turned.mean(axis=0), other.mean(axis=0))


def test_axes_are_flipped_to_agree_but_never_exchanged(points) -> None:
    scores = principal_components(points, 3).scores
    assert match_signs(scores * [1, -1, -1] + 3, scores).tolist() == [1, -1, -1]
