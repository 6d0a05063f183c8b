"""Table of a card: do English sentences find their translations, and MEXA, before and after centring?

Sentences fall into two halves by hash of their ``sent_id``. For every network, pooling and centring the
layer with the best mean over languages on one half is reported on the other (METHODS.md section 3); random
networks choose their own layer, so the floor is the best that such networks reach. Only sentences that have
a vector in every language take part, so n and chance are the same for all.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from xviz.alignability.retrieval import mexa_chance, retrieve
from xviz.corpora.partition import side_of
from xviz.evaluation.card.networks import go_on, named, sentences_of
from xviz.evaluation.intervals import ratio_interval
from xviz.evaluation.spec import SENTENCE_POOLINGS, CardSpec
from xviz.journal import Journal
from xviz.models.spec import ModelRef
from xviz.representations.opened import open_vectors
from xviz.representations.spec import SentencePooling
from xviz.store import Store

METRICS = ("retrieval", "mexa")
HALVES = {"choice": "train", "report": "test"}
FEWEST = 10
Hits = dict[str, np.ndarray]
"""Of each metric ``[languages, sentences]``."""


@dataclass(frozen=True)
class Parallel:
    """Sentences that every treebank has, by half: ``rows[half][treebank]`` are rows of its vectors."""

    rows: dict[str, list[np.ndarray]]
    left_out: int

    @classmethod
    def of(cls, spec: CardSpec, store: Store) -> Parallel:
        ids = [sentences_of(spec, bank, store)["sent_id"].astype(str) for bank in spec.parallel]
        everywhere = set(ids[0]).intersection(*ids[1:])
        rows: dict[str, list[np.ndarray]] = {half: [] for half in HALVES}
        for names in ids:
            place = {name: row for row, name in enumerate(names)}
            for half, side in HALVES.items():
                inside = sorted(name for name in everywhere if side_of(name, (50, 0, 50)) == side)
                rows[half].append(np.array([place[name] for name in inside], dtype=np.int64))
        return cls(rows, max(len(names) for names in ids) - len(everywhere))

    def n(self, half: str) -> int:
        return len(self.rows[half][0])


def retrieval_table(spec: CardSpec, store: Store, journal: Journal) -> tuple[pd.DataFrame | None, str | None]:
    """Rows model, arm, seed, metric, layer, chosen, pivot, language, treebank, half, n, pooling, centred,
    score, chance, low, high, left_out (sentences without a vector in some language); and beside the chosen
    layer of the trained network floor (the highest random one), random_weights (their mean), difference,
    difference_low, difference_high, above_floor.

    ``difference`` is to the random network that does best in this language, with a 95 % interval over
    sentences; ``above_floor`` says that it lies above 0.
    """
    parallel = Parallel.of(spec, store)
    if min(parallel.n(half) for half in HALVES) < FEWEST:
        both = parallel.n("choice") + parallel.n("report")
        return None, f"Only {both} sentences are common to all parallel treebanks, too few for retrieval."
    rows: list[dict[str, Any]] = []
    for pooling, centred in itertools.product(SENTENCE_POOLINGS, (False, True)):
        reported: dict[ModelRef, Hits] = {}
        for network in spec.networks():
            go_on(journal)
            by_half = _hits(spec, network, pooling, centred, parallel, store)
            layer = _best(by_half["choice"])
            reported[network] = by_half["report"][layer]
            for half, each in itertools.product(HALVES, range(spec.layers + 1)):
                chosen = half == "report" and each == layer
                shared = named(spec, network) | {"layer": each, "chosen": chosen, "half": half}
                shared |= {"pooling": pooling, "centred": centred}
                rows += _rows(spec, by_half[half][each], shared, interval=chosen)
        _add_floor(spec, rows, reported, pooling, centred)
    table = pd.DataFrame(rows)
    order = ["model", "arm", "seed", "metric", "layer", "chosen", "pivot", "language", "treebank", "half"]
    order += ["n", "pooling", "centred", "score", "chance", "low", "high"]
    order += [name for name in FLOOR if name in table] + ["left_out"]
    kinds = {"seed": "Int64"} | ({"above_floor": "boolean"} if "above_floor" in table else {})
    return table.assign(left_out=parallel.left_out)[order].astype(kinds), None


FLOOR = ("floor", "random_weights", "difference", "difference_low", "difference_high", "above_floor")


def _hits(
    spec: CardSpec,
    network: ModelRef,
    pooling: SentencePooling,
    centred: bool,
    parallel: Parallel,
    store: Store,
) -> dict[str, list[Hits]]:
    """By half and layer."""
    out: dict[str, list[Hits]] = {half: [] for half in HALVES}
    for layer in range(spec.layers + 1):
        vectors = [
            open_vectors(spec.words(network, bank, layer).sentences(pooling), store=store)
            for bank in spec.parallel
        ]
        for half, rows in parallel.rows.items():
            pivot, *others = (np.asarray(v[r], np.float32) for v, r in zip(vectors, rows, strict=True))
            found = retrieve(pivot, np.stack(others), centred=centred)
            out[half].append({"retrieval": found.from_pivot, "mexa": found.mexa})
    return out


def _best(by_layer: list[Hits]) -> int:
    means = [float(hits["retrieval"].mean()) for hits in by_layer]
    return int(np.argmax(means))


def _rows(spec: CardSpec, hits: Hits, shared: dict[str, Any], *, interval: bool) -> list[dict[str, Any]]:
    rows = []
    for metric, (place, bank) in itertools.product(METRICS, enumerate(spec.parallel[1:])):
        found = hits[metric][place].astype(float)
        n = len(found)
        low, high = ratio_interval(found, np.ones(n), seed=spec.seed) if interval else (np.nan, np.nan)
        about: dict[str, Any] = {
            "metric": metric,
            "pivot": spec.parallel[0].language,
            "language": bank.language,
        }
        chance = 1 / n if metric == "retrieval" else mexa_chance(n)
        about |= {"treebank": bank.name, "n": n, "score": float(found.mean()), "chance": chance}
        rows.append(shared | about | {"low": low, "high": high})
    return rows


def _add_floor(
    spec: CardSpec,
    rows: list[dict[str, Any]],
    reported: dict[ModelRef, Hits],
    pooling: SentencePooling,
    centred: bool,
) -> None:
    random = [hits for network, hits in reported.items() if network.random_weights is not None]
    if not random:
        return
    place = {bank.name: i for i, bank in enumerate(spec.parallel[1:])}
    for row in rows:
        if not row["chosen"] or row["arm"] != "untuned":
            continue
        if (row["pooling"], row["centred"]) != (pooling, centred):
            continue
        own = reported[spec.model][row["metric"]][place[row["treebank"]]].astype(float)
        others = np.stack([hits[row["metric"]][place[row["treebank"]]] for hits in random]).astype(float)
        floors = others.mean(1)
        paired = own - others[int(floors.argmax())]
        low, high = ratio_interval(paired, np.ones(len(paired)), seed=spec.seed)
        row |= {"floor": float(floors.max()), "random_weights": float(floors.mean())}
        row |= {"difference": float(paired.mean()), "difference_low": low, "difference_high": high}
        row["above_floor"] = bool(low > 0)
