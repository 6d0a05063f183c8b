"""Do clusters of words hold both languages? COLAP with its guards (and CALIGN) for pairs of treebanks.

Definitions in :mod:`xviz.alignability.clusters`. The vectors of the network and of one network with fresh
weights lie in the store; the words of both are the same rows.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xviz.alignability.clusters import calign, colap, read_lexicon
from xviz.alignability.spec import OverlapSpec
from xviz.concepts.annotation import label
from xviz.errors import Cancelled, XvizError
from xviz.journal import SILENT, Journal
from xviz.representations.opened import open_representations, open_vectors
from xviz.store import Store

TABLE = "overlap.parquet"


def compute_overlaps(
    specs: Sequence[OverlapSpec],
    *,
    store: Store,
    journal: Journal = SILENT,
    load: Callable[..., Any] | None = None,
) -> None:
    """Fill the store with tables of overlap; the vectors they need are there already."""
    for spec in specs:
        write = functools.partial(_write, spec, store=store, journal=journal)
        store.obtain(spec, write, journal=journal)


def read_overlap(spec: OverlapSpec, store: Store) -> pd.DataFrame:
    """One row a layer and pair.

    Columns ``model, layer, language_a, treebank_a, language_b, treebank_b, concept_kind, colap,
    random_weights, purity, chance_purity, clusters, words_each, threshold, seed`` and, with a lexicon,
    ``calign`` (from a to b).
    """
    entry = store.find(spec)
    if entry is None:
        raise XvizError("This overlap is not in the store (any more); ask for it again to make it.")
    return pd.read_parquet(entry.file(TABLE))


def _write(spec: OverlapSpec, folder: Path, *, store: Store, journal: Journal) -> dict[str, Any]:
    journal.stage("Clustering the words of pairs of languages")
    lexicon = read_lexicon(spec.lexicon) if spec.lexicon is not None else None
    i, j = np.triu_indices(len(spec.treebanks), 1)
    rows: list[dict[str, Any]] = []
    for layer in spec.layers:
        own, fresh = spec.vectors(layer), spec.vectors(layer, random_weights=0)
        words = [open_representations(vectors, store=store).words for vectors in own]
        concepts = _concepts(words, spec.concepts)
        x = [np.asarray(open_vectors(vectors, store=store), np.float32) for vectors in own]
        floor = [np.asarray(open_vectors(vectors, store=store), np.float32) for vectors in fresh]
        for a, b in zip(i.tolist(), j.tolist(), strict=True):
            if journal.stop_requested():
                raise Cancelled("The clustering was stopped; nothing of it was kept.")
            found = colap(
                x[a],
                x[b],
                concepts[a],
                concepts[b],
                random_weights=(floor[a], floor[b]),
                clusters=spec.clusters,
                threshold=spec.threshold,
                words=spec.words,
                seed=spec.seed,
            )
            row = {"model": spec.model.name, "layer": layer, "concept_kind": spec.concepts}
            for side, bank in (("a", spec.treebanks[a]), ("b", spec.treebanks[b])):
                row |= {f"language_{side}": bank.language, f"treebank_{side}": bank.name}
            row |= vars(found) | {"threshold": spec.threshold, "seed": spec.seed}
            if lexicon is not None:
                forms_a, forms_b = (words[k]["form"].astype(str).to_numpy() for k in (a, b))
                row["calign"] = calign(
                    x[a], x[b], forms_a, forms_b, lexicon, clusters=spec.clusters, seed=spec.seed
                )
            rows.append(row)
            journal.progress(len(rows), len(spec.layers) * len(i), unit="pairs")
    pd.DataFrame(rows).to_parquet(folder / TABLE, index=False)
    return {"rows": len(rows)}


def _concepts(words: Sequence[pd.DataFrame], concepts: str) -> list[np.ndarray]:
    """The concept of each word by numbers that all treebanks share; -1 for none."""
    names = sorted({name for table in words for name in label(table, concepts).names})
    return [label(table, concepts, names=tuple(names)).codes for table in words]
