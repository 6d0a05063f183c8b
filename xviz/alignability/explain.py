"""What explains alignability? Regression on pairs of languages, tested as pairs that share languages.

- **MRQAP** with double semi-partialing (Dekker, Krackhardt & Snijders 2007): the residual of one predictor on
  all others is renamed (rows and columns together), the regression is done again, and the t of the predictor
  is compared with its t under renaming. Holds its level when predictors are correlated and pairs dependent.
- **Leave one family out**: pairs without any language of a family predict the pairs with one; the R^2 is
  against the mean of the pairs that were fitted, so a negative one means that nothing was learnt.

Which predictors there are is in :mod:`xviz.alignability.predictors`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.stats import spearmanr

from xviz.errors import InputError

Matrix = Float[np.ndarray, "languages languages"]


def mrqap(
    y: Matrix, predictors: Mapping[str, Matrix], *, permutations: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """Partial effect of each predictor on the scores of pairs.

    Args:
        y: symmetric scores; the diagonal is not read.
        predictors: symmetric matrices of the same languages.

    Returns:
        Rows ``predictor, beta, t, p, r2, n_languages, n_pairs, n_permutations``: beta for predictors and
        scores in standard deviations, p two-sided, r2 of the whole regression.

    Raises:
        InputError: too few languages for so many predictors, or predictors that determine one another.
    """
    languages = len(y)
    i, j = np.triu_indices(languages, 1)
    names = list(predictors)
    _enough(languages, len(i), len(names))
    target = _standard(y[i, j])
    X = np.stack([_standard(predictors[name][i, j]) for name in names], 1)  # (pairs, predictors)
    if np.linalg.matrix_rank(np.column_stack([np.ones(len(i)), X])) <= len(names):
        raise InputError(f"The predictors {', '.join(names)} determine one another; leave one out.")
    betas, ts, r2 = _regress(target, X)
    rng = np.random.default_rng(seed)
    renamings = [rng.permutation(languages) for _ in range(permutations)]
    rows = []
    for k, name in enumerate(names):
        others = np.delete(X, k, axis=1)
        residual = X[:, k] - _fitted(others, X[:, k])
        matrix = np.zeros((languages, languages))
        matrix[i, j] = matrix[j, i] = residual
        reached = 0
        for renaming in renamings:
            renamed = matrix[np.ix_(renaming, renaming)][i, j]
            t = _regress(target, np.column_stack([renamed, others]))[1][0]
            reached += abs(t) >= abs(ts[k]) - 1e-12
        rows.append(
            {
                "predictor": name,
                "beta": betas[k],
                "t": ts[k],
                "p": (1 + reached) / (1 + permutations),
                "r2": r2,
                "n_languages": languages,
                "n_pairs": len(i),
                "n_permutations": permutations,
            }
        )
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class FamilyPrediction:
    """Prediction of pairs from pairs of other families.

    ``pairs``: rows ``a, b, score, predicted, families`` (of languages, by number; predicted is the mean over
    the families that were left out with the pair). ``r2`` against predicting the mean of the fitted pairs,
    ``spearman`` of predicted with observed. ``families``: those left out, in turn.
    """

    pairs: pd.DataFrame
    r2: float
    spearman: float
    families: tuple[str, ...]


def leave_one_family_out(
    y: Matrix, predictors: Mapping[str, Matrix], families: Sequence[str], *, ridge: float = 1.0
) -> FamilyPrediction:
    """Predict the pairs of each family from all pairs without it (ridge regression on standard scores).

    A family whose absence leaves fewer than three pairs a predictor is not left out; its pairs may still be
    predicted when another family is.

    Raises:
        InputError: no family can be left out.
    """
    i, j = np.triu_indices(len(y), 1)
    scores = y[i, j]
    X = np.stack([matrix[i, j] for matrix in predictors.values()], 1)
    of = np.array(families, object)
    predicted: list[list[float]] = [[] for _ in i]
    means: list[list[float]] = [[] for _ in i]
    left = []
    for name in sorted(set(families)):
        out = (of[i] == name) | (of[j] == name)
        if (~out).sum() < 3 * (X.shape[1] + 1) or not out.any():
            continue
        left.append(name)
        centre, scale = X[~out].mean(0), X[~out].std(0)
        scale = np.where(scale > 1e-12, scale, np.inf)  # constant without the family: says nothing
        A = (X[~out] - centre) / scale
        weights = np.linalg.solve(
            A.T @ A + ridge * np.eye(A.shape[1]), A.T @ (scores[~out] - scores[~out].mean())
        )
        values = scores[~out].mean() + (X[out] - centre) / scale @ weights
        for row, value in zip(np.flatnonzero(out), values, strict=True):
            predicted[row].append(float(value))
            means[row].append(float(scores[~out].mean()))
    if not left:
        raise InputError("No family can be left out: too few pairs of languages remain without it.")
    there = [row for row, values in enumerate(predicted) if values]
    table = pd.DataFrame(
        {
            "a": i[there],
            "b": j[there],
            "score": scores[there],
            "predicted": [float(np.mean(predicted[row])) for row in there],
            "families": [len(predicted[row]) for row in there],
        }
    )
    baseline = np.array([np.mean(means[row]) for row in there])
    error = ((table["score"] - table["predicted"]) ** 2).sum()
    r2 = 1 - error / ((table["score"] - baseline) ** 2).sum()
    rho = spearmanr(table["score"], table["predicted"]).statistic
    return FamilyPrediction(table, float(r2), float(rho), tuple(left))


def _regress(y: np.ndarray, X: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Coefficients and t of least squares with an intercept, and R^2."""
    design = np.column_stack([np.ones(len(y)), X])
    inverse = np.linalg.pinv(design.T @ design)
    beta = inverse @ design.T @ y
    residual = y - design @ beta
    variance = residual @ residual / max(1, len(y) - design.shape[1])
    error = np.sqrt(np.maximum(np.diag(inverse) * variance, 1e-300))
    total = ((y - y.mean()) ** 2).sum()
    return beta[1:], (beta / error)[1:], float(1 - residual @ residual / total)


def _fitted(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    design = np.column_stack([np.ones(len(y)), X])
    return design @ np.linalg.lstsq(design, y, rcond=None)[0]


def _standard(x: np.ndarray) -> np.ndarray:
    return (x - x.mean()) / max(x.std(), 1e-12)


def _enough(languages: int, pairs: int, predictors: int) -> None:
    if languages < 4 or pairs < 2 * (predictors + 1):
        raise InputError(
            f"{predictors} predictors want more pairs than {languages} languages give ({pairs}); "
            "take more languages or fewer predictors."
        )
