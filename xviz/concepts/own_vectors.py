"""Vectors that were extracted elsewhere: a NumPy file, a table with a row for each, and what is made of them.

The array (``.npy``) is ``[words, dim]``, or ``[layers, words, dim]``, of floating-point numbers. The table is
TSV or CSV in UTF-8 with a header: ``form``, ``language``, and at least one column that names concepts
(``upos``, ``deprel``, or any other name); ``sentence`` is optional. Row i of the table describes vector i.

Both are read as data: nothing is unpickled, no name is opened as a path, and what the header of the array
announces is compared with what is there before memory is asked for.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float

from xviz.concepts.prototypes import ConceptSpace, prototypes
from xviz.corpora.languages import iso639_3
from xviz.corpora.sentence import UPOS
from xviz.errors import InputError

MOST_BYTES = 256 * 2**20
MOST_WORDS = 200_000
MOST_CONCEPTS = 200
NEEDED = ("form", "language")
DESCRIBING = ("form", "language", "sentence", "sent_id", "index", "id", "head", "lemma", "treebank", "text")
"""Columns that name no concepts."""

EXAMPLE = "form\tlanguage\tupos\nhouse\teng\tNOUN\nHaus\tdeu\tNOUN\n"
NAN_BLOCK = 65_536


@dataclass(frozen=True)
class OwnVectors:
    """``vectors[layer]`` stand beside ``words`` (columns as given; ``language`` is ISO 639-3)."""

    vectors: Float[np.ndarray, "layers words dim"]
    words: pd.DataFrame

    @property
    def layers(self) -> int:
        return len(self.vectors)

    @property
    def concept_columns(self) -> list[str]:
        """Columns whose values can be taken for concepts: more than one, at most :data:`MOST_CONCEPTS`."""
        return [
            name
            for name in self.words.columns
            if name.lower() not in DESCRIBING and 2 <= self.concepts(name).nunique() <= MOST_CONCEPTS
        ]

    @property
    def languages(self) -> list[str]:
        return sorted(self.words["language"].unique())

    def concepts(self, column: str) -> pd.Series:
        """The concept of each word; missing where the table says nothing (empty or ``_``).

        Raises:
            InputError: the table has no such column.
        """
        if column not in self.words:
            raise InputError(
                f"The table has no column {column!r}; there are {', '.join(self.words.columns)}."
            )
        values = self.words[column]
        if column.lower() == "deprel":
            values = values.str.split(":").str[0]
        return values.mask(values.isin(("", "_")))


def read_own_vectors(
    vectors: Path | bytes, table: Path | bytes, *, table_name: str = "table.tsv"
) -> OwnVectors:
    """Read and check both files.

    Args:
        vectors, table: files, or their content.
        table_name: of the table, where its content is given: what messages call it; its ending (``.csv`` or
            another) decides between commas and tabs.

    Raises:
        InputError: one of them is not what it should be; the sentence names the file and the line.
    """
    name = str(vectors) if isinstance(vectors, Path) else "the array"
    array = _read_array(_content(vectors, name), name)
    table_name = str(table) if isinstance(table, Path) else table_name
    words, lines = _read_table(_content(table, table_name), table_name)
    if array.ndim == 2:
        array = array[None]
    if array.shape[1] != len(words):
        raise InputError(
            f"The array has {array.shape[1]:,} vectors, the table {len(words):,} rows (without its header); "
            "row i of the table describes vector i, so they must be as many.",
            file=table_name,
        )
    _check_numbers(array, lines, table_name)
    own = OwnVectors(array, words)
    if not own.concept_columns:
        raise InputError(
            "No column names concepts: give upos, deprel or another column with at least two and at most "
            f"{MOST_CONCEPTS} values.",
            file=table_name,
            line=1,
        )
    return own


def own_space(own: OwnVectors, language: str, *, concepts: str = "upos", layer: int = 0) -> ConceptSpace:
    """The concept space of one language: prototypes and counts.

    Raises:
        InputError: there is no such column, layer or language, or no word has a concept.
    """
    code = iso639_3(language)
    if code not in own.languages:
        raise InputError(f"There are no words of {language!r}; there are {', '.join(own.languages)}.")
    if not 0 <= layer < own.layers:
        raise InputError(f"There is no layer {layer}; the array has layers 0 to {own.layers - 1}.")
    values = own.concepts(concepts)[own.words["language"] == code]
    names = tuple(sorted(values.dropna().unique()))
    if not names:
        raise InputError(f"No word of {language!r} has a value in the column {concepts!r}.")
    codes = values.map({name: i for i, name in enumerate(names)}).fillna(-1).to_numpy(np.int64)
    means, counts = prototypes(own.vectors[layer][values.index.to_numpy()], codes, len(names))
    return ConceptSpace(names, means, counts, "own", "own", code, "all", layer, "raw", concepts)


def own_spaces(own: OwnVectors, *, concepts: str = "upos", layer: int = 0) -> list[ConceptSpace]:
    """The concept space of every language that has words with a concept."""
    named = own.words.loc[own.concepts(concepts).notna(), "language"].unique()
    return [own_space(own, code, concepts=concepts, layer=layer) for code in own.languages if code in named]


def _content(given: Path | bytes, name: str) -> bytes:
    if isinstance(given, bytes):
        size = len(given)
    else:
        try:
            size = given.stat().st_size
        except OSError:
            raise InputError("This file does not exist.", file=given) from None
    if size > MOST_BYTES:
        raise InputError(
            f"This is {size / 2**20:.0f} MiB, over the limit of {MOST_BYTES // 2**20}; take fewer words, one "
            "layer, or half precision (float16).",
            file=name,
        )
    return given if isinstance(given, bytes) else given.read_bytes()


def _read_array(content: bytes, name: str) -> np.ndarray:
    stream = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(stream)
        read = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = read(stream)
    except ValueError:
        raise InputError(
            "This is no NumPy file; write one with numpy.save('vectors.npy', vectors).", file=name
        ) from None
    if dtype.hasobject or dtype.kind != "f":
        raise InputError(
            f"The numbers are of type {dtype}; floating-point numbers are needed: "
            "numpy.save('vectors.npy', vectors.astype('float32')).",
            file=name,
        )
    if len(shape) not in (2, 3) or 0 in shape:
        raise InputError(
            f"The array has the shape {list(shape)}; [words, dim] or [layers, words, dim] is needed.",
            file=name,
        )
    if shape[-2] > MOST_WORDS:
        raise InputError(
            f"There are {shape[-2]:,} vectors, over the limit of {MOST_WORDS:,}; draw some of them.",
            file=name,
        )
    expected = int(np.prod(shape, dtype=object)) * dtype.itemsize
    there = len(content) - stream.tell()
    if expected != there:
        raise InputError(
            f"The file breaks off: its header announces {expected:,} bytes, {there:,} follow.", file=name
        )
    stream.seek(0)
    return np.load(stream, allow_pickle=False).astype(np.float32)


def _check_numbers(array: np.ndarray, lines: Sequence[int], table_name: str) -> None:
    for layer, vectors in enumerate(array):
        for start in range(0, len(vectors), NAN_BLOCK):
            bad = ~np.isfinite(vectors[start : start + NAN_BLOCK]).all(axis=1)
            if bad.any():
                row = start + int(bad.argmax())
                where = f" of layer {layer}" if len(array) > 1 else ""
                raise InputError(
                    f"Vector {row}{where} (the word of this line) holds a number that is not finite.",
                    file=table_name,
                    line=lines[row],
                )


def _read_table(content: bytes, name: str) -> tuple[pd.DataFrame, list[int]]:
    """The rows, and the line on which each stands."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError("This line is not UTF-8; save the table as UTF-8.", file=name, line=line) from None
    rows = _rows(text, name)
    first = next(rows, None)
    if first is None:
        raise InputError(
            f"The table is empty; it begins with a header, as {EXAMPLE.splitlines()[0]!r}.", file=name
        )
    header = [column.strip() for column in first[1]]
    columns = [
        column.lower() if column.lower() in (*NEEDED, "upos", "deprel") else column for column in header
    ]
    lacking = [column for column in NEEDED if column not in columns]
    if lacking:
        raise InputError(
            f"The header lacks {' and '.join(lacking)}; there are: {', '.join(header)}.", file=name, line=1
        )
    twice = [column for column in columns if columns.count(column) > 1]
    if twice or "" in columns:
        raise InputError(
            f"The header names the column {(twice or [''])[0]!r} twice or not at all.", file=name, line=1
        )
    kept, lines = [], []
    for line, row in rows:
        if len(row) != len(columns):
            raise InputError(
                f"There are {len(row)} columns where the header has {len(columns)}.", file=name, line=line
            )
        kept.append(row)
        lines.append(line)
        if len(kept) > MOST_WORDS:
            raise InputError(
                f"There are more than {MOST_WORDS:,} rows; draw some of them.", file=name, line=line
            )
    words = pd.DataFrame(kept, columns=columns, dtype=str)
    words["language"] = _languages(words["language"], lines, name)
    if "upos" in words:
        _check_upos(words["upos"], lines, name)
    return words, lines


def _rows(text: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and fields; tabs are never quoted, commas may be."""
    if name.lower().endswith(".csv"):
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        try:
            for row in reader:
                if row:
                    yield reader.line_num, row
        except csv.Error as error:
            raise InputError(f"This is no CSV ({error}).", file=name, line=reader.line_num) from None
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip("\r"):
            yield number, line.rstrip("\r").split("\t")


def _languages(values: pd.Series, lines: Sequence[int], name: str) -> pd.Series:
    codes: dict[str, str] = {}
    for value in values.unique():
        try:
            codes[value] = iso639_3(value)
        except InputError as error:
            line = lines[int((values == value).to_numpy().argmax())]
            raise InputError(error.message, file=name, line=line) from None
    return values.map(codes)


def _check_upos(values: pd.Series, lines: Sequence[int], name: str) -> None:
    wrong = ~values.isin([*UPOS, "_", ""])
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        raise InputError(
            f"The tag {values.iloc[row]!r} is not one of the 17 of Universal Dependencies "
            f"({', '.join(UPOS)}); name the column otherwise if these are other concepts.",
            file=name,
            line=lines[row],
        )
