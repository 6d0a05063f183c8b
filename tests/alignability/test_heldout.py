"""Held-out concepts against a naive loop; planted rotations are found, unrelated spaces are at chance."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.linalg import orthogonal_procrustes
from scipy.stats import ortho_group

from xviz.alignability.heldout import images, retrieval, retrieval_null, shared_basis
from xviz.alignability.pair import view
from xviz.alignability.permutation import permutations
from xviz.errors import InputError

RNG = np.random.default_rng(0)


def naive(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distances and residuals, a concept at a time, from coordinates on the shared basis."""
    distances, residual = [], []
    for k in range(len(a)):
        others = np.delete(np.arange(len(a)), k)
        mean_a, mean_b = a[others].mean(0), b[others].mean(0)
        rotation, _ = orthogonal_procrustes(a[others] - mean_a, b[others] - mean_b)
        image = (a[k] - mean_a) @ rotation + mean_b
        distances.append(np.linalg.norm(image - b, axis=1))
        residual.append(np.linalg.norm(image - b[k]) / np.linalg.norm(b[k] - mean_b))
    return np.array(distances), np.array(residual)


@pytest.mark.parametrize("dim", [4, 40])
def test_images_equal_a_naive_loop(dim: int) -> None:
    a, b = torch.from_numpy(RNG.normal(size=(9, dim))), torch.from_numpy(RNG.normal(size=(9, dim)))
    x, y = shared_basis(a, b, rank=5)
    got = images(x, y)
    distances, residual = naive(x.numpy(), y.numpy())
    np.testing.assert_allclose(got.distances.numpy(), distances, atol=1e-9)
    np.testing.assert_allclose(got.residual.numpy(), residual, atol=1e-9)
    back, _ = naive(y.numpy(), x.numpy())
    hits = np.concatenate([distances.argmin(1) == np.arange(9), back.argmin(1) == np.arange(9)])
    assert retrieval(x[None], y[None]).item() == pytest.approx(hits.mean())
    assert retrieval(x[None], y[None], fast=True).item() == pytest.approx(hits.mean())


def test_the_shared_basis_keeps_the_largest_variance_and_knows_no_names() -> None:
    a, b = torch.from_numpy(RNG.normal(size=(7, 30))), torch.from_numpy(RNG.normal(size=(7, 30)))
    x, y = shared_basis(a, b, rank=3)
    both = np.concatenate([s - s.mean(0) for s in (a.numpy(), b.numpy())])
    both[:7] /= np.linalg.norm(both[:7])
    both[7:] /= np.linalg.norm(both[7:])
    want = np.linalg.svd(both, compute_uv=False)[:3]
    got = torch.linalg.svdvals(torch.cat([x, y])).numpy()
    np.testing.assert_allclose(got, want, atol=1e-10)
    order = torch.tensor([3, 1, 0, 2, 6, 5, 4])
    x2, y2 = shared_basis(a, b[order], rank=3)
    torch.testing.assert_close(x2 @ x2.mT, x @ x.mT)
    torch.testing.assert_close(y2 @ y2.mT, (y @ y.mT)[order][:, order])


def test_a_planted_rotation_of_low_rank_is_found_and_unrelated_spaces_are_at_chance() -> None:
    shared = RNG.normal(size=(40, 17, 4)) @ RNG.normal(size=(40, 4, 40))
    turned = shared @ ortho_group.rvs(40, random_state=1) + 0.2 * RNG.normal(size=(40, 17, 40))
    found = retrieval(*shared_basis(torch.from_numpy(shared), torch.from_numpy(turned)))
    assert found.mean().item() > 0.9
    unrelated = [torch.from_numpy(RNG.normal(size=(300, 17, 40))) for _ in range(2)]
    assert retrieval(*shared_basis(*unrelated)).mean().item() == pytest.approx(1 / 17, abs=0.03)


def test_the_null_renames_the_concepts_of_one_language() -> None:
    a, b = torch.from_numpy(RNG.normal(size=(2, 8, 20))), torch.from_numpy(RNG.normal(size=(2, 8, 20)))
    x, y = shared_basis(a, b)
    renamings = permutations(8, 3, seed=0)
    null = retrieval_null(x, y, renamings)
    for renaming, row in zip(renamings, null, strict=True):
        torch.testing.assert_close(row, retrieval(*shared_basis(a, b[:, renaming])))


def test_the_view_of_a_pair_names_what_is_near() -> None:
    shared = RNG.normal(size=(14, 3)) @ RNG.normal(size=(3, 30))
    a = torch.from_numpy(shared)
    b = a.clone()
    b[[2, 5]] = b[[5, 2]]  # two concepts have changed places
    names = tuple("ABCDEFGHIJKLMN")
    got = view(names, a, b, np.arange(14), np.arange(14) + 1)
    assert got.concepts["concept"].tolist() == list(names)
    assert got.concepts["count_b"].tolist() == list(range(1, 15))
    concepts = got.concepts.set_index("concept")
    assert concepts.loc["C", "nearest"] == "F"
    assert concepts.loc["F", "nearest_back"] == "C"
    assert concepts["hit"].sum() >= 10
    assert not concepts.loc[["C", "F"], "hit"].any()
    assert got.a.shape == got.b.shape


def test_spaces_of_different_networks_are_told() -> None:
    with pytest.raises(InputError, match="one network"):
        shared_basis(torch.zeros(5, 3), torch.zeros(5, 4))
    with pytest.raises(InputError, match="at least 3"):
        shared_basis(torch.zeros(2, 3), torch.zeros(2, 3))
