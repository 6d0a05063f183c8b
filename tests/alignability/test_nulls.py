"""The nulls do what they are for: exact where they can be, honest on data without any concept information."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist, squareform
from scipy.stats import spearmanr

from xviz.alignability.lexical import adjust, draw_prototypes, noise_share, type_counts
from xviz.alignability.permutation import p_value, permutations, rsa_null
from xviz.alignability.scores import dissimilarities, rsa

RNG = np.random.default_rng(0)


def corpus(seed: int, *, concepts: int = 10, words: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Word forms and concepts with open and closed classes, as in a treebank."""
    rng = np.random.default_rng(seed)
    shares = np.array([0.25, 0.15, 0.12, 0.1, 0.1, 0.09, 0.08, 0.05, 0.04, 0.02])[:concepts]
    codes = rng.choice(concepts, size=words, p=shares / shares.sum())
    types = np.array([900, 12, 400, 15, 250, 8, 80, 4, 120, 3])[:concepts]
    forms = np.array([f"{k}.{min(rng.zipf(1.4), types[k])}" for k in codes])
    return forms, codes


def test_type_counts_on_a_case_counted_by_hand() -> None:
    forms, codes = np.array(["a", "a", "b", "c", "b", "x"]), np.array([0, 0, 0, 1, 1, -1])
    got = type_counts(forms, codes, 2)
    assert got.counts.tolist() == [3, 2]
    np.testing.assert_allclose(got.overlap, [[5 / 9, 1 / 6], [1 / 6, 1 / 2]])
    np.testing.assert_allclose(got.squared_differences()[0, 1], (4 / 9) + (1 / 3 - 1 / 2) ** 2 + 1 / 4)


def test_draws_have_the_geometry_of_random_vectors_for_every_type() -> None:
    """Expected squared distances equal those of prototypes made the long way, type by type."""
    forms, codes = corpus(1, concepts=4, words=500)
    counts = type_counts(forms, codes, 4)
    types, inverse = np.unique(forms, return_inverse=True)
    long_way = np.zeros((4, 4))
    for _ in range(300):
        x = 0.8**0.5 * RNG.normal(size=(len(types), 8))[inverse] + 0.2**0.5 * RNG.normal(size=(500, 8))
        means = np.array([x[codes == k].mean(0) for k in range(4)])
        long_way += squareform(pdist(means, "sqeuclidean")) / 300
    drawn = draw_prototypes(counts, draws=3000, dim=8, noise=0.2, seed=0)
    i, j = np.triu_indices(4, 1)
    short = dissimilarities(drawn).square().mean(0).numpy()
    np.testing.assert_allclose(short, long_way[i, j], rtol=0.1)


def test_noise_share_recovers_a_planted_share() -> None:
    forms, _ = corpus(2)
    _, inverse = np.unique(forms, return_inverse=True)
    types = RNG.normal(size=(inverse.max() + 1, 40))
    for share in (0.0, 0.3, 0.8):
        x = (1 - share) ** 0.5 * types[inverse] + share**0.5 * RNG.normal(size=(len(forms), 40))
        assert noise_share(x, forms) == pytest.approx(share, abs=0.04)


def test_adjustment_is_the_residual_of_a_regression_and_removes_what_types_explain() -> None:
    counts = type_counts(*corpus(3), 10)
    i, j = np.triu_indices(10, 1)
    explained = 2 * counts.squared_differences()[i, j] + 5 * counts.sampling()[i, j] + 1
    assert adjust(torch.from_numpy(explained), counts).abs().max() < 1e-12
    y = RNG.normal(size=45)
    X = np.stack([np.ones(45), counts.squared_differences()[i, j], counts.sampling()[i, j]], 1)
    want = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
    np.testing.assert_allclose(adjust(torch.from_numpy(y), counts).numpy(), want, atol=1e-12)


def test_permutation_null_equals_renaming_the_concepts() -> None:
    a, b = RNG.normal(size=(3, 6, 5)), RNG.normal(size=(2, 6, 5))
    renamings = permutations(6, 4, seed=0)
    ta, tb = dissimilarities(torch.from_numpy(a)), dissimilarities(torch.from_numpy(b))
    for correlation in ("spearman", "pearson", "kendall"):
        nulls = list(rsa_null(ta, tb, renamings, correlation))
        for renaming, null in zip(renamings, nulls, strict=True):
            renamed = dissimilarities(torch.from_numpy(b[:, renaming]))
            torch.testing.assert_close(null, rsa(ta, renamed, correlation))


def test_p_values_count_what_reaches_the_score() -> None:
    null = torch.tensor([[0.1], [0.5], [0.5], [0.9]], dtype=torch.float64)
    assert p_value(torch.tensor([0.5], dtype=torch.float64), null).item() == pytest.approx(4 / 5)
    assert p_value(torch.tensor([2.0], dtype=torch.float64), null).item() == pytest.approx(1 / 5)


def test_label_permutation_holds_its_level_on_unrelated_gaussian_spaces() -> None:
    draws = 400
    a = dissimilarities(torch.from_numpy(RNG.normal(size=(draws, 1, 17, 32))))
    b = dissimilarities(torch.from_numpy(RNG.normal(size=(draws, 1, 17, 32))))
    null = torch.stack(list(rsa_null(a, b, permutations(17, 199, seed=1))))
    share = (p_value(rsa(a, b), null) < 0.05).double().mean().item()
    assert 0.025 <= share <= 0.08


def test_vectors_without_concepts_pass_the_permutation_null_but_not_the_lexical_one() -> None:
    """The reason for the lexical null: unrelated random type vectors of two corpora with closed classes."""
    one, two = type_counts(*corpus(4), 10), type_counts(*corpus(5), 10)
    draws = 300
    a = dissimilarities(draw_prototypes(one, draws=draws, dim=64, noise=0.0, seed=1))[:, None]
    b = dissimilarities(draw_prototypes(two, draws=draws, dim=64, noise=0.0, seed=2))[:, None]
    score = rsa(a, b).flatten()
    permuted = torch.stack(list(rsa_null(a, b, permutations(10, 199, seed=3))))
    by_label = (p_value(score, permuted.flatten(1)) < 0.05).double().mean().item()
    null_a = dissimilarities(draw_prototypes(one, draws=999, dim=64, noise=0.0, seed=4))[:, None]
    null_b = dissimilarities(draw_prototypes(two, draws=999, dim=64, noise=0.0, seed=5))[:, None]
    by_types = (p_value(score, rsa(null_a, null_b).flatten()[:, None]) < 0.05).double().mean().item()
    squared = [adjust(x.square(), c) for x, c in ((a, one), (b, two))]
    adjusted = rsa(squared[0], squared[1]).flatten()
    assert by_label > 0.9
    assert 0.02 <= by_types <= 0.09
    assert adjusted.abs().mean() < 0.2 < score.mean()


def test_spearman_of_two_triangles_is_what_scipy_says_after_adjustment() -> None:
    counts = type_counts(*corpus(6), 10)
    x, y = RNG.normal(size=45), RNG.normal(size=45)
    got = rsa(adjust(torch.from_numpy(x), counts)[None], adjust(torch.from_numpy(y), counts)[None])
    want = spearmanr(adjust(torch.from_numpy(x), counts), adjust(torch.from_numpy(y), counts)).statistic
    assert got.item() == pytest.approx(want, abs=1e-12)
