"""Small CoNLL-U files, written row by row."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from xviz.corpora.reader import read_treebank
from xviz.corpora.spec import TreebankSpec
from xviz.corpora.treebank import Treebank

Row = Callable[..., str]
Read = Callable[..., Treebank]


@pytest.fixture
def row() -> Row:
    """One row of ten columns; what is not given is ``_``."""

    def write(
        id: object,
        form: str,
        upos: str = "_",
        head: object = "_",
        deprel: str = "_",
        *,
        lemma: str = "_",
        feats: str = "_",
        misc: str = "_",
    ) -> str:
        return "\t".join([str(id), form, lemma, upos, "_", feats, str(head), deprel, "_", misc])

    return write


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read CoNLL-U given as text, bytes or lines."""

    def parse(content: str | bytes | list[str], *, multiword: str = "syntactic", **fields) -> Treebank:
        if isinstance(content, list):
            content = "\n".join(content) + "\n\n"
        file = tmp_path / "a.conllu"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        spec = {"name": "a", "language": "deu", "files": (str(file),), "split": "all", "multiword": multiword}
        return read_treebank(TreebankSpec(**(spec | fields)))

    return parse


@pytest.fixture
def good(row: Row) -> list[str]:
    """The lines of a sound sentence of three words, to be broken in one place."""
    return [
        "# sent_id = s1",
        "# text = Wir gehen heim",
        row(1, "Wir", "PRON", 2, "nsubj"),
        row(2, "gehen", "VERB", 0, "root"),
        row(3, "heim", "ADV", 2, "advmod"),
    ]
