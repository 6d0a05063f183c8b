"""The score without noise is unbiased, content that translations share does not lift it, intervals cover."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from xviz.alignability.intervals import INTERVAL_RELIABILITY, divisions, in_every_fold, noise_free
from xviz.alignability.scores import cka

GROUPS = 20
ONE_PAIR = (np.array([0]), np.array([1]))


def run(
    seed: int,
    *,
    concepts: int = 17,
    dim: int = 64,
    rho: float = 0.5,
    noise: float = 3.0,
    least: float = 100.0,
    content: float = 0.0,
) -> tuple[float, float, float, float, float]:
    """Truth, estimate, low, high and reliability of one pair of languages.

    ``rho``: share of variance that the true prototypes have in common; ``noise``: deviation of a word around
    its prototype; ``least``: words of the rarest concept; ``content``: correlation of the noise of a and b.
    """
    g = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=g, dtype=torch.float64)

    shared = normal(concepts, dim)
    truth = rho**0.5 * shared + (1 - rho) ** 0.5 * normal(2, concepts, dim)
    rates = least * concepts / torch.arange(1, concepts + 1).double() / GROUPS
    n = torch.poisson(rates.expand(GROUPS, concepts).clone(), generator=g).expand(2, -1, -1)
    error = content**0.5 * normal(1, GROUPS, concepts, dim) + (1 - content) ** 0.5 * normal(
        2, GROUPS, concepts, dim
    )
    sums = n[..., None] * truth[:, None] + noise * n.sqrt()[..., None] * error
    folds = divisions(GROUPS, seed=0)
    keep = in_every_fold(n.numpy(), folds)
    got = noise_free(sums[:, :, keep], n[:, :, keep].numpy(), ONE_PAIR, folds)
    want = cka(truth[0, keep], truth[1, keep]).item()
    return want, got.score.item(), got.low.item(), got.high.item(), got.reliability.min().item()


def test_a_concept_must_be_in_every_fold_whatever_is_left_out() -> None:
    counts = np.ones((2, GROUPS, 3), int)
    folds = divisions(GROUPS, seed=0)
    first = np.flatnonzero(folds[0] == 2)
    counts[1, first[1:], 1] = 0  # one group of one fold has it: gone when that group is left out
    assert in_every_fold(counts, folds).tolist() == [True, False, True]


def test_without_noise_it_is_cka() -> None:
    want, got, low, high, reliability = run(1, noise=1e-9)
    assert got == pytest.approx(want, abs=1e-6)
    assert high - low < 1e-6
    assert reliability == pytest.approx(1)


@pytest.mark.slow
def test_content_that_translations_share_does_not_lift_it() -> None:
    apart = np.array([np.subtract(*run(seed, content=0.8, rho=0.0)[1::-1]) for seed in range(60)])
    assert abs(apart.mean()) < 3 * apart.std() / 60**0.5 + 0.005


@pytest.mark.slow
@pytest.mark.parametrize("rho", [0.0, 0.9])
@pytest.mark.parametrize(("noise", "least"), [(1.0, 10.0), (1.0, 30.0), (3.0, 300.0), (6.0, 300.0)])
def test_coverage_of_the_interval(rho: float, noise: float, least: float) -> None:
    """What is called an interval covers in 90 to 98 % of runs (two standard errors allowed)."""
    runs = [run(seed, rho=rho, noise=noise, least=least) for seed in range(200)]
    truth, _, low, high, reliability = np.array(runs).T
    covered = ((low <= truth) & (truth <= high)).mean()
    median, width = np.median(reliability), np.median(high - low)
    print(f"rho {rho} noise {noise} least {least}: {covered:.3f}, width {width:.2f}, {median:.2f}")
    if median >= INTERVAL_RELIABILITY:
        assert 0.90 - 0.03 <= covered <= 0.98 + 0.015
