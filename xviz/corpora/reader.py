"""CoNLL-U files to a :class:`~xviz.corpora.treebank.Treebank`: sentences and one table of words.

Empty nodes are left out, subtypes of relations and all features are kept, the text is rebuilt from the
surface forms and ``SpaceAfter=No``, so that every word knows its exact span (METHODS.md, section 1).
Windows line ends, a byte-order mark, a missing blank line at the end and sentences without ``sent_id`` are
fine; anything else that is not CoNLL-U stops the reading with file and line.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path
from sys import intern
from typing import Any

import numpy as np
import pandas as pd

from xviz.corpora.partition import checked_partition, first_of, side_of
from xviz.corpora.sentence import Line, Sentence, parse_sentence
from xviz.corpora.spec import Multiword, TreebankSpec
from xviz.corpora.treebank import Treebank
from xviz.errors import InputError
from xviz.journal import SILENT, Journal

COLUMNS = ("sentence", "index", "form", "lemma", "upos", "deprel", "head", "feats", "start", "end")

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_treebank(spec: TreebankSpec, *, journal: Journal = SILENT) -> Treebank:
    """Read and check the files of ``spec`` (:func:`xviz.corpora.tables.open_treebank` remembers the result).

    A sentence without ``sent_id`` is named by its number, counted from 1 through all files read.

    Raises:
        InputError: with file and line, for whatever is not CoNLL-U or not a tree, for a ``sent_id`` that
            occurs
            twice, for words whose forms are withheld (all ``_``), and for a part that holds no sentence.
    """
    partition = checked_partition(spec.partition) if spec.partition is not None else None
    sentences, words = _tables([Path(file) for file in spec.files], spec.multiword, journal)
    if (words["form"] == "_").all():
        raise InputError(
            "All words of this treebank are _: its text is not given away with the annotation. "
            "Its README says how to merge the two.",
            file=spec.files[0],
        )
    if partition is not None and spec.split != "all":
        inside = np.array([side_of(sent_id, partition) == spec.split for sent_id in sentences["sent_id"]])
        if not inside.any():
            written = ",".join(map(str, partition))
            raise InputError(
                f"The {spec.split} part of {spec.name} under the partition {written} holds no sentence; "
                "choose other percentages."
            )
        sentences, words = _part(sentences, words, inside)
    if spec.limit is not None and spec.limit < len(sentences):
        kept = first_of(sentences["sent_id"].astype(str).to_list(), spec.limit)
        sentences, words = _part(sentences, words, np.array(kept))
    return Treebank(spec.name, spec.language, spec.split, sentences, words, fingerprint=spec.key)


def read_sentences(file: Path, *, multiword: Multiword = "syntactic") -> Iterator[Sentence]:
    """The sentences of one CoNLL-U file, in order.

    Raises:
        InputError: with file and line.
    """
    found = False
    for lines in _blocks(file):
        sentence = parse_sentence(lines, file=file, multiword=multiword)
        if sentence is not None:
            found = True
            yield sentence
    if not found:
        raise InputError("This file is empty: no sentence stands in it.", file=file)


def text_of(file: Path) -> str:
    """The content of a UTF-8 file, without a byte-order mark.

    Raises:
        InputError: it is not there, cannot be read, or is not UTF-8 (with the line of the first wrong byte).
    """
    try:
        content = file.read_bytes().removeprefix(_BYTE_ORDER_MARK)
    except FileNotFoundError:
        raise InputError("This file does not exist.", file=file) from None
    except OSError as error:
        raise InputError(f"This file cannot be read ({error.strerror}).", file=file) from None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"This file is not UTF-8 (byte 0x{content[error.start]:02x}); save it as UTF-8.",
            file=file,
            line=line,
        ) from None


def lines_of(file: Path) -> list[str]:
    """The lines of a UTF-8 file, ended by LF or CR LF (and by no other character, as U+2028)."""
    lines = text_of(file).split("\n")
    if lines[-1] == "":
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def _blocks(file: Path) -> Iterator[list[Line]]:
    """Lines with their numbers, cut at blank lines."""
    block: list[Line] = []
    for number, line in enumerate(lines_of(file), start=1):
        if line.strip(" "):
            block.append((number, line))
        elif block:
            yield block
            block = []
    if block:
        yield block


_TEXT = ("form", "lemma", "upos", "deprel", "feats")


def _tables(files: list[Path], multiword: Multiword, journal: Journal) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every sentence of the files, gathered in columns (a dictionary a word would take gigabytes)."""
    sent_ids: list[str | None] = []
    texts: list[str] = []
    lengths = array("i")
    strings: dict[str, list[str]] = {name: [] for name in _TEXT}
    integers = {name: array("i") for name in ("index", "head", "start", "end")}
    seen: dict[str, tuple[Path, int]] = {}
    for number, file in enumerate(files):
        journal.progress(number, len(files), unit="files")
        for sentence in read_sentences(file, multiword=multiword):
            if sentence.sent_id is not None:
                _check_new(sentence, seen, file)
            sent_ids.append(sentence.sent_id)
            texts.append(sentence.text)
            lengths.append(len(sentence.words))
            for name, column in strings.items():
                column.extend([intern(word[name]) for word in sentence.words])
            integers["index"].extend(range(1, len(sentence.words) + 1))
            integers["head"].extend([word["head"] for word in sentence.words])
            integers["start"].extend([start for start, _ in sentence.spans])
            integers["end"].extend([end for _, end in sentence.spans])
    journal.progress(len(files), len(files), unit="files")

    table: dict[str, Any] = {name: pd.array(values, dtype="str") for name, values in strings.items()}
    table |= {name: np.array(values, dtype=np.int32) for name, values in integers.items()}
    table["sentence"] = np.repeat(np.arange(len(texts), dtype=np.int32), lengths)
    sentences = pd.DataFrame(
        {
            "sent_id": pd.array(_names(sent_ids), dtype="str"),
            "text": pd.array(texts, dtype="str"),
            "length": np.array(lengths, dtype=np.int32),
        }
    )
    return sentences, pd.DataFrame({name: table[name] for name in COLUMNS})


def _check_new(sentence: Sentence, seen: dict[str, tuple[Path, int]], file: Path) -> None:
    assert sentence.sent_id is not None
    if sentence.sent_id in seen:
        other, line = seen[sentence.sent_id]
        where = f"line {line}" if other == file else f"{other}:{line}"
        raise InputError(
            f"The sent_id {sentence.sent_id} names two sentences (the other stands at {where}); rename one.",
            file=file,
            line=sentence.line,
        )
    seen[sentence.sent_id] = (file, sentence.line)


def _names(sent_ids: list[str | None]) -> list[str]:
    """Every sentence by its ``sent_id``, else by its number (with a + where another bears that name)."""
    taken = set(sent_ids)
    names = []
    for number, sent_id in enumerate(sent_ids, start=1):
        name = sent_id
        if name is None:
            name = str(number)
            while name in taken:
                name += "+"
            taken.add(name)
        names.append(name)
    return names


def _part(
    sentences: pd.DataFrame, words: pd.DataFrame, inside: np.ndarray
) -> tuple[pd.DataFrame, pd.DataFrame]:
    new_row = np.cumsum(inside, dtype=np.int32) - np.int32(1)
    words = words[inside[words["sentence"]]].reset_index(drop=True)
    words["sentence"] = new_row[words["sentence"]]
    return sentences[inside].reset_index(drop=True), words
