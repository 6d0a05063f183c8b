"""A model card's tables: what the network knows of language, beside networks that know nothing.

The entry of a card in the store holds, for each table of :data:`TABLES` that could be measured,
``<table>.parquet`` and ``<table>.csv``; ``card.json`` (what was measured, headline figures, provenance) and
``card.md`` (the section of the model's README). No date and no path is in them, so that a rerun gives the
same bytes.

Language modelling and the probes of every layer are results of their own (:meth:`CardSpec.needs`). The
parallel treebanks are read here, once a network: every layer as sentence vectors, but only the layers that
English dev chose as word vectors, which keeps four networks over twenty treebanks small on disk.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

import xviz
from xviz.corpora.spec import TreebankSpec
from xviz.errors import XvizError
from xviz.evaluation.card.agreement import agreement_table
from xviz.evaluation.card.headlines import headlines
from xviz.evaluation.card.markdown import markdown
from xviz.evaluation.card.modelling import language_modelling_table
from xviz.evaluation.card.networks import Chosen, choose_layers, go_on
from xviz.evaluation.card.probing import probe_table
from xviz.evaluation.card.retrieval import retrieval_table
from xviz.evaluation.card.zero_shot import zero_shot_table
from xviz.evaluation.spec import SENTENCE_POOLINGS, CardSpec
from xviz.journal import SILENT, Journal
from xviz.models.folder import describe, fingerprint
from xviz.models.spec import ModelRef
from xviz.representations.spec import VectorsSpec, WordVectorsSpec
from xviz.representations.steps import compute_vectors
from xviz.store import Entry, Store

TABLES = ("language_modelling", "probe", "retrieval", "zero_shot", "agreement")
CARD_JSON, CARD_MD = "card.json", "card.md"


def compute_card(
    spec: CardSpec, *, store: Store, journal: Journal = SILENT, load: Callable[..., Any]
) -> Entry:
    """Fill the store with the card of ``spec``; its needs are there already."""

    def write(folder: Path) -> dict[str, Any]:
        tables, without, chosen = _measure(spec, store, journal, load)
        card = _card(spec, tables, without, chosen, store)
        for name, table in tables.items():
            table.to_parquet(folder / f"{name}.parquet", index=False)
            table.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")
        text = json.dumps(card, ensure_ascii=False, indent=1)
        (folder / CARD_JSON).write_text(text + "\n", "utf-8")
        (folder / CARD_MD).write_text(markdown(card, tables), "utf-8")
        return {"tables": list(tables)}

    return store.obtain(spec, write, journal=journal)


def read_card(spec: CardSpec, store: Store) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
    """``card.json`` and the tables of a card.

    Raises:
        XvizError: it has not been computed.
    """
    entry = store.find(spec)
    if entry is None:
        raise XvizError("This card is not in the store (any more); ask for it again to make it.")
    card = json.loads(entry.file(CARD_JSON).read_text("utf-8"))
    return card, {name: pd.read_parquet(entry.file(f"{name}.parquet")) for name in card["tables"]}


def parallel_passes(spec: CardSpec) -> list[WordVectorsSpec]:
    """One specification for each pass over a parallel treebank that a card makes by itself (its cost)."""
    return [spec.words(network, bank, spec.layers) for network in spec.networks() for bank in spec.parallel]


def _measure(
    spec: CardSpec, store: Store, journal: Journal, load: Callable[..., Any]
) -> tuple[dict[str, pd.DataFrame], list[str], Mapping[ModelRef, Chosen]]:
    tables: dict[str, pd.DataFrame] = {}
    without = list(spec.without)

    def keep(name: str, found: tuple[pd.DataFrame | None, str | None]) -> None:
        table, why_not = found
        if table is not None:
            tables[name] = table
        if why_not is not None:
            without.append(why_not)

    if spec.held_out:
        keep("language_modelling", language_modelling_table(spec, store))
    chosen: dict[ModelRef, Chosen] = {}
    if spec.english is not None:
        journal.stage("Choosing layers on English dev")
        for network in spec.networks():
            go_on(journal)
            chosen[network] = choose_layers(spec, network, store)
        tables["probe"] = probe_table(spec, chosen, store)
    if spec.parallel:
        _read_parallel(spec, chosen, store, journal, load)
        journal.stage("Retrieval of translations")
        keep("retrieval", retrieval_table(spec, store, journal))
    if spec.parallel and spec.english is not None:
        journal.stage("Zero-shot transfer from English")
        tables["zero_shot"] = zero_shot_table(spec, chosen, store, journal)
        journal.stage("Comparing concept spaces with English")
        keep("agreement", agreement_table(spec, chosen[spec.model].probe, store, journal))
    return tables, without, chosen


def _read_parallel(
    spec: CardSpec,
    chosen: Mapping[ModelRef, Chosen],
    store: Store,
    journal: Journal,
    load: Callable[..., Any],
) -> None:
    """Sentence vectors of every layer and word vectors of the chosen ones, a pass a treebank and network."""
    wanted: list[VectorsSpec] = []
    for network in spec.networks():
        layers: set[int] = set()
        if chosen:  # the trained network's layer is where random weights are compared with it
            layers = {chosen[network].probe, chosen[network].direct, chosen[spec.model].probe}
        for bank in spec.parallel:
            wanted += [spec.words(network, bank, layer) for layer in sorted(layers)]
            wanted += [
                spec.words(network, bank, layer).sentences(pooling)
                for layer in range(spec.layers + 1)
                for pooling in SENTENCE_POOLINGS
            ]
    missing = [each for each in wanted if store.find(each) is None or store.find(each.table()) is None]
    again = {each.table().key for each in missing}
    compute_vectors(
        [each for each in wanted if each.table().key in again], store=store, journal=journal, load=load
    )


def _card(
    spec: CardSpec,
    tables: Mapping[str, pd.DataFrame],
    without: Sequence[str],
    chosen: Mapping[ModelRef, Chosen],
    store: Store,
) -> dict[str, Any]:
    facts = describe(spec.model)
    devices = {
        entry.note["device"]
        for entry in (store.find(part) for part in _with_device(spec))
        if entry is not None and "device" in entry.note
    }
    layers = {}
    if chosen:
        own = chosen[spec.model]
        layers = {"probe": own.probe, "direct": own.direct, "dev": {k: dict(v) for k, v in own.dev.items()}}
    return {
        "model": spec.label,
        "family": facts.family,
        "layers": facts.layers,
        "width": facts.width,
        "parameters": facts.parameters,
        "headlines": headlines(spec, tables),
        "chosen_layers": layers,
        "tables": list(tables),
        "without": list(without),
        "treebanks": {
            "english": _named([spec.english.train, spec.english.dev, spec.english.test])
            if spec.english
            else [],
            "parallel": _named(spec.parallel),
            "held_out": _named([bank for pair in spec.held_out for bank in pair]),
        },
        "settings": {
            "pooling": spec.pooling,
            "sentence_poolings": list(SENTENCE_POOLINGS),
            "random_weights": list(range(spec.random_weights)),
            "seed": spec.seed,
            "limit": spec.limit,
            "max_words": spec.max_words,
            "permutations": spec.permutations,
            "lexical_draws": spec.draws,
            "minimum": spec.minimum,
        },
        "provenance": {
            "fingerprint": fingerprint(spec.model),
            "xviz": xviz.__version__,
            "device": sorted(devices),
            "dtype": spec.dtype,
        },
    }


def _named(treebanks: Sequence[TreebankSpec]) -> list[dict[str, str]]:
    return [
        {"name": bank.name, "language": bank.language, "split": bank.split, "fingerprint": bank.key}
        for bank in treebanks
    ]


def _with_device(spec: CardSpec) -> list[Any]:
    parts: list[Any] = list(spec.language_modelling(spec.model))
    if spec.english is not None:
        parts.append(spec.words(spec.model, spec.english.train, 0))
    return parts + [spec.words(spec.model, bank, 0).sentences("mean") for bank in spec.parallel]
