"""p, families, ceilings and jackknife against formulas, and families that hold their level."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from xviz.alignability.inference import (
    against_draws,
    against_seeds,
    benjamini_hochberg,
    beyond_all,
    ceilings,
    effect,
    jackknife,
    max_statistic,
    spearman_brown,
)

RNG = np.random.default_rng(0)


def normal(*shape: int) -> torch.Tensor:
    return torch.from_numpy(RNG.normal(size=shape))


def test_max_statistic_holds_the_family_level_and_finds_what_stands_out() -> None:
    wrong = 0
    for _ in range(300):
        common = normal(100, 1)  # the tests of a family depend on one another
        draws = 0.7 * common + normal(100, 12) * torch.linspace(0.5, 3, 12)
        wrong += bool((max_statistic(draws[0], draws[1:]) < 0.05).any())
    assert wrong / 300 <= 0.08
    score, null = torch.zeros(12), normal(99, 12)
    score[3] = 9
    adjusted = max_statistic(score.double(), null)
    assert adjusted[3].item() == pytest.approx(0.01)
    assert (adjusted[torch.arange(12) != 3] > 0.05).all()


def test_adjusted_p_is_never_below_p() -> None:
    score, null = normal(3, 5), normal(199, 3, 5)
    for shared in (True, False):
        got = against_draws(score, null, shared=shared)
        assert (got.p_adjusted >= got.p - 0.02).all()
        assert got.draws == 199
        torch.testing.assert_close(got.mean, null.mean(0))


def test_benjamini_hochberg_is_scipys_and_leaves_blanks_out() -> None:
    p = torch.tensor([0.01, torch.nan, 0.04, 0.03], dtype=torch.float64)
    got = benjamini_hochberg(p).numpy()
    np.testing.assert_allclose(got[[0, 2, 3]], stats.false_discovery_control([0.01, 0.04, 0.03]))
    assert np.isnan(got[1])


def test_seeds_are_judged_by_the_predictive_t_test() -> None:
    wrong = 0
    for _ in range(2000):
        draws = normal(6)
        wrong += against_seeds(draws[:1], draws[1:, None]).p.item() < 0.05
    assert 0.03 <= wrong / 2000 <= 0.07
    null = torch.tensor([[0.1], [0.2], [0.3]], dtype=torch.float64)
    t = (0.5 - 0.2) / (0.1 * (4 / 3) ** 0.5)
    assert against_seeds(torch.tensor([0.5]).double(), null).p.item() == pytest.approx(stats.t.sf(t, 2))


def test_effect_ceiling_and_significance_by_hand() -> None:
    assert effect(torch.tensor(0.9), torch.tensor(0.8)).item() == pytest.approx(0.5)
    assert spearman_brown(torch.tensor(0.5)).item() == pytest.approx(2 / 3)
    assert spearman_brown(torch.tensor(-0.2)).item() == 0
    got = ceilings(torch.tensor([[0.8, 0.5, 0.2]]), (np.array([0, 0]), np.array([1, 2])))[0]
    assert got[0].item() == pytest.approx(0.4**0.5)
    assert got[1].isnan()
    ps = [torch.tensor([0.01, 0.2]), torch.tensor([0.04, 0.01])]
    assert beyond_all(ps).tolist() == [True, False]


def test_jackknife_of_a_mean_is_the_t_interval() -> None:
    x = RNG.normal(size=20)
    deleted = torch.from_numpy(np.array([np.delete(x, g).mean() for g in range(20)]))
    low, high = jackknife(torch.tensor(x.mean()), deleted)
    want = stats.t.interval(0.95, 19, x.mean(), stats.sem(x))
    assert (low.item(), high.item()) == pytest.approx(want)
