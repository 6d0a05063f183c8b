"""A score without noise, and an interval for it that covers.

The plug-in score of two noisy spaces is biased, so an interval around it misses (a bootstrap percentile
interval about always: METHODS.md section 3). **Estimand** here: the linear CKA (U-centred) of the *true*
prototypes, the means over the population that the sentences are drawn from. Its numerator and denominators
are scalar products of U-centred matrices of products between prototypes; each is estimated without bias from
four disjoint folds of the sentences::

    A_uv = U-centred (p_u p_v^T), p_u the prototypes of fold u; E A_uv = the true matrix, for u != v
    s = sum <A_uv, B_wx> / sqrt( sum <A_uv, A_wx>  sum <B_uv, B_wx> )     over {u,v,w,x} = all four folds

No product holds an error twice, neither within a language nor between two whose sentences translate one
another, so parallel content does not inflate it either. The mean over a few divisions into folds is taken;
the interval is the bias-corrected delete-group jackknife with Student's t.

Coverage of the 95 % interval (K = 17, d = 64, 20 groups of sentences, 120 runs a cell; ``noise``: deviation
of a word around its prototype, in deviations of the prototypes; ``least``: words of the rarest concept, the
commonest has K times as many; ``rho``: share of variance that the true prototypes have in common)::

    noise  least  reliability  coverage at rho = 0, .5, .9   median width
      1      10       .93         .975   .975   .958          .43 .42 .28    (concepts in every fold: 6 or 7)
      3     100       .90         .958   .942   .958          .19 .18 .14
      3      30       .70         .992   .992   .992          .46 .46 .42
      6     100       .66         .975   .967  1.000          .49 .49 .45
      3      10       .55         .971   .990  1.000          1.8 1.9 1.8
      6      30       .27        1.000  1.000  1.000          2.1 2.0 2.5

With d = 256, unequal variances (deviation of dimension i: i^-.7) and rho = 0: .975 at reliability .90, .992
at .88. So an interval it is called where both reliabilities are at least .8, and a **stability range** below:
it grows wider than it need be there, and now and then has no estimate at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.stats import t as student
from torch import Tensor

from xviz.alignability.inference import COVERAGE
from xviz.alignability.scores import centred_products

FOLDS, DIVISIONS = 4, 5
OPPOSITE = (((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0, 3), (1, 2)))
INTERVAL_RELIABILITY = 0.8
"""Where a space is less reliable than this, what is drawn is called a stability range."""


@dataclass(frozen=True)
class NoiseFree:
    """CKA of the true prototypes: estimate (bias-corrected), low, high; blank where it has no estimate.

    ``reliability`` of each language: the share of the plug-in's sum of squares that is no noise.
    """

    score: Float[Tensor, " pairs"]
    low: Float[Tensor, " pairs"]
    high: Float[Tensor, " pairs"]
    reliability: Float[Tensor, " languages"]


def divisions(groups: int, *, seed: int, count: int = DIVISIONS) -> Int[np.ndarray, "count groups"]:
    """Fold of each group, in ``count`` random balanced divisions."""
    rng = np.random.default_rng([seed, groups, FOLDS])
    return rng.permuted(np.tile(np.arange(groups) % FOLDS, (count, 1)), axis=1)


def in_every_fold(
    counts: Int[np.ndarray, "languages groups concepts"], folds: Int[np.ndarray, "count groups"]
) -> Bool[np.ndarray, " concepts"]:
    """Concepts that all languages have in every fold, whichever group is left out."""
    there = np.ones(counts.shape[-1], bool)
    for division in folds:
        for fold in range(FOLDS):
            inside = counts[:, division == fold]
            there &= ((inside.sum(1, keepdims=True) - inside) > 0).all((0, 1))
    return there


def noise_free(
    sums: Float[Tensor, "languages groups concepts dim"],
    counts: Int[np.ndarray, "languages groups concepts"],
    pairs: tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]],
    folds: Int[np.ndarray, "count groups"],
    *,
    coverage: float = COVERAGE,
) -> NoiseFree:
    """Estimate and interval of every pair at one layer; every concept must be in every fold.

    Raises:
        InputError: fewer than 4 concepts.
    """
    groups = sums.shape[1]
    n = torch.from_numpy(np.asarray(counts, np.float64)).to(sums.device)
    kept = [np.arange(groups)] + [np.delete(np.arange(groups), g) for g in range(groups)]
    i, j = pairs
    scores, own, plug = [], [], []
    for keep in kept:
        across = torch.zeros(len(n), len(n), dtype=torch.float64, device=sums.device)
        within = torch.zeros(len(n), dtype=torch.float64, device=sums.device)
        noisy = torch.zeros_like(within)
        for division in folds:
            A = _cross_products(sums, n, division, keep)
            for u, v in OPPOSITE:
                across += A[u] @ A[v].mT + A[v] @ A[u].mT
                within += 2 * (A[u] * A[v]).sum(-1)
            noisy += 6 * torch.stack(list(A.values())).mean(0).square().sum(-1)
        product = within[i] * within[j]
        usable = (within[i] > 0) & (within[j] > 0)
        scores.append(torch.where(usable, across[i, j] / product.clamp_min(1e-300).sqrt(), torch.nan))
        own.append(within)
        plug.append(noisy)
    full, deleted = scores[0], torch.stack(scores[1:])
    estimate = groups * full - (groups - 1) * deleted.mean(0)
    spread = ((groups - 1) / groups * (deleted - deleted.mean(0)).square().sum(0)).sqrt()
    reach = float(student.ppf((1 + coverage) / 2, groups - 1)) * spread
    reliability = (own[0] / plug[0]).clamp(0, 1)
    return NoiseFree(estimate, (estimate - reach).clamp(-1, 1), (estimate + reach).clamp(-1, 1), reliability)


def _cross_products(
    sums: Float[Tensor, "languages groups concepts dim"],
    counts: Float[Tensor, "languages groups concepts"],
    division: Int[np.ndarray, " groups"],
    keep: Int[np.ndarray, " kept"],
) -> dict[tuple[int, int], Float[Tensor, "languages pairs"]]:
    """Triangles of ``A_uv`` for every two folds."""
    prototypes = []
    for fold in range(FOLDS):
        inside = keep[division[keep] == fold]
        prototypes.append(sums[:, inside].double().sum(1) / counts[:, inside].sum(1)[..., None])
    return {(u, v): centred_products(prototypes[u], prototypes[v]) for u, v in combinations(range(FOLDS), 2)}
