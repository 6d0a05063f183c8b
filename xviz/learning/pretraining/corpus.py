"""Text in, batches out.

A folder of text is read once, cut into tokens, and kept in the store as one memory-mapped array of token
numbers with the bounds of its lines (:class:`Packed`). Of every language the lines with the smallest hashes
are dev: the same lines whatever the seed, and however the file is ordered.

An *epoch* is a plan: of every language a quota of lines in proportion to (its tokens)^alpha, drawn without
replacement until a language is used up and then again; the rows, each padded to the nearest of a few
widths, are dealt into batches of equally many tokens. A plan is a function of (seed, epoch), so batch number
i is the same in every process and after every resumption.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int
from tokenizers import Tokenizer

from xviz.errors import InputError
from xviz.journal import SILENT, Journal
from xviz.learning.pretraining.spec import WIDTHS, BatchSettings, PackedSpec
from xviz.store import Store

PIVOT = "eng"


def read_lines(file: Path) -> list[str]:
    """The lines of a UTF-8 file, stripped; empty ones stay, as empty strings.

    Raises:
        InputError: the file can't be read, or a line is not UTF-8.
    """
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise InputError(f"The file can't be read ({error.strerror}).", file=file) from error
    lines = raw.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    for number, line in enumerate(lines, 1):
        try:
            line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InputError(
                f"The line is not UTF-8 (byte {error.start + 1} is 0x{line[error.start]:02X}); "
                "convert the file.",
                file=file,
                line=number,
            ) from error
    return [line.decode("utf-8").strip() for line in lines]


def read_text(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Language (the file's stem) and its lines, file by file in the order of names.

    Raises:
        InputError: no folder, no ``.txt`` in it, or a file without any text.
    """
    if not folder.is_dir():
        raise InputError("There is no such folder.", file=folder)
    files = sorted(folder.glob("*.txt"))
    if not files:
        raise InputError("The folder holds no <language>.txt.", file=folder)
    for file in files:
        lines = [line for line in read_lines(file) if line]
        if not lines:
            raise InputError("The file holds no text.", file=file)
        yield file.stem, lines


def read_pairs(folder: Path) -> Iterator[tuple[str, dict[str, list[str]]]]:
    """Sets of translations: a name, and for each language equally many lines; line k translates line k.

    Raises:
        InputError: no folder, no translations in it, files of a set that differ in length, a row that is not
            two cells.
    """
    if not folder.is_dir():
        raise InputError("There is no such folder.", file=folder)
    aligned: dict[Path, dict[str, Path]] = defaultdict(dict)
    for file in sorted(folder.rglob("*.txt")):
        name, _, language = file.stem.rpartition(".")
        if name:
            aligned[file.with_name(name)][language] = file
    tables = [file for file in sorted(folder.rglob("*.tsv")) if file.stem.rpartition(".")[2].count("-") == 1]
    if not aligned and not tables:
        raise InputError(
            "The folder holds no translations (<set>.<language>.txt or <set>.<language>-<language>.tsv).",
            file=folder,
        )
    for stem, files in aligned.items():
        texts = {language: read_lines(file) for language, file in files.items()}
        first = next(iter(texts))
        for language, lines in texts.items():
            if len(lines) != len(texts[first]):
                raise InputError(
                    f"The file has {len(lines)} lines and {files[first].name} has {len(texts[first])}; "
                    "line k must translate line k.",
                    file=files[language],
                )
        yield str(stem.relative_to(folder)), texts
    for file in tables:
        rows = [line.split("\t") for line in read_lines(file)]
        for number, row in enumerate(rows, 1):
            if len(row) != 2:
                raise InputError(f"The row has {len(row)} cells, not 2.", file=file, line=number)
        one, other = file.stem.rpartition(".")[2].split("-")
        texts = {one: [row[0].strip() for row in rows], other: [row[1].strip() for row in rows]}
        yield str(file.relative_to(folder)), texts


