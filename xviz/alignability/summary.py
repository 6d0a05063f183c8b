"""A scores table, read: one row a pair and layer, what it lies beyond, and languages in order and in a plane.

A score is judged against the null that asks most of it: of those there are, the one with the largest mean
(:data:`xviz.alignability.table.NULLS`). Its **effect** is ``(score - mean) / (1 - mean)``: 0 is no more than
that null, 1 is equal spaces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from xviz.alignability.inference import LEVEL
from xviz.alignability.table import NULLS

PAIR = ["layer", "treebank_a", "treebank_b"]
SHARED = ["language_a", "language_b", "score", "low", "high", "range", "ceiling", "n_a", "n_b", "n_concepts"]


def judged(scores: pd.DataFrame, *, metric: str, variant: str, null: str = "hardest") -> pd.DataFrame:
    """One row a layer and pair of one measure.

    Args:
        scores: as :func:`xviz.alignability.compute.read_scores` gives it.
        null: ``hardest`` (the largest mean), or one of ``permutation``, ``lexical``, ``random_weights``.

    Returns:
        ``layer, treebank_a, treebank_b, language_a, language_b, score, low, high, range, ceiling, n_a, n_b,
        n_concepts``; ``against`` (the null that effect and null_mean are of), ``null_mean``, ``null_p95``,
        ``effect``; ``p_<null>`` (adjusted) of each null; ``fails`` (nulls that the score is not beyond, in a
        sentence's order); ``significant`` (beyond all three; blank where one is not there). No rows where the
        table does not have the measure.
    """
    rows = scores[(scores["metric"] == metric) & (scores["variant"] == variant)]
    kinds = [kind for kind in NULLS if (rows["null_kind"] == kind).any()]
    one = rows.drop_duplicates(PAIR).set_index(PAIR)
    table = one[SHARED].copy()
    wide = {
        column: rows.pivot_table(index=PAIR, columns="null_kind", values=column, dropna=False).reindex(
            table.index
        )
        for column in ("null_mean", "null_p95", "p_adjusted")
        if kinds
    }
    for kind in kinds:
        table[f"p_{kind}"] = wide["p_adjusted"][kind]
    if not kinds:
        table["against"], table["fails"] = "", ""
        table[["null_mean", "null_p95", "effect"]] = np.nan
    else:
        means = wide["null_mean"][kinds].to_numpy(float)
        chosen = np.nan_to_num(means, nan=-np.inf).argmax(1)
        if null in kinds:
            chosen = np.full(len(table), kinds.index(null))
        each = np.arange(len(table))
        table["against"] = np.array(kinds, object)[chosen]
        table["null_mean"] = means[each, chosen]
        table["null_p95"] = wide["null_p95"][kinds].to_numpy(float)[each, chosen]
        table["effect"] = (table["score"] - table["null_mean"]) / (1 - table["null_mean"])
        passed = (wide["p_adjusted"][kinds] < LEVEL).to_numpy()
        table["fails"] = [
            ", ".join(kind for kind, ok in zip(kinds, row, strict=True) if not ok) for row in passed
        ]
    table["significant"] = one["significant"]
    return table.reset_index()


def shares(scores: pd.DataFrame, *, adjusted: bool = True) -> pd.DataFrame:
    """How many pairs lie beyond each null, and beyond all three, by measure and layer.

    Args:
        adjusted: by p adjusted over the family; else one test at a time.

    Returns:
        Rows ``layer, metric, variant, beyond, share, n``; ``beyond`` is a null or ``all``; n counts pairs.
    """
    tested = scores[scores["null_kind"].isin(NULLS)]
    key = ["layer", "metric", "variant"]
    passed = tested.assign(share=(tested["p_adjusted" if adjusted else "p"] < LEVEL).astype(float))
    each = passed.groupby([*key, "null_kind"])["share"].agg(["mean", "size"]).reset_index()
    each.columns = [*key, "beyond", "share", "n"]
    complete = passed.dropna(subset="significant")  # where all three nulls are there
    whole = complete.groupby([*PAIR, "metric", "variant"])["share"].min().reset_index()
    both = whole.groupby(key)["share"].agg(["mean", "size"]).reset_index()
    both.columns = [*key, "share", "n"]
    return pd.concat([each, both.assign(beyond="all")], ignore_index=True)[[*key, "beyond", "share", "n"]]


def matrix_of(pairs: pd.DataFrame, treebanks: Sequence[str], value: str) -> Float[np.ndarray, "n n"]:
    """A column of :func:`judged` at one layer as a symmetric matrix; NaN where there is no such pair."""
    place = {name: i for i, name in enumerate(treebanks)}
    matrix = np.full((len(treebanks),) * 2, np.nan)
    for a, b, x in zip(pairs["treebank_a"], pairs["treebank_b"], pairs[value], strict=True):
        if a in place and b in place:
            matrix[place[a], place[b]] = matrix[place[b], place[a]] = x
    return matrix


def clustered(matrix: Float[np.ndarray, "n n"]) -> list[int]:
    """An order in which languages that align stand together.

    Average linkage on ``1 - score``, leaves in optimal order (Bar-Joseph et al. 2001). Pairs without a score
    count as the least alike.
    """
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    if len(matrix) < 3:
        return list(range(len(matrix)))
    return leaves_list(linkage(squareform(_distances(matrix)), "average", optimal_ordering=True)).tolist()


@dataclass(frozen=True)
class Plane:
    """Languages as points; ``shares`` of all squared distance that the two axes show."""

    points: Float[np.ndarray, "n 2"]
    shares: tuple[float, float]


def plane(matrix: Float[np.ndarray, "n n"]) -> Plane:
    """Classical scaling (Torgerson 1952) of the distances ``1 - score`` between languages.

    The signs of the axes are set so that each one's largest coordinate is positive.
    """
    distances = _distances(matrix)
    n = len(distances)
    centre = np.eye(n) - 1 / n
    values, vectors = np.linalg.eigh(-0.5 * centre @ distances**2 @ centre)
    order = np.argsort(values)[::-1][:2]
    points = vectors[:, order] * np.sqrt(np.maximum(values[order], 0))
    if points.shape[1] < 2:
        points = np.column_stack([points, np.zeros(n)])
    points *= np.sign(points[np.abs(points).argmax(0), [0, 1]]) + (points == 0).all(0)
    total = np.abs(values).sum() or 1.0
    kept = [float(max(values[i], 0) / total) for i in order] + [0.0]
    return Plane(points, (kept[0], kept[1]))


def _distances(matrix: Float[np.ndarray, "n n"]) -> Float[np.ndarray, "n n"]:
    """``1 - score``, never negative; pairs without a score are as far as the farthest."""
    distances = np.maximum(1 - matrix, 0)
    np.fill_diagonal(distances, 0)
    farthest = np.nanmax(distances) if np.isfinite(distances).any() else 0.0
    return np.where(np.isnan(distances), farthest, distances)
