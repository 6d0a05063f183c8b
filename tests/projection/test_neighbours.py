import numpy as np
import pytest
from scipy.spatial.distance import cdist

from xviz.errors import Cancelled, InputError
from xviz.journal import Journal
from xviz.projection import neighbours
from xviz.projection.neighbours import exact_neighbours


def brute_force(points: np.ndarray, k: int) -> np.ndarray:
    distances = cdist(points, points)
    np.fill_diagonal(distances, np.inf)
    return np.sort(distances, axis=1)[:, :k]


@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_neighbours_are_exact_also_far_from_the_origin(offset: float) -> None:
    points = np.random.default_rng(0).normal(size=(300, 20)).astype(np.float32) + np.float32(offset)
    found = exact_neighbours(points, 10)
    assert np.allclose(found.distances, brute_force(points.astype(float), 10), rtol=1e-5)
    direct = np.linalg.norm(points[:, None].astype(float) - points[found.indices].astype(float), axis=2)
    assert np.allclose(direct, found.distances, rtol=1e-5)
    assert not (found.indices == np.arange(300)[:, None]).any()


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    points = np.random.default_rng(1).normal(size=(250, 5)).astype(np.float32)
    whole = exact_neighbours(points, 7)
    monkeypatch.setattr(neighbours, "CHUNK_ELEMENTS", 250 * 13)
    parts = exact_neighbours(points, 7)
    assert np.array_equal(whole.indices, parts.indices)


def test_a_large_common_direction_does_not_spoil_the_order() -> None:
    generator = np.random.default_rng(2)
    points = generator.normal(size=(200, 8))
    points[:, 0] += generator.choice([0, 3000.0], size=200)  # massive activations of some decoder positions
    found = exact_neighbours(points, 5)
    assert np.allclose(found.distances, brute_force(points.astype(np.float32).astype(float), 5), rtol=1e-3)


def test_too_few_points_are_told() -> None:
    with pytest.raises(InputError, match="more than 15 points; there are 15"):
        exact_neighbours(np.zeros((15, 3)), 15)


def test_the_search_stops_when_asked() -> None:
    class Stopping(Journal):
        def stop_requested(self) -> bool:
            return True

    with pytest.raises(Cancelled):
        exact_neighbours(np.random.default_rng(0).normal(size=(50, 3)), 3, journal=Stopping())