@dataclass(frozen=True)
class Packed:
    """Lines as token numbers, without special tokens.

    ``tokens`` is all lines one after another (uint16, memory-mapped), line i is
    ``tokens[bounds[i]:bounds[i + 1]]``. ``train`` and ``dev`` hold, for each language of text, the numbers of
    its lines; for each set of translations, a table ``[rows, languages]`` of numbers of lines.
    """

    tokens: np.ndarray
    bounds: np.ndarray
    train: dict[str, np.ndarray]
    dev: dict[str, np.ndarray]
    languages: dict[str, list[str]]
    """The languages of each set of translations (of text: the language itself)."""

    def line(self, i: int) -> np.ndarray:
        return self.tokens[self.bounds[i] : self.bounds[i + 1]]

    @functools.cached_property
    def lengths(self) -> np.ndarray:
        return np.diff(self.bounds)


def obtain_packed(
    spec: PackedSpec, tokenizer: Tokenizer, *, store: Store, journal: Journal = SILENT
) -> Packed:
    """The packed folder of ``spec``, from the store or cut into tokens now."""
    entry = store.obtain(spec, lambda folder: _pack(spec, tokenizer, folder, journal), journal=journal)
    index = json.loads(entry.file("index.json").read_text("utf-8"))
    rows = np.load(entry.file("rows.npz"))
    return Packed(
        tokens=np.load(entry.file("tokens.npy"), mmap_mode="r"),
        bounds=np.load(entry.file("bounds.npy")),
        train={name: rows[f"train/{name}"] for name in index},
        dev={name: rows[f"dev/{name}"] for name in index},
        languages=index,
    )


