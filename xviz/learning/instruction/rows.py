"""Instruction rows: a file a language, the same ids in each (the layout of Bactrian-X; Li et al., 2023).

``<language>.jsonl`` has one object a line, ``<language>.json`` a list of them: ``id``, ``instruction``,
``input`` (may be empty or left out), ``output``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xviz.corpora.languages import display_name, is_language, iso639_3
from xviz.corpora.reader import lines_of, text_of
from xviz.errors import InputError

SAMPLE = Path(__file__).parent / "sample"


@dataclass(frozen=True)
class Row:
    """One instruction in one language."""

    id: str
    instruction: str
    input: str
    output: str


@dataclass(frozen=True)
class Instructions:
    """The same instructions in several languages.

    ``rows``: of each language (ISO 639-3), those with an id that every language has, in the order of the
    first language. ``left_out``: ids that some language lacks.
    """

    name: str
    rows: Mapping[str, tuple[Row, ...]]
    left_out: tuple[str, ...] = ()

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(self.rows)

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(row.id for row in next(iter(self.rows.values())))

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits; equal where languages and rows are."""
        content = {iso: [list(vars(row).values()) for row in rows] for iso, rows in self.rows.items()}
        return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()[:32]

    def only(self, ids: Sequence[str]) -> Instructions:
        """The same without the other ids."""
        kept = set(ids)
        rows = {iso: tuple(row for row in rows if row.id in kept) for iso, rows in self.rows.items()}
        return Instructions(self.name, rows, self.left_out)


def open_instructions(place: str | Path, *, languages: Sequence[str] | None = None) -> Instructions:
    """A folder of ``<language>.jsonl`` or ``<language>.json``, or ``sample``, the bundled one.

    Args:
        place: the folder.
        languages: those to read (codes or names), in this order, the first being the pivot; None is all.

    Raises:
        InputError: no such folder or file, a row that lacks a field, an id twice, no id in common.
    """
    folder = SAMPLE if str(place) == "sample" else Path(place).expanduser()
    files = _files(folder)
    wanted = [iso639_3(language) for language in languages] if languages is not None else sorted(files)
    for iso in wanted:
        if iso not in files:
            raise InputError(
                f"There are no instructions in {display_name(iso)} ({iso}.jsonl); there are "
                f"{', '.join(sorted(files))}.",
                file=folder,
            )
    by_id = {iso: {row.id: row for row in read_rows(files[iso])} for iso in wanted}
    everywhere = [id for id in by_id[wanted[0]] if all(id in rows for rows in by_id.values())]
    if not everywhere:
        raise InputError(f"{', '.join(wanted)} have no id in common.", file=folder)
    rows = {iso: tuple(of[id] for id in everywhere) for iso, of in by_id.items()}
    some = dict.fromkeys(id for of in by_id.values() for id in of)
    return Instructions(folder.name, rows, tuple(id for id in some if id not in set(everywhere)))


def read_rows(file: Path) -> list[Row]:
    """The rows of one file.

    Raises:
        InputError: what is not JSON, or not such a row; the sentence names the line.
    """
    rows: list[Row] = []
    seen: dict[str, int] = {}
    for line, fields in _objects(file):
        if not isinstance(fields, dict):
            raise InputError("A row is an object with id, instruction, input, output.", file=file, line=line)
        missing = [name for name in ("id", "instruction", "output") if not _said(fields.get(name))]
        if missing:
            raise InputError(f"This row has no {missing[0]}.", file=file, line=line)
        id = str(fields["id"])
        if id in seen:
            raise InputError(f"The id {id} stands in line {seen[id]} already.", file=file, line=line)
        seen[id] = line
        texts = (str(fields.get(name) or "").strip() for name in ("instruction", "input", "output"))
        rows.append(Row(id, *texts))
    if not rows:
        raise InputError("This file holds no rows.", file=file)
    return rows


def _objects(file: Path) -> list[tuple[int, Any]]:
    """What a file holds, with the line (of a list: the number) that it stands in."""
    try:
        if file.suffix == ".json":
            content = json.loads(text_of(file))
            return list(enumerate(content if isinstance(content, list) else [content], start=1))
    except json.JSONDecodeError as error:
        raise InputError("This file is not valid JSON.", file=file, line=error.lineno) from error
    objects = []
    for number, line in enumerate(lines_of(file), start=1):
        if line.strip():
            try:
                objects.append((number, json.loads(line)))
            except json.JSONDecodeError:
                raise InputError("This line is not valid JSON.", file=file, line=number) from None
    return objects


def _said(value: Any) -> bool:
    return isinstance(value, int) or (isinstance(value, str) and bool(value.strip()))


def _files(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise InputError("There is no such folder of instructions (or write `sample`).", file=folder)
    files: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        if file.suffix in (".json", ".jsonl") and is_language(file.stem):
            iso = iso639_3(file.stem)
            if iso in files:
                raise InputError(
                    f"{display_name(iso)} has two files here, {files[iso].name} and {file.name}; keep one.",
                    file=folder,
                )
            files[iso] = file
    if not files:
        raise InputError(
            "No instructions lie here; expected are files <language>.jsonl (deu.jsonl) with id, instruction, "
            "input, output.",
            file=folder,
        )
    return files
