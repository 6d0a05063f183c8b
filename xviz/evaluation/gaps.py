"""The gap: how far other languages are behind the pivot, and whether something that was done has narrowed it.

METHODS.md section 7 (definitions and guards are ours)::

    gap_l         = acc_pivot - acc_l
    relative gap  = (acc_pivot - mean_{l != pivot} acc_l) / acc_pivot
    sd            = standard deviation of acc over the languages but the pivot
    worst five    = mean acc of five languages fixed beforehand on dev
    best - worst  = max acc - min acc over the languages but the pivot
    d_gap_l       = d_pivot - d_l            where d is the change against a baseline

Guards: no gap where the pivot's lower bound does not exceed both majority and chance (``drawn`` is then False
and the measures with a pivot are NaN); ``grey`` where fewer than 200 words or items were judged;
``pivot_fell`` where a gap shrinks because the pivot fell (the upper bound of d_pivot is below 0).

Intervals come from replicates: number b of every language is computed from the same resampled seeds (and, for
translations, sentences), so differences between languages and methods are paired. Units: shares (0 to 1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

WORST = 5
FEWEST = 200
INTERVAL = (2.5, 97.5)
OVER_LANGUAGES = ("relative_gap", "mean", "sd", "worst_five", "best_minus_worst")
WITH_PIVOT = ("gap", "relative_gap")


@dataclass(frozen=True)
class Estimate:
    """Accuracy of one method in one language: the value, its replicates, and over how many words."""

    accuracy: float
    replicates: Float[np.ndarray, " resamples"]
    n: int

    @property
    def interval(self) -> tuple[float, float]:
        return interval(self.replicates)


def interval(replicates: Float[np.ndarray, " resamples"]) -> tuple[float, float]:
    """95 % percentile interval; NaN where there is nothing."""
    there = replicates[np.isfinite(replicates)]
    if not len(there):
        return float("nan"), float("nan")
    low, high = np.percentile(there, INTERVAL)
    return float(low), float(high)


def worst_on_dev(dev_accuracy: Mapping[str, float], *, pivot: str, count: int = WORST) -> tuple[str, ...]:
    """The languages but the pivot that are lowest on dev, at most ``count``; by name where they are equal."""
    others = {name: value for name, value in dev_accuracy.items() if name != pivot}
    return tuple(sorted(others, key=lambda name: (others[name], name))[:count])


def gap_table(
    estimates: Mapping[str, Estimate],
    *,
    pivot: str,
    majority: float,
    chance: float,
    worst: Sequence[str],
) -> pd.DataFrame:
    """Rows measure, language, value, low, high, n, drawn, grey for one method.

    Args:
        estimates: by language (or treebank), the pivot's among them.
        majority: accuracy of always guessing the commonest concept of the pivot.
        chance: 1 / number of concepts.
        worst: the languages of ``worst_five``, fixed on dev (:func:`worst_on_dev`).

    ``language`` is empty for measures over languages; their n is the smallest of any language.
    """
    here = estimates[pivot]
    others = {name: each for name, each in estimates.items() if name != pivot}
    drawn = bool(here.interval[0] > max(majority, chance))
    rows = []
    for name, each in others.items():
        values = here.accuracy - each.accuracy, here.replicates - each.replicates
        rows.append(_row("gap", name, *values, n=min(here.n, each.n), drawn=drawn))
    if others:
        accuracies = np.array([each.accuracy for each in others.values()])
        replicates = np.stack([each.replicates for each in others.values()])  # (languages, resamples)
        chosen = [place for place, name in enumerate(others) if name in set(worst)]
        n = min(each.n for each in estimates.values())
        values_of = _over_languages(here.accuracy, accuracies, chosen)
        replicates_of = _over_languages(here.replicates, replicates, chosen)
        for measure in OVER_LANGUAGES:
            value = float(values_of[measure])
            rows.append(_row(measure, "", value, replicates_of[measure], n=n, drawn=drawn))
    return pd.DataFrame(rows, columns=["measure", "language", "value", "low", "high", "n", "drawn", "grey"])


def change_table(
    before: Mapping[str, Estimate],
    after: Mapping[str, Estimate],
    *,
    pivot: str,
    majority: float,
    chance: float,
) -> pd.DataFrame:
    """What a method changed against a baseline, language by language, paired over replicates.

    Returns rows language, d_accuracy, d_pivot, d_gap with intervals (``d_gap_low`` ...), n, ``outcome``
    (``gained``, ``lost`` or ``not distinguishable``: the interval of d_accuracy holds zero), ``gap_shrinks``
    (the upper bound of d_gap is below 0), ``pivot_fell`` (it shrinks, and the upper bound of d_pivot is below
    0), drawn (the guard holds before and after), grey. The pivot has a row as well, without a gap.
    """
    d_pivot = after[pivot].accuracy - before[pivot].accuracy
    d_pivot_replicates = after[pivot].replicates - before[pivot].replicates
    drawn = all(each[pivot].interval[0] > max(majority, chance) for each in (before, after))
    rows = []
    for name in after:
        if name not in before:
            continue
        d, d_replicates = (
            after[name].accuracy - before[name].accuracy,
            after[name].replicates - before[name].replicates,
        )
        low, high = interval(d_replicates)
        row: dict[str, Any] = {"language": name, "d_accuracy": d, "d_accuracy_low": low}
        row |= {"d_accuracy_high": high, "d_pivot": d_pivot}
        row["d_pivot_low"], row["d_pivot_high"] = interval(d_pivot_replicates)
        shrinks = False
        if name != pivot and drawn:
            row["d_gap"] = d_pivot - d
            row["d_gap_low"], row["d_gap_high"] = interval(d_pivot_replicates - d_replicates)
            shrinks = row["d_gap_high"] < 0
        else:
            row |= dict.fromkeys(("d_gap", "d_gap_low", "d_gap_high"), float("nan"))
        row["outcome"] = "gained" if low > 0 else "lost" if high < 0 else "not distinguishable"
        row |= {"gap_shrinks": shrinks, "pivot_fell": shrinks and row["d_pivot_high"] < 0}
        n = min(after[name].n, before[name].n)
        rows.append(row | {"n": n, "drawn": drawn, "grey": n < FEWEST})
    return pd.DataFrame(rows)


def _over_languages(
    pivot: float | np.ndarray, others: np.ndarray, worst: Sequence[int]
) -> dict[str, np.ndarray]:
    """The measures over languages (axis 0 of ``others``)."""
    mean = others.mean(0)
    nan = np.full(np.shape(mean), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "relative_gap": (pivot - mean) / pivot,
            "mean": mean,
            "sd": others.std(0, ddof=1) if len(others) > 1 else nan,
            "worst_five": others[list(worst)].mean(0) if len(worst) else nan,
            "best_minus_worst": others.max(0) - others.min(0),
        }


def _row(
    measure: str, language: str, value: float, replicates: Any, *, n: int, drawn: bool
) -> dict[str, Any]:
    low, high = interval(np.asarray(replicates))
    if measure in WITH_PIVOT and not drawn:
        value = low = high = float("nan")
    row: dict[str, Any] = {"measure": measure, "language": language, "value": value, "low": low, "high": high}
    return row | {"n": n, "drawn": drawn, "grey": n < FEWEST}
