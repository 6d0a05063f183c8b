"""Sentences that translate one another, in two or more languages.

Three sources: line-aligned text (``ntrex.deu.txt`` and ``ntrex.eng.txt`` in one folder, line k of each a
translation of line k of the others), a table of tab-separated columns, and parallel treebanks joined by
``sent_id`` (never by position: their order may differ).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from xviz.corpora.languages import display_name, is_language, iso639_3
from xviz.corpora.reader import lines_of
from xviz.corpora.treebank import Treebank
from xviz.errors import InputError

_ID_HEADERS = ("id", "sent_id")


@dataclass(frozen=True)
class ParallelCorpus:
    """Aligned sentences of several languages.

    ``sentences`` (one row a sentence and language): ``id`` str (equal for translations of one another),
    ``language`` str (ISO 639-3), ``text`` str. Every id occurs once in every language, ids in the same order.
    ``left_out``: the ids that were not there in every language.
    """

    name: str
    languages: tuple[str, ...]
    sentences: pd.DataFrame
    fingerprint: str
    left_out: tuple[str, ...] = ()

    def __len__(self) -> int:
        """The number of sentences in each language."""
        return len(self.sentences) // len(self.languages)

    def ids(self) -> list[str]:
        return self.sentences["id"].iloc[: len(self)].tolist()

    def texts(self, language: str) -> list[str]:
        """The sentences of one language (any code or name), in the order that all languages share.

        Raises:
            InputError: the corpus does not have that language.
        """
        iso = iso639_3(language)
        if iso not in self.languages:
            raise InputError(
                f"{self.name} has no {display_name(iso)} ({iso}); it has {', '.join(self.languages)}."
            )
        return self.sentences["text"][self.sentences["language"] == iso].tolist()

    def pairs(self, source: str, target: str) -> list[tuple[str, str]]:
        """The translation pairs of two languages."""
        return list(zip(self.texts(source), self.texts(target), strict=True))


def open_parallel(path: str | Path, *, languages: Sequence[str] | None = None) -> ParallelCorpus:
    """A folder of line-aligned text (:func:`read_lines`) or a TSV file (:func:`read_tsv`).

    Raises:
        InputError: nothing lies there, or what lies there is not aligned.
    """
    place = Path(path).expanduser()
    if place.is_dir():
        return read_lines(place, languages=languages)
    if place.is_file():
        return read_tsv(place, languages=languages)
    raise InputError("There is no such folder of line-aligned text, nor such a TSV file.", file=path)


def read_lines(folder: str | Path, *, languages: Sequence[str] | None = None) -> ParallelCorpus:
    """Line-aligned text: ``<anything>.<language>.txt`` in one folder, a file a language, equally many lines.

    Args:
        folder: where the files lie; ``*.txt`` without a language before the ending (LICENSE.txt) is no part.
        languages: those to read (codes or names), in this order; None is all of them.

    Raises:
        InputError: no such files, a language twice or not there, numbers of lines that differ, an empty line.
    """
    folder = Path(folder).expanduser()
    files = files_by_language(folder)
    if languages is not None:
        wanted = [iso639_3(language) for language in languages]
        absent = [iso for iso in wanted if iso not in files]
        if absent:
            raise InputError(
                f"There is no file *.{absent[0]}.txt here; there are {', '.join(sorted(files))}.", file=folder
            )
        files = {iso: files[iso] for iso in wanted}
    texts = {iso: lines_of(file) for iso, file in files.items()}
    counts = {len(lines) for lines in texts.values()}
    if len(counts) > 1:
        listed = ", ".join(f"{files[iso].name} has {len(lines)}" for iso, lines in texts.items())
        odd = min(texts, key=lambda iso: sum(len(lines) == len(texts[iso]) for lines in texts.values()))
        raise InputError(f"Line-aligned files must have equally many lines, but {listed}.", file=files[odd])
    for iso, lines in texts.items():
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                raise InputError(
                    "This line is empty; remove it from the files of all languages, or translate it.",
                    file=files[iso],
                    line=number,
                )
    if counts == {0}:
        raise InputError("These files are empty.", file=folder)
    return _corpus(folder.name, [str(n) for n in range(1, counts.pop() + 1)], texts)


def read_tsv(file: str | Path, *, languages: Sequence[str] | None = None) -> ParallelCorpus:
    """Tab-separated columns, one a language.

    A first line of language codes (before them ``id``, if you like) names the columns, and ``languages`` then
    chooses among them. Without it ``languages`` names them, or the file's name (``tatoeba.eng-deu.tsv``).

    Raises:
        InputError: unknown languages, a row with another number of columns, an empty cell, an id twice.
    """
    file = Path(file).expanduser()
    rows = [line.split("\t") for line in lines_of(file)]
    if not any(any(row) for row in rows):
        raise InputError("This file is empty.", file=file)
    said = languages or _languages_of_name(file)
    header = _header(rows[0], said)
    if header is not None:
        columns, rows, first = header, rows[1:], 2
    elif said is not None:
        columns, first = list(said), 1
    else:
        raise InputError(
            "Nothing says which languages these columns are in; begin with a line of codes (eng, tab, deu), "
            "or call the file <name>.eng-deu.tsv.",
            file=file,
            line=1,
        )
    isos = [iso639_3(column) for column in columns if column not in _ID_HEADERS]
    _check_distinct(isos, file)
    texts: dict[str, list[str]] = {iso: [] for iso in isos}
    ids: list[str] = []
    seen: dict[str, int] = {}
    for number, row in enumerate(rows, start=first):
        if len(row) != len(columns):
            raise InputError(
                f"This row has {len(row)} column{'s' if len(row) != 1 else ''}, "
                f"but {len(columns)} are expected ({', '.join(columns)}).",
                file=file,
                line=number,
            )
        for column, cell in zip(columns, row, strict=True):
            if not cell.strip():
                raise InputError(
                    f"The column {column} is empty; remove the row or fill it in.", file=file, line=number
                )
            if column in _ID_HEADERS:
                if cell in seen:
                    raise InputError(
                        f"The id {cell} stands in line {seen[cell]} already.", file=file, line=number
                    )
                seen[cell] = number
                ids.append(cell)
            else:
                texts[iso639_3(column)].append(cell)
    if not rows:
        raise InputError("This file has a header and no rows.", file=file)
    corpus = _corpus(file.stem, ids or [str(n) for n in range(1, len(rows) + 1)], texts)
    if header is not None and languages is not None:
        return _only(corpus, languages)
    return corpus


def join_treebanks(treebanks: Sequence[Treebank]) -> ParallelCorpus:
    """The sentences that all of the treebanks have, joined by ``sent_id``, in the order of the first one.

    Raises:
        InputError: fewer than two, two of one language, or no ``sent_id`` in common.
    """
    if len(treebanks) < 2:
        raise InputError("Parallel sentences want at least two treebanks.")
    _check_distinct([treebank.language for treebank in treebanks], None)
    by_id = [dict(zip(t.sentences["sent_id"], t.sentences["text"], strict=True)) for t in treebanks]
    common = [sent_id for sent_id in by_id[0] if all(sent_id in texts for texts in by_id[1:])]
    if not common:
        raise InputError(
            f"{' and '.join(t.name for t in treebanks)} have no sent_id in common, so they are not parallel."
        )
    left_out = dict.fromkeys(sent_id for texts in by_id for sent_id in texts)
    for sent_id in common:
        del left_out[sent_id]
    texts = {t.language: [of[sent_id] for sent_id in common] for t, of in zip(treebanks, by_id, strict=True)}
    return _corpus(" + ".join(t.name for t in treebanks), common, texts, tuple(left_out))


def files_by_language(folder: Path) -> dict[str, Path]:
    """The line-aligned files of a folder by ISO 639-3 code.

    Raises:
        InputError: fewer than two, an unknown language, a language twice.
    """
    files: dict[str, Path] = {}
    for file in sorted(folder.glob("*.txt")):
        _, dot, language = file.stem.rpartition(".")
        if not dot:
            continue
        if not is_language(language):
            raise InputError(
                f"{language!r} is no code of a language; line-aligned files are called <name>.<code>.txt "
                "(ntrex.deu.txt).",
                file=file,
            )
        iso = iso639_3(language)
        if iso in files:
            raise InputError(
                f"{display_name(iso)} has two files here, {files[iso].name} and {file.name}; keep one.",
                file=folder,
            )
        files[iso] = file
    if len(files) < 2:
        raise InputError(
            "At least two files <name>.<code>.txt (ntrex.deu.txt, ntrex.eng.txt) are expected here, "
            f"but there {'is one' if files else 'are none'}.",
            file=folder,
        )
    return files


def _header(row: Sequence[str], said: Sequence[str] | None) -> list[str] | None:
    """The columns that a first line names: codes of languages in small letters, before them perhaps ``id``.

    A short sentence may look like a code (*yes*, *ja*), so where a language is known for every column, the
    line must name these.
    """
    cells = [cell.strip() for cell in row]
    codes = cells[1:] if cells[0] in _ID_HEADERS else cells
    if len(codes) < 2 or not all(re.fullmatch(r"[a-z]{2,3}(-\w+)?", c) and is_language(c) for c in codes):
        return None
    if said is not None and len(said) == len(cells):
        return cells if {iso639_3(code) for code in codes} == {iso639_3(each) for each in said} else None
    return cells


def _languages_of_name(file: Path) -> list[str] | None:
    """``eng`` and ``deu`` of ``tatoeba.eng-deu.tsv``."""
    said = file.stem.rpartition(".")[2].split("-")
    return said if len(said) == 2 and all(map(is_language, said)) else None


def _check_distinct(isos: Sequence[str], file: Path | None) -> None:
    for iso in isos:
        if isos.count(iso) > 1:
            raise InputError(f"{display_name(iso)} ({iso}) is there twice; keep one.", file=file)


def _only(corpus: ParallelCorpus, languages: Sequence[str]) -> ParallelCorpus:
    texts = {iso639_3(language): corpus.texts(language) for language in languages}
    return _corpus(corpus.name, corpus.ids(), texts)


def _corpus(
    name: str, ids: Sequence[str], texts: Mapping[str, Sequence[str]], left_out: tuple[str, ...] = ()
) -> ParallelCorpus:
    sentences = pd.DataFrame(
        {
            "id": pd.array([id for _ in texts for id in ids], dtype="str"),
            "language": pd.array([iso for iso in texts for _ in ids], dtype="str"),
            "text": pd.array([text for column in texts.values() for text in column], dtype="str"),
        }
    )
    digest = hashlib.sha256()
    for iso, column in texts.items():
        for id, text in zip(ids, column, strict=True):
            digest.update(f"{id}\t{iso}\t{text}\n".encode())
    return ParallelCorpus(name, tuple(texts), sentences, digest.hexdigest()[:32], left_out)
