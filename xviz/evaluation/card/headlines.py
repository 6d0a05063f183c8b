"""The few figures that a reader of a card looks for first, each beside random weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from xviz.evaluation.intervals import ratio_interval
from xviz.evaluation.spec import CardSpec


def headlines(spec: CardSpec, tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """One entry a figure: ``score``, ``random_weights`` (one a seed), and what else stands beside it.

    Means over languages leave the pivot out; their intervals (``low``, ``high``; of the ``difference`` to the
    mean of the random networks) resample languages.
    """
    out: dict[str, Any] = {}
    if "language_modelling" in tables:
        out["language_modelling"] = _language_modelling(tables["language_modelling"])
    if "probe" in tables:
        out["probe"] = _probe(tables["probe"])
    if "retrieval" in tables:
        for (pooling, centred), rows in tables["retrieval"].groupby(["pooling", "centred"]):
            name = f"retrieval_{pooling}_{'centred' if centred else 'plain'}"
            out[name] = _retrieval(rows, spec.seed)
    if "zero_shot" in tables:
        for method in ("direct", "probe"):
            out[f"zero_shot_{method}"] = _zero_shot(tables["zero_shot"], method, spec)
    if "agreement" in tables:
        out["agreement"] = _agreement(tables["agreement"], spec)
    return out


def _language_modelling(table: pd.DataFrame) -> dict[str, Any]:
    means = table.groupby(["arm", "method", "seed"], dropna=False)["score"].mean()
    trained = means.loc["untuned"]
    return {
        "task": str(table["task"].iloc[0]),
        "score": float(trained.loc["network"].iloc[0]),
        "unigram": float(trained.loc["unigram"].iloc[0]),
        "languages": int(table["language"].nunique()),
        "random_weights": _seeds(table, "score"),
    }


def _probe(table: pd.DataFrame) -> dict[str, Any]:
    whole = table[(table["subset"] == "all") & (table["convention"] == "unseen_wrong")]
    own = whole[(whole["arm"] == "untuned") & whole["chosen"] & (whole["method"] == "probe")].iloc[0]
    beside = whole[(whole["arm"] == "untuned") & (whole["layer"].isna() | whole["chosen"])]
    scores = beside.set_index("method")["accuracy"]
    random = whole[whole["chosen"] & (whole["method"] == "probe")]
    return {
        "score": float(own["accuracy"]),
        "low": float(own["low"]),
        "high": float(own["high"]),
        "n": int(own["n"]),
        "layer": int(own["layer"]),
        "lookup": float(scores["lookup"]),
        "majority": float(scores["majority"]),
        "selectivity": float(scores["selectivity"]),
        "random_weights": _seeds(random, "accuracy"),
    }


def _retrieval(rows: pd.DataFrame, seed: int) -> dict[str, Any]:
    rows = rows[rows["chosen"] & (rows["metric"] == "retrieval")]
    own = rows[rows["arm"] == "untuned"]
    out = _over_languages(rows, "language", "score", seed) | {
        "layer": int(own["layer"].iloc[0]),
        "n": int(own["n"].iloc[0]),
        "chance": float(own["chance"].iloc[0]),
        "languages": len(own),
        "random_weights": _seeds(rows, "score"),
    }
    if "above_floor" in own:
        out["above_floor"] = int(own["above_floor"].astype(bool).sum())
    return out


def _zero_shot(table: pd.DataFrame, method: str, spec: CardSpec) -> dict[str, Any]:
    rows = table[(table["convention"] == "unseen_wrong") & (table["method"].isin([method, "majority"]))]
    rows = rows[rows["target"] != spec.parallel[0].language]
    majority = float(rows.loc[rows["method"] == "majority", "accuracy"].mean())
    rows = rows[rows["method"] == method]
    own = rows[rows["arm"] == "untuned"]
    return _over_languages(rows, "target", "accuracy", spec.seed) | {
        "layer": int(own["layer"].iloc[0]),
        "languages": len(own),
        "majority": majority,
        "random_weights": _seeds(rows, "accuracy"),
    }


def _agreement(table: pd.DataFrame, spec: CardSpec) -> dict[str, Any]:
    own = table[(table["arm"] == "untuned") & (table["null_kind"] == "lexical")]
    out: dict[str, Any] = {"layer": int(own["layer"].iloc[0]), "n_concepts": int(own["n_concepts"].iloc[0])}
    for (metric, variant), rows in own.groupby(["metric", "variant"]):
        same = table[(table["metric"] == metric) & (table["variant"] == variant)]
        out[f"{metric} {variant}".strip()] = {
            "score": float(rows["score"].mean()),
            "beyond_lexical": int((rows["p"] < 0.05).sum()),
            "languages": len(rows),
            "random_weights": _seeds(same, "score"),
        }
    return out


def _over_languages(rows: pd.DataFrame, language: str, column: str, seed: int) -> dict[str, float]:
    """The trained network's mean over languages, and its difference to the random ones, with intervals."""
    own = rows[rows["arm"] == "untuned"].set_index(language)[column].sort_index()
    low, high = ratio_interval(own.to_numpy(), np.ones(len(own)), seed=seed)
    out = {"score": float(own.mean()), "low": low, "high": high}
    random = rows[rows["arm"] == "random_weights"]
    if len(random):
        gap = (own - random.groupby(language)[column].mean().sort_index()).to_numpy()
        low, high = ratio_interval(gap, np.ones(len(gap)), seed=seed)
        out |= {"difference": float(gap.mean()), "difference_low": low, "difference_high": high}
    return out


def _seeds(rows: pd.DataFrame, column: str) -> list[float]:
    """The mean of every random network, by seed."""
    random = rows[rows["arm"] == "random_weights"]
    return [float(mean) for _, mean in random.groupby("seed")[column].mean().sort_index().items()]
