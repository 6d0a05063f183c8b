"""From scores and nulls to what may be said: p, effects, families of tests, ceilings, intervals.

- **p** of a permutation or lexical null: ``(1 + #{null >= s}) / (1 + draws)``. Of random weights, of which
  there are few: the predictive t test of one more draw (``t = (s - mean) / (sd sqrt(1 + 1/n))``, n - 1
  degrees of freedom), which takes the seeds for normal.
- **Effect**: ``(s - null mean) / (1 - null mean)``: 0 at the null, 1 at a perfect score.
- **Family**: all pairs x layers of one measure. Where draws are shared (one set of concepts), the largest
  standardised score under each draw (Westfall & Young 1993); else Benjamini & Hochberg (1995).
- **Significant**: adjusted p below .05 for all three nulls; blank where one of them was not computed.
- **Ceiling**: split-half reliability r of a space (mean over random halves of the sentences), stepped up to
  its full length by Spearman-Brown, ``2r/(1+r)``; the ceiling of a pair is ``sqrt(rel_a rel_b)``, blank where
  a reliability is under .3.
- **Jackknife** over groups of sentences (the same sentences in all languages): variance
  ``(G-1)/G sum (s_g - mean)^2``, Student's t with G - 1 degrees of freedom.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.stats import false_discovery_control
from scipy.stats import t as student
from torch import Tensor

from xviz.alignability.permutation import p_value

LEVEL = 0.05
LEAST_RELIABILITY = 0.3
COVERAGE = 0.95


@dataclass(frozen=True)
class Against:
    """A family of scores against one null."""

    mean: Float[Tensor, "*family"]
    p95: Float[Tensor, "*family"]
    p: Float[Tensor, "*family"]
    p_adjusted: Float[Tensor, "*family"]
    draws: int


def against_draws(
    score: Float[Tensor, "*family"], null: Float[Tensor, "draws *family"], *, shared: bool
) -> Against:
    """Scores against draws of a null; ``shared``: a draw means the same for all of the family."""
    p = p_value(score, null)
    adjusted = max_statistic(score, null) if shared else benjamini_hochberg(p)
    return Against(null.mean(0), torch.quantile(null, 0.95, dim=0), p, adjusted, len(null))


def against_seeds(score: Float[Tensor, "*family"], null: Float[Tensor, "seeds *family"]) -> Against:
    """Scores against a handful of networks with random weights; at least 2."""
    n, mean = len(null), null.mean(0)
    spread = null.std(0) * (1 + 1 / n) ** 0.5
    statistic = ((score - mean) / spread.clamp_min(1e-12)).cpu().numpy()
    p = torch.from_numpy(np.asarray(student.sf(statistic, n - 1))).to(score)
    p95 = mean + float(student.ppf(0.95, n - 1)) * spread
    return Against(mean, p95, p, benjamini_hochberg(p), n)


def max_statistic(
    score: Float[Tensor, "*family"], null: Float[Tensor, "draws *family"]
) -> Float[Tensor, "*family"]:
    """p adjusted for the whole family: how often does the largest of the family under a draw reach it?

    Scores are standardised by mean and deviation of their own null first, so that no layer or pair with a
    wide null decides for all. Score and draws enter alike (the score is one of the 1 + draws values), which
    keeps the test exact.
    """
    both = torch.cat([score[None], null]).flatten(1)
    both = (both - both.mean(0)) / both.std(0).clamp_min(1e-12)
    largest = both.amax(1)  # of the observed scores, and of each draw
    reached = (largest[1:, None] >= both[:1] - 1e-9).sum(0)
    return ((1 + reached).double() / (1 + len(null))).reshape(score.shape)


def benjamini_hochberg(p: Float[Tensor, "*family"]) -> Float[Tensor, "*family"]:
    """False discovery rate; p that are blank stay so and are not in the family."""
    flat = p.detach().cpu().numpy().ravel()
    out, there = np.full_like(flat, np.nan), ~np.isnan(flat)
    if there.any():
        out[there] = false_discovery_control(flat[there])
    return torch.from_numpy(out.reshape(p.shape)).to(p)


def effect(score: Float[Tensor, "*family"], mean: Float[Tensor, "*family"]) -> Float[Tensor, "*family"]:
    """``(s - null mean) / (1 - null mean)``; blank where the null leaves no room."""
    room = 1 - mean
    return torch.where(room > 1e-9, (score - mean) / room, torch.nan)


def beyond_all(p_adjusted: list[Float[Tensor, "*family"]]) -> Bool[Tensor, "*family"]:
    """Which scores lie beyond every null."""
    return torch.stack([p < LEVEL for p in p_adjusted]).all(0)


def spearman_brown(r: Float[Tensor, "*spaces"]) -> Float[Tensor, "*spaces"]:
    """Reliability of the whole from the correlation of its halves; 0 where that is negative."""
    return (2 * r / (1 + r)).clamp_min(0)


def ceilings(reliability: Float[Tensor, "*stack languages"], pairs) -> Float[Tensor, "*stack pairs"]:
    """``sqrt(rel_a rel_b)`` of every pair, blank where one is under .3."""
    a, b = reliability[..., pairs[0]], reliability[..., pairs[1]]
    enough = (a >= LEAST_RELIABILITY) & (b >= LEAST_RELIABILITY)
    return torch.where(enough, (a * b).clamp_min(0).sqrt(), torch.nan)


def jackknife(
    score: Float[Tensor, "*family"], deleted: Float[Tensor, "groups *family"], *, coverage: float = COVERAGE
) -> tuple[Float[Tensor, "*family"], Float[Tensor, "*family"]]:
    """Low and high: the score, plus and minus Student's t times the delete-group jackknife's deviation."""
    groups = len(deleted)
    spread = ((groups - 1) / groups * (deleted - deleted.mean(0)).square().sum(0)).sqrt()
    reach = float(student.ppf((1 + coverage) / 2, groups - 1)) * spread
    return score - reach, score + reach
