"""What might explain alignability: facts about languages and treebanks, and word order measured in treebanks.

Word order is taken from the trees themselves, relation by relation (subtypes stripped; punctuation and roots
left out): the **head-initial share** p (heads that precede their dependent) and the **order entropy** ``-p
log2 p - (1-p) log2 (1-p)`` in bits (0: fixed order, 1: free). The **order distance** of two languages is the
mean of |p_a - p_b| over the relations that both have at least 20 times.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float

from xviz.corpora.catalogue import catalogue
from xviz.corpora.languages import family, scripts
from xviz.corpora.treebank import Treebank
from xviz.errors import InputError

LEAST = 20
LEFT_OUT = ("root", "punct")


def word_order(words: pd.DataFrame) -> pd.DataFrame:
    """One row a relation: ``relation, n, head_initial, entropy``.

    Args:
        words: a treebank's words, with columns ``index``, ``head`` and ``deprel``.
    """
    relation = words["deprel"].astype(str).str.split(":").str[0]
    counted = (words["head"] > 0) & ~relation.isin(LEFT_OUT)
    initial = (words["head"] < words["index"])[counted]
    grouped = initial.groupby(relation[counted])
    table = pd.DataFrame({"n": grouped.size(), "head_initial": grouped.mean()})
    table.index.name = "relation"
    p = table["head_initial"].to_numpy(float)
    table["entropy"] = -(_xlog2x(p) + _xlog2x(1 - p))
    return table.reset_index()


def order_distance(a: pd.DataFrame, b: pd.DataFrame) -> float:
    """Mean difference of head-initial shares, over relations that both have often enough; NaN without any."""
    both = a[a["n"] >= LEAST].merge(b[b["n"] >= LEAST], on="relation")
    return (
        float((both["head_initial_x"] - both["head_initial_y"]).abs().mean()) if len(both) else float("nan")
    )


def language_facts(
    treebanks: Sequence[Treebank], fertility: Mapping[str, float] | None = None
) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    """Facts about each treebank, and its word order.

    Args:
        fertility: pieces a word, by name of treebank (of a run's facts); left out where None.

    Returns:
        One row a treebank: ``treebank, language, family, script, words, head_initial, order_entropy`` (both
        over all relations, the entropy weighted by how often each occurs) and perhaps ``fertility``; and the
        table of :func:`word_order` of each.
    """
    rows, orders = [], []
    for bank in treebanks:
        known = catalogue().get(bank.name)
        order = word_order(bank.words)
        n = order["n"].to_numpy(float)
        written = known.scripts if known else scripts(bank.language)
        row = {
            "treebank": bank.name,
            "language": bank.language,
            "family": (known.family if known else family(bank.language)) or bank.language,
            "script": written[0] if written else "",
            "words": len(bank.words),
            "head_initial": float((n * order["head_initial"]).sum() / n.sum()),
            "order_entropy": float((n * order["entropy"]).sum() / n.sum()),
        }
        if fertility is not None:
            row["fertility"] = fertility[bank.name]
        rows.append(row)
        orders.append(order)
    return pd.DataFrame(rows), orders


def pair_predictors(
    languages: pd.DataFrame, orders: Sequence[pd.DataFrame] | None = None
) -> dict[str, Float[np.ndarray, "languages languages"]]:
    """Symmetric matrices of what two languages share or differ in; a constant one is left out.

    ``same_family`` and ``same_script`` (0 or 1), ``fertility`` (difference of logarithms), ``size``
    (logarithm of the smaller treebank's words), ``order`` (order distance), ``order_entropy`` (difference).
    """

    def apart(values: np.ndarray) -> np.ndarray:
        return np.abs(values[:, None] - values[None, :])

    def same(values: np.ndarray) -> np.ndarray:
        return (values[:, None] == values[None, :]).astype(float)

    size = np.log(languages["words"].to_numpy(float))
    found = {
        "same_family": same(languages["family"].to_numpy(object)),
        "same_script": same(languages["script"].to_numpy(object)),
        "size": np.minimum(size[:, None], size[None, :]),
        "order_entropy": apart(languages["order_entropy"].to_numpy(float)),
    }
    if "fertility" in languages:
        found["fertility"] = apart(np.log(languages["fertility"].to_numpy(float)))
    if orders is not None:
        found["order"] = np.array([[order_distance(a, b) for b in orders] for a in orders])
    i, j = np.triu_indices(len(languages), 1)
    return {name: matrix for name, matrix in found.items() if np.ptp(matrix[i, j]) > 1e-12}


def pair_matrix(
    scores: pd.DataFrame, treebanks: Sequence[str], value: str = "score"
) -> Float[np.ndarray, "n n"]:
    """Rows of a scores table (one measure, one layer, one null) as a symmetric matrix; NaN on the diagonal.

    Raises:
        InputError: a pair is there twice (choose a measure, a layer and a null first) or not at all.
    """
    place = {name: row for row, name in enumerate(treebanks)}
    matrix = np.full((len(treebanks),) * 2, np.nan)
    for a, b, x in zip(scores["treebank_a"], scores["treebank_b"], scores[value], strict=True):
        if a not in place or b not in place:
            continue
        if not np.isnan(matrix[place[a], place[b]]):
            raise InputError(f"{a} and {b} are there twice: choose one measure, layer and null.")
        matrix[place[a], place[b]] = matrix[place[b], place[a]] = x
    i, j = np.triu_indices(len(treebanks), 1)
    lost = np.flatnonzero(np.isnan(matrix[i, j]))
    if len(lost):
        raise InputError(f"There is no score of {treebanks[i[lost[0]]]} and {treebanks[j[lost[0]]]}.")
    return matrix


def _xlog2x(p: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    return np.where(p > 0, p * np.log2(np.where(p > 0, p, 1)), 0.0)
