"""Treebanks by hand: sentences as lists of words, spans found in the text."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pytest

from xviz.corpora.spec import TreebankSpec
from xviz.corpora.treebank import Treebank

Word = str | tuple[str, int]
"""A form, or a form and the (0-based) word with which it shares a multiword token's span."""


def treebank_of(sentences: Sequence[tuple[str, Sequence[str]]], name: str = "UD_Test-Hand") -> Treebank:
    """Each sentence: its text, and its words as they stand in the text; ``a+b`` is one multiword token.

    The first word is the root, every other word depends on the one before it.
    """
    rows, table = [], []
    for row, (text, forms) in enumerate(sentences):
        place, index = 0, 0
        for token in forms:
            parts = token.split("+") if "+" in token[1:-1] else [token]
            surface = "".join(parts)
            start = text.index(surface, place)
            place = start + len(surface)
            for part in parts:
                index += 1
                table.append(
                    {
                        "sentence": row,
                        "index": index,
                        "form": part,
                        "lemma": part,
                        "upos": "NOUN" if index % 2 else "VERB",
                        "deprel": "root" if index == 1 else ("nsubj" if index % 2 else "obj:x"),
                        "head": index - 1,
                        "feats": "",
                        "start": start,
                        "end": place,
                    }
                )
        rows.append({"sent_id": f"s{row + 1}", "text": text, "length": index})
    words = pd.DataFrame(table).astype(
        {"sentence": "int32", "index": "int32", "head": "int32", "start": "int32", "end": "int32"}
    )
    print_ = hashlib.sha256(repr(sentences).encode()).hexdigest()
    return Treebank(name, "und", "test", pd.DataFrame(rows), words, print_)


@pytest.fixture
def treebank_spec(tmp_path: Path) -> Callable[[Treebank], TreebankSpec]:
    """The specification of a treebank made by hand (its file holds only its fingerprint)."""

    def spec(treebank: Treebank) -> TreebankSpec:
        file = tmp_path / f"{treebank.fingerprint[:12]}.conllu"
        file.write_text(treebank.fingerprint)
        return TreebankSpec(name=treebank.name, language="und", files=(str(file),), split="test")

    return spec


@pytest.fixture
def make_treebank() -> Callable[..., Treebank]:
    return treebank_of


SENTENCES: list[tuple[str, list[str]]] = [
    ("The old house stands by the river.", ["The", "old", "house", "stands", "by", "the", "river", "."]),
    ("Das Haus am Fluss, das Haus!", ["Das", "Haus", "a+m", "Fluss", ",", "das", "Haus", "!"]),
    ("老房子在河边。", ["老", "房子", "在", "河边", "。"]),
    ("บ้านหลังเก่าริมแม่น้ำ", ["บ้าน", "หลัง", "เก่า", "ริม", "แม่น้ำ"]),
    ("البيت القديم قرب النهر.", ["البيت", "القديم", "قرب", "النهر", "."]),
    ("Ngôi nhà cũ nằm bên bờ sông.", ["Ngôi nhà", "cũ", "nằm", "bên", "bờ sông", "."]),
    ("Ja.", ["Ja", "."]),
    (
        "La vieille maison, l'eau, personne.",
        ["La", "vieille", "maison", ",", "l'", "eau", ",", "personne", "."],
    ),
]


@pytest.fixture
def treebank() -> Treebank:
    """Eight sentences in six scripts, with a multiword token and forms that hold a space."""
    return treebank_of(SENTENCES)
