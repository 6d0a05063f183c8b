"""Parsed treebanks in the store: parsed once, read back in milliseconds.

An entry holds ``sentences.parquet`` and ``words.parquet`` (columns as in
:class:`~xviz.corpora.treebank.Treebank`, repeated strings dictionary-encoded).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from xviz.corpora.reader import read_treebank
from xviz.corpora.spec import TreebankSpec
from xviz.corpora.treebank import Treebank
from xviz.errors import InputError
from xviz.journal import SILENT, Journal
from xviz.store import Store


def open_treebank(spec: TreebankSpec, *, store: Store, journal: Journal = SILENT) -> Treebank:
    """The treebank of ``spec``, from the store, else read from its files and stored.

    Raises:
        InputError: a file is missing or malformed (see :func:`~xviz.corpora.reader.read_treebank`).
    """
    for file in spec.files:
        if not Path(file).is_file():
            raise InputError("This file does not exist.", file=file)

    def write(folder: Path) -> dict[str, Any]:
        journal.stage(f"Reading {spec.name}")
        treebank = read_treebank(spec, journal=journal)
        treebank.sentences.to_parquet(folder / "sentences.parquet", index=False)
        treebank.words.to_parquet(folder / "words.parquet", index=False)
        return {"sentences": len(treebank.sentences), "words": len(treebank.words)}

    entry = store.obtain(spec, write, journal=journal)
    return Treebank(
        spec.name,
        spec.language,
        spec.split,
        sentences=pd.read_parquet(entry.file("sentences.parquet")),
        words=pd.read_parquet(entry.file("words.parquet")),
        fingerprint=spec.key,
    )
