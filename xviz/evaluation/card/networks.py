"""The networks that a card compares, and their vectors: the model, and the same with random weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from xviz.concepts.annotation import label
from xviz.concepts.space import UNANNOTATED, UNSEEN, read_space
from xviz.corpora.spec import TreebankSpec
from xviz.errors import Cancelled, NotHere
from xviz.evaluation.spec import CardSpec
from xviz.evaluation.transfer import Source
from xviz.journal import Journal
from xviz.models.spec import ModelRef
from xviz.representations.extract import SENTENCES
from xviz.representations.opened import Representations, open_representations
from xviz.store import Store

CONCEPTS = "upos"


@dataclass(frozen=True)
class Chosen:
    """The layers of one network that English dev chose: for its probe, and for nearest prototypes."""

    probe: int
    direct: int
    dev: Mapping[str, Mapping[int, float]]
    """Accuracy on English dev of each method at each layer."""


def named(spec: CardSpec, network: ModelRef) -> dict[str, Any]:
    """The columns that say which network a row is about."""
    if network.random_weights is None:
        return {"model": spec.label, "arm": "untuned", "seed": None}
    return {"model": spec.label, "arm": "random_weights", "seed": network.random_weights}


def choose_layers(spec: CardSpec, network: ModelRef, store: Store) -> Chosen:
    """The layer that is best on English dev for each method; the lower one of two that are equal."""
    assert spec.english is not None
    dev: dict[str, dict[int, float]] = {"probe": {}, "direct": {}}
    for layer in range(spec.layers + 1):
        dev["probe"][layer] = read_space(spec.probe(network, layer), store).facts["dev_accuracy"]
        there = words_of(spec, network, spec.english.dev, layer, store)
        source = source_of(spec, network, layer, store)
        codes = codes_of(there.words, source.names)
        judged = codes != UNANNOTATED
        right = source.predict(there.vectors())["direct"][judged] == codes[judged]
        dev["direct"][layer] = float(right.mean()) if judged.any() else 0.0
    best = {method: max(by_layer, key=lambda k: (by_layer[k], -k)) for method, by_layer in dev.items()}
    return Chosen(best["probe"], best["direct"], dev)


def source_of(spec: CardSpec, network: ModelRef, layer: int, store: Store, *, probe: Any = None) -> Source:
    """English prototypes at a layer, standardised, from the train split."""
    assert spec.english is not None
    train = words_of(spec, network, spec.english.train, layer, store)
    labels = label(train.words, CONCEPTS)
    return Source.of(train.vectors(), labels.codes, labels.names, probe)


def words_of(
    spec: CardSpec, network: ModelRef, treebank: TreebankSpec, layer: int, store: Store
) -> Representations:
    return open_representations(spec.words(network, treebank, layer), store=store)


def codes_of(words: pd.DataFrame, names: tuple[str, ...]) -> np.ndarray:
    """The concept of every word among ``names``; -1 for one that is not there, -2 for no annotation."""
    codes = label(words, CONCEPTS, names=names).codes
    annotated = label(words, CONCEPTS).codes >= 0
    return np.where(annotated, np.where(codes < 0, UNSEEN, codes), UNANNOTATED)


def sentences_of(spec: CardSpec, treebank: TreebankSpec, store: Store) -> pd.DataFrame:
    """The sentences that have vectors; the same for every network of one tokenizer."""
    entry = store.find(spec.words(spec.model, treebank, 0).table())
    if entry is None:
        raise NotHere(f"The sentences of {treebank.name} have gone from the store; ask for the card again.")
    return pd.read_parquet(entry.file(SENTENCES))


def go_on(journal: Journal) -> None:
    if journal.stop_requested():
        raise Cancelled("Stopped on request; vectors and probes that were finished are kept.")
