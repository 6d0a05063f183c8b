"""Intervals of shares and ratios over sentences: words of one sentence are not independent, sentences are."""

from __future__ import annotations

import functools

import numpy as np
from jaxtyping import Float, Int

DRAWS = 1000
BLOCK = 50


def ratio_interval(
    part: Float[np.ndarray, " sentences"],
    whole: Float[np.ndarray, " sentences"],
    *,
    seed: int,
    draws: int = DRAWS,
) -> tuple[float, float]:
    """95 % percentile bootstrap over sentences of ``sum(part) / sum(whole)`` (a share of words, bits a byte).

    Such a ratio of sums has no bias to speak of, so the plain percentile interval serves (it does not for
    scores such as RSA: METHODS.md section 3). NaN where there is nothing to divide by.
    """
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    n = len(part)
    if n == 0 or whole.sum() == 0:
        return float("nan"), float("nan")
    ratios = []
    for start in range(0, draws, BLOCK):
        times = _resampled(n, seed, draws)[start : start + BLOCK].astype(np.float64)  # (block, sentences)
        with np.errstate(invalid="ignore", divide="ignore"):
            ratios.append((times @ part) / (times @ whole))
    low, high = np.nanpercentile(np.concatenate(ratios), [2.5, 97.5])
    return float(low), float(high)


@functools.lru_cache(maxsize=4)
def _resampled(n: int, seed: int, draws: int) -> Int[np.ndarray, "draws sentences"]:
    """How often each sentence is drawn; remembered, since a card asks for it hundreds of times."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(n, np.full(n, 1 / n), size=draws).astype(np.uint16)


def by_sentence(
    values: np.ndarray, sentence: Int[np.ndarray, " rows"], sentences: int
) -> Float[np.ndarray, " sentences"]:
    """The sum over the rows of each sentence."""
    return np.bincount(sentence, weights=values, minlength=sentences)
