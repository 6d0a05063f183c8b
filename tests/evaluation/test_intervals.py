"""The bootstrap over sentences, against scipy's, and where there is nothing to resample."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import bootstrap

from xviz.evaluation.intervals import by_sentence, ratio_interval

RNG = np.random.default_rng(1)


def test_interval_of_a_ratio_agrees_with_scipy() -> None:
    whole = RNG.integers(3, 20, size=150).astype(float)
    part = np.minimum(whole, RNG.poisson(whole * 0.4))
    got = ratio_interval(part, whole, seed=3, draws=4000)
    want = bootstrap(
        (part, whole),
        lambda p, w, axis: p.sum(axis) / w.sum(axis),
        paired=True,
        method="percentile",
        n_resamples=4000,
        rng=5,
    ).confidence_interval
    assert got == pytest.approx((want.low, want.high), abs=0.004)


def test_same_seed_same_interval_and_words_of_a_sentence_stand_or_fall_together() -> None:
    hits = np.repeat(RNG.integers(0, 2, 40), 10).astype(float)  # ten words a sentence, all right or all wrong
    sentence = np.repeat(np.arange(40), 10)
    clustered = by_sentence(hits, sentence, 40), by_sentence(np.ones(400), sentence, 40)
    low, high = ratio_interval(*clustered, seed=0)
    assert (low, high) == ratio_interval(*clustered, seed=0)
    naive_low, naive_high = ratio_interval(hits, np.ones(400), seed=0)
    assert high - low > 2 * (naive_high - naive_low)


def test_nothing_to_divide_by_is_no_number() -> None:
    assert all(math.isnan(x) for x in ratio_interval(np.zeros(0), np.zeros(0), seed=0))
    assert all(math.isnan(x) for x in ratio_interval(np.zeros(3), np.zeros(3), seed=0))
