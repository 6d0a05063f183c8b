"""Vectors and their annotation to a concept space: prototypes, counts, and what stands beside them.

The entry of a space in the store holds

- ``space.parquet``: one row a concept: concept, count, vector (``c_k`` in a raw space, ``c_k A`` in a probe
  space);
- ``facts.json``: the vectors' fertility, norm in the three largest dimensions, effective rank,
  rows without annotation, and for a probe the learning rate and epoch that dev chose;
- for a probe: ``accuracy.parquet`` (see :func:`xviz.concepts.probe.accuracy_table`; with the control task's
  selectivity) and ``probe.safetensors`` (A, mean, scale, prototypes, counts).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xviz.concepts.annotation import Labels, label
from xviz.concepts.probe import Probe, Split, accuracy_table, control_labels, train_probe
from xviz.concepts.prototypes import ConceptSpace, prototypes
from xviz.concepts.spec import ConceptSpaceSpec, RootPolicy
from xviz.errors import XvizError
from xviz.journal import SILENT, Journal
from xviz.representations.geometry import geometry
from xviz.representations.opened import open_representations
from xviz.representations.relations import relations as relations_of
from xviz.representations.spec import WordVectorsSpec
from xviz.store import Entry, Store

SPACE, FACTS, ACCURACY, PROBE = "space.parquet", "facts.json", "accuracy.parquet", "probe.safetensors"
UNSEEN, UNANNOTATED = -1, -2


@dataclass(frozen=True)
class Units:
    """Words or relations of one treebank at one layer: a table and as many vectors."""

    table: pd.DataFrame
    vectors: np.ndarray

    def labelled(self, concepts: str, names: tuple[str, ...] | None = None) -> Labels:
        return label(self.table, concepts, names=names)


def open_units(
    spec: WordVectorsSpec, *, store: Store, relations: bool = False, root: RootPolicy = "drop"
) -> Units:
    """Words with their vectors, or relations ``h_head - h_dependent`` with the words that depend.

    Raises:
        NotHere: the vectors have not been computed.
        InputError: ``root="cls"`` for a decoder.
    """
    words = open_representations(spec, store=store)
    if not relations:
        return Units(words.words, words.vectors())
    found = relations_of(words, root=root)
    return Units(found.table, found.vectors())


def compute_space(spec: ConceptSpaceSpec, *, store: Store, journal: Journal = SILENT) -> Entry:
    """Fill the store with the concept space of ``spec``; its vectors are there already."""

    def write(folder: Path) -> dict[str, Any]:
        treebank = spec.vectors.treebank
        journal.stage(f"Concept space of {treebank.name}, layer {spec.vectors.layer} ({spec.concepts})")
        train = _units(spec, spec.vectors, store)
        labels = train.labelled(spec.concepts)
        means, counts = prototypes(train.vectors, labels.codes, len(labels.names))
        facts = asdict(geometry(train.vectors)) | {
            "unannotated": int((labels.codes < 0).sum()),
            "fertility": float(train.table["subwords"].mean()),
        }
        if spec.space == "probe":
            probe, rows = _probe(spec, train, labels, store, journal)
            means = probe.space
            facts |= {
                "learning_rate": probe.learning_rate,
                "epoch": probe.epoch,
                "dev_accuracy": probe.dev_accuracy,
                "rank": probe.A.shape[1],
            }
            rows.to_parquet(folder / ACCURACY, index=False)
            _write_probe(probe, folder / PROBE)
        table = pd.DataFrame({"concept": labels.names, "count": counts})
        table["vector"] = list(np.asarray(means, np.float32))
        table.to_parquet(folder / SPACE, index=False)
        (folder / FACTS).write_text(json.dumps(facts, indent=1), encoding="utf-8")
        return {"concepts": len(labels.names), "n": facts["n"]}

    return store.obtain(spec, write, journal=journal)


def read_space(spec: ConceptSpaceSpec, store: Store) -> ConceptSpace:
    """The concept space that was computed for ``spec``.

    Raises:
        XvizError: it has not been computed.
    """
    entry = _found(spec, store)
    table = pd.read_parquet(entry.file(SPACE))
    return ConceptSpace(
        names=tuple(table["concept"]),
        prototypes=np.stack(table["vector"].to_list()),
        counts=table["count"].to_numpy(),
        model=spec.vectors.model.name,
        treebank=spec.vectors.treebank.name,
        language=spec.vectors.treebank.language,
        split=spec.vectors.treebank.split,
        layer=spec.vectors.layer,
        space=spec.space,
        concept_kind=spec.concepts,
        facts=json.loads(entry.file(FACTS).read_text("utf-8")),
    )


def read_accuracy(spec: ConceptSpaceSpec, store: Store) -> pd.DataFrame:
    """How well the probe of ``spec`` names concepts, beside its baselines."""
    return pd.read_parquet(_found(spec, store).file(ACCURACY))


def read_probe(spec: ConceptSpaceSpec, store: Store) -> Probe:
    """The trained probe of ``spec``."""
    from safetensors.numpy import load_file

    entry = _found(spec, store)
    tensors: dict[str, Any] = load_file(entry.file(PROBE))
    facts = json.loads(entry.file(FACTS).read_text("utf-8"))
    names = tuple(pd.read_parquet(entry.file(SPACE), columns=["concept"])["concept"])
    chosen: dict[str, Any] = {name: facts[name] for name in ("learning_rate", "epoch", "dev_accuracy")}
    return Probe(**tensors, names=names, **chosen)


def _probe(
    spec: ConceptSpaceSpec, train: Units, labels: Labels, store: Store, journal: Journal
) -> tuple[Probe, pd.DataFrame]:
    assert spec.dev is not None  # the specification says so
    dev = _units(spec, spec.dev, store)
    dev_labels = dev.labelled(spec.concepts, labels.names)
    training, choosing = _split(train, labels), _split(dev, dev_labels)
    options: dict[str, Any] = {"settings": spec.probe, "concepts": spec.concepts, "journal": journal}
    probe = train_probe(training, choosing, labels.names, **options)

    judged = _units(spec, spec.test or spec.dev, store)
    codes = judged.labelled(spec.concepts, labels.names).codes
    annotated = judged.labelled(spec.concepts).codes >= 0
    codes = np.where(annotated, np.where(codes < 0, UNSEEN, codes), UNANNOTATED)
    forms, train_forms = _forms(judged), _forms(train)
    rows = accuracy_table(
        probe.predict(judged.vectors),
        Labels(labels.names, codes),
        forms,
        train_labels=labels,
        train_forms=train_forms,
    )
    rows += _control(spec, train, dev, judged, labels, options)
    table = pd.DataFrame(rows)
    table.insert(0, "split", (spec.test or spec.dev).treebank.split)
    return probe, table


def _control(
    spec: ConceptSpaceSpec, train: Units, dev: Units, judged: Units, labels: Labels, options: dict[str, Any]
) -> list[dict[str, Any]]:
    """Hewitt & Liang (2019): the same probe on concepts drawn at random for each word type.

    Word types of all three splits are drawn for at once, so that a type has one concept everywhere.
    """
    everything = np.concatenate([_forms(units) for units in (train, dev, judged)])
    codes = np.concatenate([labels.codes, np.full(len(everything) - len(labels.codes), -1)])
    drawn = control_labels(everything, codes, seed=spec.probe.seed)

    def relabelled(units: Units) -> Split:
        control = np.fromiter((drawn[form] for form in _forms(units)), np.int64, len(units.table))
        return replace(_split(units, labels), codes=control)

    probe = train_probe(relabelled(train), relabelled(dev), labels.names, **options)
    test = relabelled(judged)
    table = accuracy_table(
        probe.predict(test.vectors),
        Labels(labels.names, test.codes),
        _forms(judged),
        train_labels=Labels(labels.names, relabelled(train).codes),
        train_forms=_forms(train),
    )
    return [
        row | {"method": "control"}
        for row in table
        if row["method"] == "probe" and row["subset"] in ("all", "unseen forms")
    ]


def _units(spec: ConceptSpaceSpec, vectors: WordVectorsSpec, store: Store) -> Units:
    return open_units(vectors, store=store, relations=spec.concepts == "deprel", root=spec.root)


def _split(units: Units, labels: Labels) -> Split:
    return Split(units.vectors, labels.codes, units.table["sentence"].to_numpy())


def _forms(units: Units) -> np.ndarray:
    return units.table["form"].astype(str).to_numpy(object)


def _write_probe(probe: Probe, path: Path) -> None:
    from safetensors.numpy import save_file

    save_file(
        {
            "A": np.ascontiguousarray(probe.A),
            "mean": probe.mean,
            "scale": probe.scale,
            "prototypes": np.ascontiguousarray(probe.prototypes),
            "counts": probe.counts.astype(np.int64),
        },
        path,
    )


def _found(spec: ConceptSpaceSpec, store: Store) -> Entry:
    entry = store.find(spec)
    if entry is None:
        raise XvizError("This concept space is not in the store (any more); ask for it again to make it.")
    return entry
