"""Table of a card: the UPOS probe by layer, beside everything it must be compared with."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from xviz.concepts.space import read_accuracy
from xviz.evaluation.card.networks import CONCEPTS, Chosen, named
from xviz.evaluation.spec import CardSpec
from xviz.models.spec import ModelRef
from xviz.store import Store

BASELINES = ("lookup", "majority")  # of the words alone: the same for every network and layer


def probe_table(spec: CardSpec, chosen: Mapping[ModelRef, Chosen], store: Store) -> pd.DataFrame:
    """Rows model, arm, seed, method, task, source, layer, chosen, subset, convention, accuracy, n, low, high.

    ``method`` is ``probe``, ``control`` (Hewitt & Liang 2019), ``selectivity`` (probe minus control), or,
    once and without a layer, ``lookup`` and ``majority``. ``chosen``: the layer that is best on dev.
    Intervals are Wilson's over words.
    """
    assert spec.english is not None
    parts = []
    for network in spec.networks():
        for layer in range(spec.layers + 1):
            table = read_accuracy(spec.probe(network, layer), store).drop(columns="split")
            of_words = table["method"].isin(BASELINES)
            if network.random_weights is None and layer == 0:
                parts.append(_with(table[of_words], spec, network, None, False))
            table = pd.concat([table[~of_words], _selectivity(table)])
            parts.append(_with(table, spec, network, layer, layer == chosen[network].probe))
    whole = pd.concat(parts, ignore_index=True)
    return whole.astype({"layer": "Int64", "seed": "Int64"})


def _selectivity(table: pd.DataFrame) -> pd.DataFrame:
    keys = ["subset", "convention"]
    both = table[table["method"] == "probe"].merge(table[table["method"] == "control"], on=keys)
    return pd.DataFrame(
        {
            "method": "selectivity",
            "subset": both["subset"],
            "convention": both["convention"],
            "accuracy": both["accuracy_x"] - both["accuracy_y"],
            "n": both["n_x"],
            "low": float("nan"),
            "high": float("nan"),
        }
    )


def _with(
    table: pd.DataFrame, spec: CardSpec, network: ModelRef, layer: int | None, chosen: bool
) -> pd.DataFrame:
    assert spec.english is not None
    columns = named(spec, network) | {"task": CONCEPTS, "source": spec.english.test.name}
    columns |= {"layer": layer, "chosen": chosen}
    order = ["model", "arm", "seed", "method", "task", "source", "layer", "chosen", "subset", "convention"]
    return table.assign(**columns)[[*order, "accuracy", "n", "low", "high"]]
