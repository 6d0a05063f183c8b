"""How the store is filled with vectors: specifications that share a network and a treebank share the pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from xviz.corpora.tables import open_treebank
from xviz.journal import Journal
from xviz.models.loading import LanguageModel
from xviz.models.spec import Dtype, ModelRef
from xviz.representations.extract import extract, write_table
from xviz.representations.spec import SentenceVectorsSpec, VectorsSpec, WordTableSpec, WordVectorsSpec
from xviz.representations.tokens import tokenise
from xviz.store import Store

Load = Callable[[ModelRef, Dtype], LanguageModel]


def compute_vectors(specs: Sequence[WordTableSpec], *, store: Store, journal: Journal, load: Load) -> None:
    """Fill the store with word tables, word vectors and sentence vectors; one pass a treebank."""
    groups: dict[tuple[str, str], list[VectorsSpec]] = {}
    for spec in specs:
        if isinstance(spec, WordVectorsSpec | SentenceVectorsSpec):
            groups.setdefault((spec.table().key, spec.dtype), []).append(spec)
    done = {key for key, _ in groups}
    for i, wanted in enumerate(groups.values()):
        first = wanted[0]
        extract(
            partial(load, first.model, first.dtype),
            partial(open_treebank, first.treebank, store=store, journal=journal),
            wanted,
            store=store,
            journal=journal,
        )
        journal.log(f"{i + 1} of {len(groups)} treebanks done ({first.treebank.name}).")
    for table in specs:  # a table alone: its vectors are there and it has gone from the store
        if table.kind == WordTableSpec.kind and table.key not in done:
            store.obtain(table, partial(_write_table, table, store, journal, load), journal=journal)


def _write_table(
    table: WordTableSpec, store: Store, journal: Journal, load: Load, folder: Path
) -> dict[str, Any]:
    bank = open_treebank(table.treebank, store=store, journal=journal)
    tokens = tokenise(bank, load(table.model, "fp32"), max_words=table.max_words)
    write_table(tokens, folder)
    return tokens.note()
