import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.manifold import trustworthiness as sklearn_trustworthiness

from xviz.projection import quality
from xviz.projection.quality import (
    chance_purity,
    continuity,
    disparity,
    map_neighbours,
    neighbour_overlap,
    purity,
    stability,
    trustworthiness,
)


@pytest.fixture(scope="module")
def spaces() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    full = generator.normal(size=(240, 30)) * np.linspace(3, 0.2, 30)
    return full, full[:, :2] + 0.2 * generator.normal(size=(240, 2))


@pytest.mark.parametrize("k", [5, 15])
def test_trustworthiness_and_continuity_are_scikit_learns(spaces, k: int) -> None:
    full, plane = spaces
    assert trustworthiness(full, plane, k=k).value == pytest.approx(
        sklearn_trustworthiness(full, plane, n_neighbors=k), abs=1e-9
    )
    assert continuity(full, plane, k=k).value == pytest.approx(
        sklearn_trustworthiness(plane, full, n_neighbors=k), abs=1e-9
    )


def test_known_neighbours_and_chunks_change_nothing(spaces, monkeypatch: pytest.MonkeyPatch) -> None:
    full, plane = spaces
    expected = trustworthiness(full, plane)
    assert trustworthiness(full, plane, near=map_neighbours(plane, 15)) == expected
    monkeypatch.setattr(quality, "CHUNK_ELEMENTS", 240 * 11)
    assert trustworthiness(full, plane).value == pytest.approx(expected.value, abs=1e-12)


def test_a_sample_of_rows_estimates_the_whole_within_its_error(spaces) -> None:
    full, plane = spaces
    whole = trustworthiness(full, plane, rows=None)
    part = trustworthiness(full, plane, rows=120)
    assert whole.standard_error == 0.0
    assert part.rows == 120
    assert abs(part.value - whole.value) < 4 * part.standard_error


def test_a_perfect_map_is_perfect_and_a_random_one_is_not(spaces) -> None:
    full, _ = spaces
    assert (
        trustworthiness(full, full @ np.linalg.qr(np.random.default_rng(1).normal(size=(30, 30)))[0]).value
        == 1
    )
    noise = np.random.default_rng(2).normal(size=(240, 2))
    assert trustworthiness(full, noise).value == pytest.approx(0.5, abs=0.05)


def test_neighbour_overlap_is_that_of_a_naive_count(spaces) -> None:
    _, plane = spaces
    other = plane + 0.3 * np.random.default_rng(3).normal(size=plane.shape)

    def nearest(points: np.ndarray) -> list[set[int]]:
        distances = cdist(points, points)
        np.fill_diagonal(distances, np.inf)
        return [set(row[:15]) for row in distances.argsort(axis=1)]

    expected = np.mean([len(a & b) / 15 for a, b in zip(nearest(plane), nearest(other), strict=True)])
    assert neighbour_overlap(plane, other) == pytest.approx(expected, abs=1e-12)
    assert neighbour_overlap(plane, plane) == 1.0


def test_turning_moving_and_scaling_a_map_leaves_it_stable(spaces) -> None:
    _, plane = spaces
    angle = 0.7
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned = 3 * plane @ turn + [5, -2]
    assert disparity(plane, turned) == pytest.approx(0, abs=1e-12)
    measured = stability([plane, turned])
    assert measured["neighbour_overlap"] == 1.0
    assert measured["chance_overlap"] == 15 / 239


def test_points_in_the_same_place_are_not_their_own_neighbours() -> None:
    plane = np.zeros((30, 2))
    near = map_neighbours(plane, 4)
    assert near.shape == (30, 4)
    assert not (near == np.arange(30)[:, None]).any()


def test_purity_counts_agreeing_neighbours_and_leaves_out_the_unlabelled() -> None:
    codes = np.array([0, 0, 1, -1])
    near = np.array([[1, 2], [0, 3], [0, 3], [0, 1]])
    # 0: one of two agrees; 1: one of one (3 has no label); 2: none of one; 3 has no label
    assert purity(near, codes) == pytest.approx((0.5 + 1 + 0) / 3)
    assert chance_purity(codes) == pytest.approx((2 * 1 + 0) / (3 * 2))


def test_purity_of_random_neighbours_is_chance() -> None:
    generator = np.random.default_rng(4)
    codes = generator.choice(4, size=4000, p=[0.4, 0.3, 0.2, 0.1])
    near = generator.integers(0, 4000, size=(4000, 10))
    assert purity(near, codes) == pytest.approx(chance_purity(codes), abs=0.01)
