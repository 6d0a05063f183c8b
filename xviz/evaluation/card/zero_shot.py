"""Table of a card: UPOS accuracy in other languages from English prototypes alone, without learning.

Layer and prototypes come from English only: the layer is the best one on English dev, for each network and
method (:func:`xviz.evaluation.card.networks.choose_layers`). Every language is standardised by its own mean
and standard deviation over all its words (unlabelled). Sentences whose translation stands in the train or
dev split of the English treebank (the same ``sent_id``: so in the sample) are not judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from xviz.concepts.space import read_probe
from xviz.corpora.spec import TreebankSpec
from xviz.corpora.tables import open_treebank
from xviz.evaluation.card.networks import (
    CONCEPTS,
    UNANNOTATED,
    Chosen,
    codes_of,
    go_on,
    named,
    source_of,
    words_of,
)
from xviz.evaluation.spec import CardSpec
from xviz.evaluation.transfer import accuracy_rows
from xviz.journal import Journal
from xviz.models.spec import ModelRef
from xviz.store import Store

METHODS = ("direct", "probe")


def zero_shot_table(
    spec: CardSpec, chosen: Mapping[ModelRef, Chosen], store: Store, journal: Journal
) -> pd.DataFrame:
    """Rows of every network, method, target and convention: model, arm, seed, method, task, source, target,
    treebank, layer, convention, accuracy, n, skipped (sentences too long to be read), low, high.

    ``method``: ``direct`` (nearest prototype), ``probe`` (the same in the English probe's space), and once
    ``majority``: the commonest concept of the target, guessed every time. Intervals are over sentences. The
    pivot's own parallel treebank is a row as well.
    """
    assert spec.english is not None
    seen = {
        sent_id
        for bank in (spec.english.train, spec.english.dev)
        for sent_id in open_treebank(bank, store=store, journal=journal).sentences["sent_id"].astype(str)
    }
    rows: list[dict[str, Any]] = []
    for network in spec.networks():
        layers = {"direct": chosen[network].direct, "probe": chosen[network].probe}
        for method in METHODS:
            layer = layers[method]
            probe = read_probe(spec.probe(network, layer), store) if method == "probe" else None
            source = source_of(spec, network, layer, store, probe=probe)
            for bank in spec.parallel:
                go_on(journal)
                there = words_of(spec, network, bank, layer, store)
                codes = codes_of(there.words, source.names)
                judged = _judged(there.words, there.sentences, seen)
                guesses = {method: source.predict(there.vectors())[method]}
                if network.random_weights is None and method == "direct":
                    guesses["majority"] = np.full(len(codes), _commonest(codes[judged]))
                shared = named(spec, network) | {"task": CONCEPTS, "source": spec.english.train.language}
                shared |= {"target": bank.language, "treebank": bank.name, "layer": layer}
                shared["skipped"] = sum(1 for skip in there.skipped if skip.index is None)
                rows += [
                    shared | row | ({"layer": None} if row["method"] == "majority" else {})
                    for row in accuracy_rows(
                        {name: guess[judged] for name, guess in guesses.items()},
                        codes[judged],
                        sentence=there.words["sentence"].to_numpy()[judged],
                        seed=spec.seed,
                    )
                ]
    order = ["model", "arm", "seed", "method", "task", "source", "target", "treebank", "layer", "convention"]
    table = pd.DataFrame(rows)[[*order, "accuracy", "n", "skipped", "low", "high"]]
    return table.astype({"seed": "Int64", "layer": "Int64"})


def targets(spec: CardSpec) -> list[TreebankSpec]:
    """The parallel treebanks of other languages than the source."""
    return [bank for bank in spec.parallel if bank.language != spec.parallel[0].language]


def _judged(words: pd.DataFrame, sentences: pd.DataFrame, seen: set[str]) -> np.ndarray:
    known = sentences.loc[sentences["sent_id"].astype(str).isin(seen), "sentence"]
    return ~words["sentence"].isin(set(known)).to_numpy()


def _commonest(codes: np.ndarray) -> int:
    counted = codes[codes != UNANNOTATED]
    there = counted[counted >= 0]
    return int(np.bincount(there).argmax()) if len(there) else 0
