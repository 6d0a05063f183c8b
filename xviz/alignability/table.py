"""The scores table: one row a score and null, columns in the order of DESIGN.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from xviz.alignability.blocks import Block
from xviz.alignability.inference import LEVEL, Against, benjamini_hochberg, beyond_all, effect
from xviz.alignability.spec import AlignSpec

COLUMNS = [
    *("model", "layer", "space", "concept_kind", "concept_set"),
    *("language_a", "treebank_a", "language_b", "treebank_b", "metric", "variant"),
    *("score", "null_kind", "null_mean", "null_p95", "effect", "p", "p_adjusted", "significant"),
    *("low", "high", "range", "ceiling", "n_a", "n_b", "n_concepts", "n_permutations", "seed", "run"),
]

NULLS = ("permutation", "lexical", "random_weights")


def score_rows(
    spec: AlignSpec,
    block: Block,
    common: dict[str, Any],
    score: Tensor,
    nulls: dict[str, Against],
    low: Tensor | None,
    high: Tensor | None,
    ceiling: Tensor | None,
) -> Iterator[pd.DataFrame]:
    """A table for each null. ``significant`` is blank where one of the three nulls is not there."""
    blank = torch.full_like(score, torch.nan)
    complete = set(nulls) == set(NULLS)
    significant = beyond_all([null.p_adjusted for null in nulls.values()]) if complete else None
    none = Against(blank, blank, blank, blank, 0)
    for kind, null in (nulls or {"none": none}).items():
        table = labels(spec, block)
        for name, value in common.items():
            table[name] = value
        columns = {
            "score": score,
            "effect": effect(score, null.mean),
            "null_mean": null.mean,
            "null_p95": null.p95,
            "p": null.p,
            "p_adjusted": null.p_adjusted,
            "low": blank if low is None else low,
            "high": blank if high is None else high,
            "ceiling": blank if ceiling is None else ceiling,
        }
        for name, values in columns.items():
            table[name] = values.flatten().cpu().numpy()
        table["significant"] = pd.array(
            [pd.NA] * len(table) if significant is None else significant.flatten().tolist(), dtype="boolean"
        )
        table["null_kind"] = kind
        table["range"] = "" if low is None else "stability"
        table["n_permutations"] = np.int32(null.draws)
        table["n_concepts"] = np.int32(len(block.spaces.names))
        yield table


def labels(spec: AlignSpec, block: Block) -> pd.DataFrame:
    """One row a layer and pair, layer by layer: what is compared, over how many words."""
    a = np.array(block.languages)[block.pairs[0]]
    b = np.array(block.languages)[block.pairs[1]]
    layers = len(spec.layers)
    n = block.spaces.counts.sum((1, 2))
    banks = spec.treebanks
    table = pd.DataFrame(
        {
            "model": spec.model.name,
            "layer": np.repeat(np.array(spec.layers, np.int32), len(a)),
            "space": spec.space,
            "concept_kind": spec.concepts,
        }
    )
    for side, rows, places in (("a", a, block.pairs[0]), ("b", b, block.pairs[1])):
        table[f"language_{side}"] = [banks[x].language for x in rows] * layers
        table[f"treebank_{side}"] = [banks[x].name for x in rows] * layers
        table[f"n_{side}"] = np.tile(n[places], layers)
    return table


def finished(spec: AlignSpec, table: pd.DataFrame) -> pd.DataFrame:
    """Columns in order; where pairs had concepts of their own, p are adjusted over the whole family here."""
    if spec.concept_set == "pair":
        for _, rows in table.groupby(["metric", "variant", "null_kind"]).groups.items():
            p = torch.from_numpy(table.loc[rows, "p"].to_numpy(np.float64).copy())
            table.loc[rows, "p_adjusted"] = benjamini_hochberg(p).numpy()
        key = ["metric", "variant", "layer", "treebank_a", "treebank_b"]
        groups = table.groupby(key)
        worst, nulls = groups["p_adjusted"].transform("max"), groups["null_kind"].transform("nunique")
        table["significant"] = (worst < LEVEL).astype("boolean").where(nulls == len(NULLS))
    table["concept_set"] = spec.concept_set
    table["seed"] = np.int32(spec.seed)
    table["run"] = spec.key
    return table[COLUMNS]