def _pack(spec: PackedSpec, tokenizer: Tokenizer, folder: Path, journal: Journal) -> None:
    journal.stage(f"Cutting {spec.folder} into tokens")
    pieces: list[np.ndarray] = []
    lengths: list[int] = []
    rows: dict[str, np.ndarray] = {}
    index: dict[str, list[str]] = {}

    def add(lines: Sequence[str]) -> np.ndarray:
        first = len(lengths)
        encoded = tokenizer.encode_batch_fast(list(lines), add_special_tokens=False)
        lengths.extend(len(e.ids) for e in encoded)
        pieces.append(np.concatenate([np.asarray(e.ids, dtype=np.uint16) for e in encoded]))
        return np.arange(first, first + len(lines))

    place = Path(spec.folder)
    sets = read_pairs(place) if spec.paired else ((name, {name: lines}) for name, lines in read_text(place))
    for name, texts in sets:
        numbers = np.stack([add(lines) for lines in texts.values()], axis=1)
        index[name] = list(texts)
        key = texts[PIVOT] if PIVOT in texts else next(iter(texts.values()))
        order = np.argsort([hashlib.sha256(line.encode()).digest()[:8] for line in key], kind="stable")
        held = np.zeros(len(key), dtype=bool)
        held[order[: min(spec.dev, len(key) // 10)]] = True
        rows[f"train/{name}"], rows[f"dev/{name}"] = numbers[~held], numbers[held]
    np.save(folder / "tokens.npy", np.concatenate(pieces))
    np.save(folder / "bounds.npy", np.concatenate([[0], np.cumsum(lengths)]))
    np.savez(folder / "rows.npz", allow_pickle=False, **rows)
    (folder / "index.json").write_text(json.dumps(index, ensure_ascii=False), "utf-8")


def text_epoch(packed: Packed, settings: BatchSettings, seed: int, epoch: int) -> Int[np.ndarray, "rows 1"]:
    """About as many tokens as the text has, languages in proportion to (their tokens)^alpha."""
    sizes = {name: int(packed.lengths[lines].sum()) for name, lines in packed.train.items()}
    weights = {name: size**settings.alpha for name, size in sizes.items() if size}
    if not weights:
        return np.zeros((0, 1), dtype=np.int64)
    scale = sum(sizes.values()) / sum(weights.values())
    drawn = []
    for name, weight in weights.items():
        lines = packed.train[name][:, 0]
        quota = max(1, round(scale * weight / (sizes[name] / len(lines))))
        drawn.append(_without_replacement(lines, quota * epoch, quota, seed=[seed, *name.encode()]))
    return np.concatenate(drawn)[:, None]


def pairs_epoch(packed: Packed, seed: int, epoch: int) -> Int[np.ndarray, "rows 2"]:
    """Every line of every language (but the pivot) once, with a translation, in either order.

    In a set of more than two languages the partner is the pivot half of the time, else any other language.
    """
    rng = np.random.default_rng([seed, epoch, 1])
    drawn = [np.zeros((0, 2), dtype=np.int64)]
    for name, table in packed.train.items():
        pivot = _pivot(packed.languages[name])
        for own in range(table.shape[1]):
            if own == pivot:
                continue
            other = rng.integers(table.shape[1] - 1, size=len(table))
            other = np.where(rng.random(len(table)) < 0.5, pivot, other + (other >= own))
            pairs = np.stack([table[:, own], table[np.arange(len(table)), other]], axis=1)
            flip = rng.random(len(table)) < 0.5
            drawn.append(np.where(flip[:, None], pairs[:, ::-1], pairs))
    return np.concatenate(drawn)


def dev_rows(packed: Packed, *, most: int = 600) -> Int[np.ndarray, "rows lines"]:
    """Rows of the dev slice (a sample, if there are more than ``most``); of translations: pivot, other."""
    held = []
    for name, table in packed.dev.items():
        if packed.languages[name] == [name]:
            held.append(table)
            continue
        pivot = _pivot(packed.languages[name])
        held += [table[:, [pivot, own]] for own in range(table.shape[1]) if own != pivot]
    rows = np.concatenate(held)
    chosen = np.random.default_rng(0).permutation(len(rows))[:most]
    return rows[np.sort(chosen)]


def deal(
    rows: Int[np.ndarray, "rows lines"],
    packed: Packed,
    settings: BatchSettings,
    *,
    frame: int,
    seed: Sequence[int] | None,
) -> list[tuple[int, Int[np.ndarray, "batch lines"]]]:
    """Deal rows into batches of one width each: (width, rows). Empty lines and too long pairs are left out.

    Args:
        rows: what to deal; a row is one line, or two that translate one another.
        packed: where their lengths are.
        settings: tokens a batch, longest row.
        frame: special tokens of a row of one line (a row of two has one more).
        seed: shuffles rows and batches, and leaves out the rows that fill no whole batch; None keeps the
            order and every row.
    """
    lines = packed.lengths[rows]
    lengths = lines.sum(axis=1) + frame + rows.shape[1] - 1
    if rows.shape[1] == 1:
        lengths = np.minimum(lengths, settings.longest)
    lengths[(lines == 0).any(axis=1)] = 0
    rng = np.random.default_rng(seed) if seed is not None else None
    batches = []
    for narrower, width in zip((0, *WIDTHS), WIDTHS, strict=False):
        inside = np.flatnonzero((lengths > narrower) & (lengths <= width))
        if rng is not None:
            inside = rng.permutation(inside)
        size = max(1, settings.tokens // width)
        for start in range(0, len(inside), size):
            chosen = inside[start : start + size]
            if rng is None or len(chosen) == size or len(inside) < size:
                batches.append((width, rows[chosen]))
    if rng is not None:
        batches = [batches[i] for i in rng.permutation(len(batches))]
    return batches


def _pivot(languages: list[str]) -> int:
    return languages.index(PIVOT) if PIVOT in languages else 0


def _without_replacement(items: np.ndarray, start: int, count: int, *, seed: Sequence[int]) -> np.ndarray:
    """Items number ``start`` to ``start + count`` of an endless run through new shuffles of ``items``."""
    passes = range(start // len(items), (start + count - 1) // len(items) + 1)
    shuffles = [np.random.default_rng([*seed, n]).permutation(items) for n in passes]
    begin = start - passes[0] * len(items)
    return np.concatenate(shuffles)[begin : begin + count]
