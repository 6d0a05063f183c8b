"""Table of a card: language modelling by language, beside the unigram and random weights."""

from __future__ import annotations

import pandas as pd

from xviz.evaluation.card.networks import named
from xviz.evaluation.intervals import ratio_interval
from xviz.evaluation.language_modelling import read_language_modelling
from xviz.evaluation.spec import CardSpec
from xviz.store import Store

TASKS = {"encoder": "masked_accuracy", "decoder": "bits_per_byte"}


def language_modelling_table(spec: CardSpec, store: Store) -> tuple[pd.DataFrame | None, str | None]:
    """Rows of every network and held-out text: model, arm, seed, method, task, language, treebank, split,
    score, n, sentences, skipped (too long to be read), unknown (share of pieces), low, high.

    ``method`` is ``network`` or ``unigram``; ``task`` ``masked_accuracy`` (n: masked pieces) or
    ``bits_per_byte`` (n: bytes); 95 % intervals over sentences. None and why for a model without a head.
    """
    rows = []
    for network in spec.networks():
        for part in spec.language_modelling(network):
            sums, facts = read_language_modelling(part, store)
            if sums is None:
                why = facts["without"]
                return None, f"Language modelling of {spec.label} was not measured: {why}."
            methods = ["network"] if network.random_weights is not None else ["network", "unigram"]
            for method in methods:
                part_sums, whole = sums[method].to_numpy(), sums["whole"].to_numpy()
                low, high = ratio_interval(part_sums, whole, seed=spec.seed)
                rows.append(
                    named(spec, network)
                    | {
                        "method": method,
                        "task": TASKS[facts["family"]],
                        "language": part.text.language,
                        "treebank": part.text.name,
                        "split": part.text.split,
                        "score": part_sums.sum() / whole.sum() if whole.sum() else float("nan"),
                        "n": int(whole.sum()),
                        "sentences": len(sums),
                        "skipped": facts["skipped"],
                        "unknown": facts["unknown"],
                        "low": low,
                        "high": high,
                    }
                )
    return pd.DataFrame(rows).astype({"seed": "Int64"}), None
