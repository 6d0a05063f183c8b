"""Sums of vectors by concept and group of sentences, and how word types fall on them.

Let C be the matrix of weights with which words enter cell (g, k), group g and concept k: 1 for a word of
concept k; for a relation ``r = h_head - h_dependent`` of kind k, +1 at the head and -1 at the dependent. With
vectors X ``[words, dim]`` and F ``[words, types]`` saying which type each word is of, this step keeps

- ``C X``, and the number of units in each cell: prototypes of any part of the corpus are ratios of sums;
- ``(C F)(C F)^T`` and ``C C^T``: the covariance of prototypes when the network knows word types alone
  (:mod:`xviz.alignability.lexical`).
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from xviz.alignability.lexical import noise_share
from xviz.alignability.spec import ConceptSumsSpec
from xviz.concepts.annotation import label
from xviz.corpora.tables import open_treebank
from xviz.errors import Cancelled, XvizError
from xviz.journal import SILENT, Journal
from xviz.representations.extract import extract
from xviz.representations.opened import open_representations
from xviz.representations.relations import head_rows
from xviz.store import Store

SUMS, FACTS = "sums.safetensors", "facts.json"
BLOCK_ROWS = 65536


@dataclass(frozen=True)
class ConceptSums:
    """What is kept of one treebank. A cell is (group, concept), group by group.

    ``facts``: sentences, words, fertility, share of unknown words, and ``noise`` a layer: the share of
    variance between tokens of one type.
    """

    names: tuple[str, ...]
    sums: Float[np.ndarray, "layers groups concepts dim"]
    counts: Int[np.ndarray, "groups concepts"]
    types: Float[np.ndarray, "cells cells"]
    tokens: Float[np.ndarray, "cells cells"]
    noise: Float[np.ndarray, " layers"]
    facts: dict[str, Any]


def group_of(sent_id: str, groups: int) -> int:
    """The group of a sentence, the same in every language and run."""
    return int.from_bytes(hashlib.sha256(sent_id.encode()).digest()[:8], "big") % groups


def compute_sums(
    specs: Sequence[ConceptSumsSpec], *, store: Store, journal: Journal = SILENT, load: Callable[..., Any]
) -> None:
    """Fill the store with sums; the vectors of trained networks are there already."""
    for done, spec in enumerate(specs):
        if journal.stop_requested():
            raise Cancelled("Stopped between two treebanks; the sums that are finished are kept.")
        store.obtain(
            spec,
            lambda folder, spec=spec: _write(spec, folder, store, journal, load),  # type: ignore[misc]
            journal=journal,
        )
        journal.progress(done + 1, len(specs), unit="treebanks")


def read_sums(spec: ConceptSumsSpec, store: Store) -> ConceptSums:
    """The sums that were computed for ``spec``.

    Raises:
        XvizError: they have not been computed.
    """
    from safetensors.numpy import load_file

    entry = store.find(spec)
    if entry is None:
        raise XvizError(f"The concept sums of {spec.treebank.name} are not in the store (any more).")
    facts = json.loads(entry.file(FACTS).read_text("utf-8"))
    tensors = load_file(entry.file(SUMS))
    return ConceptSums(
        names=tuple(facts.pop("names")),
        counts=tensors["counts"],
        sums=tensors["sums"],
        types=tensors["types"].astype(np.float64),
        tokens=tensors["tokens"].astype(np.float64),
        noise=np.asarray(facts["noise"]),
        facts=facts,
    )


def _write(
    spec: ConceptSumsSpec, folder: Path, store: Store, journal: Journal, load: Callable[..., Any]
) -> dict[str, Any]:
    from safetensors.numpy import save_file

    if spec.model.random_weights is None:
        found = _summed(spec, store, journal)
    else:
        # Named as the store names unfinished work, so that it goes where a process was killed.
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{spec.key}.partial-") as place:
            passing = Store(Path(place))
            extract(
                partial(load, spec.model, spec.dtype),
                partial(open_treebank, spec.treebank, store=store, journal=journal),
                spec.vectors(),
                store=passing,
                journal=journal,
            )
            found = _summed(spec, passing, journal)
    tensors = {
        "sums": found.sums.astype(np.float32),
        "counts": found.counts,
        "types": found.types.astype(np.float32),
        "tokens": found.tokens.astype(np.float32),
    }
    save_file({name: np.ascontiguousarray(array) for name, array in tensors.items()}, folder / SUMS)
    facts = found.facts | {"names": found.names, "noise": found.noise.tolist()}
    (folder / FACTS).write_text(json.dumps(facts), encoding="utf-8")
    return {"concepts": len(found.names)}


def _summed(spec: ConceptSumsSpec, store: Store, journal: Journal) -> ConceptSums:
    journal.stage(f"Summing {spec.treebank.name} by concept")
    layers = spec.vectors()
    opened = open_representations(layers[0], store=store)
    cells = Cells.of(opened.words, opened.sentences, spec.concepts, spec.root, spec.groups)
    forms = opened.words["form"].astype(str).to_numpy(object)
    sums, noise = [], []
    for vectors in layers:
        x = opened.vectors(vectors.layer)
        sums.append(cells.sum(x))
        noise.append(noise_share(x, forms))
    facts = {
        "sentences": len(opened.sentences),
        "words": len(opened.words),
        "fertility": opened.provenance.get("fertility"),
        "unknown": opened.provenance.get("unknown"),
    }
    return ConceptSums(
        cells.names,
        np.stack(sums),
        cells.counts,
        cells.type_products(forms),
        cells.token_products(),
        np.array(noise),
        facts,
    )


@dataclass(frozen=True)
class Cells:
    """Which word enters which cell with which sign: the matrix C."""

    names: tuple[str, ...]
    weights: Any  # scipy.sparse.csr_array [cells, words]
    counts: Int[np.ndarray, "groups concepts"]

    @classmethod
    def of(cls, words: pd.DataFrame, sentences: pd.DataFrame, concepts: str, root: str, groups: int) -> Cells:
        """Read the cells off a word table; relations whose head has no vector take no part."""
        from scipy.sparse import csr_array

        labels = label(words, concepts)
        codes, rows = labels.codes, np.arange(len(words))
        group = {
            int(row): group_of(str(sent_id), groups)
            for row, sent_id in zip(sentences["sentence"], sentences["sent_id"], strict=True)
        }
        in_group = words["sentence"].map(group).to_numpy(np.int64)
        keep = codes >= 0
        heads = head_rows(words) if concepts == "deprel" else None
        if heads is not None:
            keep &= (heads >= 0) | ((heads == -1) & (root == "zero"))
        cell = in_group * len(labels.names) + codes
        row, column, sign = [cell[keep]], [rows[keep]], [np.ones(int(keep.sum()))]
        if heads is not None:
            sign[0] = -sign[0]
            with_head = keep & (heads >= 0)
            row.append(cell[with_head])
            column.append(heads[with_head])
            sign.append(np.ones(int(with_head.sum())))
        shape = (groups * len(labels.names), len(words))
        weights = csr_array(
            (np.concatenate(sign), (np.concatenate(row), np.concatenate(column))), shape=shape
        )
        counts = np.bincount(cell[keep], minlength=shape[0]).reshape(groups, -1)
        return cls(labels.names, weights, counts)

    def sum(self, vectors: Float[np.ndarray, "words dim"]) -> Float[np.ndarray, "groups concepts dim"]:
        """``C X``, in float64 over blocks of words."""
        total = np.zeros((self.weights.shape[0], vectors.shape[1]))
        by_word = self.weights.tocsc()
        for start in range(0, len(vectors), BLOCK_ROWS):
            block = slice(start, min(start + BLOCK_ROWS, len(vectors)))
            total += by_word[:, block] @ np.asarray(vectors[block], np.float64)
        return total.reshape(*self.counts.shape, -1)

    def type_products(self, forms: np.ndarray) -> Float[np.ndarray, "cells cells"]:
        """``(C F)(C F)^T``."""
        from scipy.sparse import csr_array

        types, inverse = np.unique(forms.astype(str), return_inverse=True)
        members = csr_array(
            (np.ones(len(forms)), (np.arange(len(forms)), inverse)), shape=(len(forms), len(types))
        )
        by_type = self.weights @ members
        return (by_type @ by_type.T).toarray()

    def token_products(self) -> Float[np.ndarray, "cells cells"]:
        """``C C^T``; the number of words on the diagonal where units are words."""
        return (self.weights @ self.weights.T).toarray()
