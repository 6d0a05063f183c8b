"""Treebanks on this machine: found in any folder laid out as UD, chosen by name or by language.

Three layouts are understood, and any nesting of them (an unpacked release, a folder of checkouts):
``UD_German-PUD/de_pud-ud-{train,dev,test}.conllu``, where a large train set may lie in several files
(``-train-a-1``, ``-train-a-2``); plain ``*.conllu`` files; and a single file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from xviz.corpora import languages
from xviz.corpora.catalogue import by_prefix, catalogue, without_ud
from xviz.corpora.nearest import nearest
from xviz.corpora.partition import checked_partition
from xviz.corpora.spec import Multiword, Split, TreebankSpec
from xviz.errors import InputError

SAMPLE = Path(__file__).with_name("sample")

_SPLITS: tuple[Split, ...] = ("train", "dev", "test")
_UD_FILE = re.compile(r"(?P<prefix>.+)-(?P<split>train|dev|test)(-[A-Za-z0-9-]+)?\.conllu")
_Parts = dict[Split, list[Path]]
_DEPTH = 6  # levels of folders that are searched
_README_LICENCE = re.compile(r"^License:\s*(\S.*?)\s*$", re.MULTILINE)
_NAMED_LICENCE = re.compile(r"CC[ -]BY(?:-[A-Z]{2})*[ -]?\d\.\d|CC0 ?\d\.\d|GNU [A-Z ]+\d\.\d", re.IGNORECASE)


@dataclass(frozen=True)
class TreebankFiles:
    """A treebank on this machine.

    ``files``: the files of each part, in the order train, dev, test; ``all`` alone for a plain file that says
    no part. ``language``: ISO 639-3, ``und`` where nothing tells it. ``scripts``: ISO 15924.
    """

    name: str
    language: str
    language_name: str
    folder: Path
    files: dict[Split, tuple[Path, ...]]
    licence: str
    family: str
    genus: str
    scripts: tuple[str, ...]

    @property
    def splits(self) -> tuple[Split, ...]:
        return tuple(self.files)

    @property
    def all_files(self) -> tuple[Path, ...]:
        return tuple(file for files in self.files.values() for file in files)


def find_treebanks(data: str | Path) -> list[TreebankFiles]:
    """Every treebank under ``data``: a folder, one CoNLL-U file, or ``sample`` (the bundled one), by name.

    Raises:
        InputError: ``data`` does not exist, or no treebank lies there.
    """
    if str(data) == "sample":
        found = _in_folder(SAMPLE) if SAMPLE.is_dir() else []
        if not found:
            raise InputError(
                "The bundled sample is empty in this installation; give a folder of treebanks instead.",
                file=SAMPLE,
            )
        return found
    path = Path(os.path.abspath(Path(data).expanduser()))  # "." has a name then, and a link keeps its own
    if path.is_file():
        return list(_grouped([path], path.parent))
    if not path.is_dir():
        raise InputError("There is no such folder or file of treebanks (or write `sample`).", file=data)
    found = _in_folder(path)
    if not found:
        raise InputError(
            "No treebank lies here; expected are folders such as UD_German-PUD "
            "with files such as de_pud-ud-test.conllu, or plain *.conllu files.",
            file=data,
        )
    return found


def choose(
    data: str | Path,
    names: Iterable[str] | None = None,
    *,
    split: Split | None = None,
    partition: Sequence[int] | None = None,
    multiword: Multiword = "syntactic",
) -> list[TreebankSpec]:
    """The specifications of the treebanks that ``names`` name, in that order.

    Args:
        data: folder, file, or ``sample``.
        names: names of treebanks (``UD_`` optional, any case), or a language (any code or name) that has
            exactly
            one treebank there; None for every treebank.
        split: the part that is read; None is train, else the only part there. ``all`` reads every file.
        partition: percentages train, dev, test by hash of ``sent_id``, over all files of the treebank.
        multiword: how multiword tokens are read.

    Raises:
        InputError: an unknown name (the nearest are named), a language with several treebanks (they are
            named),
            a part that is not there, a partition that does not add up to 100.
    """
    known = find_treebanks(data)
    if isinstance(names, str):
        names = [name for name in names.split(",") if name.strip()]
    chosen = known if names is None else [_named(name.strip(), known, data) for name in names]
    for treebank in chosen:
        _check_one_place(treebank, known)
    percentages = checked_partition(tuple(partition)) if partition is not None else None
    specs = [_spec(treebank, split, percentages, multiword) for treebank in chosen]
    return list(dict.fromkeys(specs))  # named twice, read once


def _spec(
    treebank: TreebankFiles, split: Split | None, partition: tuple[int, int, int] | None, multiword: Multiword
) -> TreebankSpec:
    if split not in (None, "all", *_SPLITS):
        raise InputError(f"A split is train, dev, test or all, not {split!r}.")
    if partition is not None and split != "all":
        part: Split = split or "train"
        if partition[_SPLITS.index(part)] == 0:
            raise InputError(
                f"The partition {','.join(map(str, partition))} leaves nothing for {part}; "
                "choose other percentages or another split."
            )
        files = treebank.all_files
    else:
        part, partition = split or _default_split(treebank), None
        files = treebank.all_files if part == "all" else treebank.files.get(part, ())
        if not files:
            raise InputError(f"{treebank.name} has no {part} part; {_what_to_choose(treebank)}")
    return TreebankSpec(
        name=treebank.name,
        language=treebank.language,
        files=tuple(str(file) for file in files),
        split=part,
        partition=partition,
        multiword=multiword,
    )


def _default_split(treebank: TreebankFiles) -> Split:
    if "train" in treebank.files:
        return "train"
    if len(treebank.files) == 1:
        return treebank.splits[0]
    raise InputError(f"{treebank.name} has no train part; {_what_to_choose(treebank)}")


def _what_to_choose(treebank: TreebankFiles) -> str:
    if treebank.splits == ("all",):
        return "it is not divided: choose the split all, or give a partition (60,20,20)."
    parts = " and ".join(treebank.splits)
    return f"it has {parts}: choose one of these or all, or give a partition (60,20,20)."


def _named(name: str, known: Sequence[TreebankFiles], data: str | Path) -> TreebankFiles:
    wanted = without_ud(name).casefold()
    for treebank in known:
        if without_ud(treebank.name).casefold() == wanted:
            return treebank
    if languages.is_language(name):
        iso = languages.iso639_3(name)
        of_language = [t for t in known if t.language == iso]
        if not of_language:  # "no" where only Nynorsk lies
            of_language = [t for t in known if languages.macrolanguage(t.language) == iso]
        if len(of_language) == 1:
            return of_language[0]
        if of_language:
            several = ", ".join(treebank.name for treebank in of_language)
            raise InputError(
                f"{languages.display_name(iso)} has {len(of_language)} treebanks here ({several}); "
                "name the one you mean.",
                file=data,
            )
        raise InputError(
            f"No treebank of {languages.display_name(iso)} ({iso}) lies here; {_there_are(known)}", file=data
        )
    near = nearest(
        without_ud(name), [*(without_ud(t.name) for t in known), *(t.language_name for t in known)]
    )
    raise InputError(f"No treebank here is called {name!r}{near}; {_there_are(known)}", file=data)


def _there_are(known: Sequence[TreebankFiles]) -> str:
    shown = ", ".join(treebank.name for treebank in known[:5])
    more = f" and {len(known) - 5} more" if len(known) > 5 else ""
    return f"there are {shown}{more} (`xviz corpora --data` lists them)."


def _check_one_place(treebank: TreebankFiles, known: Sequence[TreebankFiles]) -> None:
    places = [other.folder for other in known if other.name == treebank.name]
    if len(places) > 1:
        raise InputError(
            f"{treebank.name} lies in {len(places)} places ({', '.join(map(str, places))}); "
            "give the one that you mean as data."
        )


def _in_folder(root: Path) -> list[TreebankFiles]:
    found: list[TreebankFiles] = []
    seen: set[Path] = set()
    waiting = [(root, 0)]
    while waiting:
        folder, depth = waiting.pop()
        real = folder.resolve()
        if real in seen:  # a link that leads back
            continue
        seen.add(real)
        try:
            with os.scandir(folder) as entries:
                inside = sorted((entry for entry in entries if entry.name[0] != "."), key=lambda e: e.name)
        except PermissionError:
            raise InputError("This folder may not be read.", file=folder) from None
        files = [Path(e.path) for e in inside if e.name.endswith(".conllu") and e.is_file()]
        if files:
            found.extend(_grouped(files, folder))
        # A checkout of a treebank also holds what is not released (not-to-release/): nothing is read below
        # it.
        if depth < _DEPTH and not (files and _is_ud(folder)):
            waiting.extend((Path(e.path), depth + 1) for e in inside if e.is_dir())
    return sorted(found, key=lambda treebank: (treebank.name, str(treebank.folder)))


def _is_ud(folder: Path) -> bool:
    return folder.name.startswith("UD_")


def _grouped(files: Sequence[Path], folder: Path) -> Iterator[TreebankFiles]:
    """The treebanks that the files of one folder make up."""
    parts: dict[str, _Parts] = {}
    plain = []
    for file in files:
        match = _UD_FILE.fullmatch(file.name)
        if match:
            part = parts.setdefault(match["prefix"], {})
            part.setdefault(cast(Split, match["split"]), []).append(file)
        else:
            plain.append(file)
    if _is_ud(folder):  # one treebank, whatever its files are called
        merged: _Parts = {"all": plain} if not parts else {}
        for part in parts.values():
            for split, some in part.items():
                merged.setdefault(split, []).extend(some)
        yield _treebank(folder.name, next(iter(parts), ""), folder, merged)
        return
    for prefix, part in parts.items():
        known = by_prefix(prefix)
        yield _treebank(known.treebank if known else prefix.removesuffix("-ud"), prefix, folder, part)
    for file in plain:
        yield _treebank(file.stem, file.stem, folder, {"all": [file]})


def _treebank(name: str, prefix: str, folder: Path, parts: _Parts) -> TreebankFiles:
    known = catalogue().get(name) or by_prefix(prefix)
    language = known.iso639_3 if known else _guessed_language(name, prefix)
    return TreebankFiles(
        name=name,
        language=language,
        language_name=languages.display_name(language),
        folder=folder,
        files={split: tuple(sorted(parts[split])) for split in (*_SPLITS, "all") if parts.get(split)},
        licence=_licence(folder) if _is_ud(folder) else "",
        family=known.family if known else languages.family(language),
        genus=known.genus if known else languages.genus(language),
        scripts=known.scripts if known else languages.scripts(language),
    )


def _guessed_language(name: str, prefix: str) -> str:
    """What the names of a treebank that the catalogue does not know say of its language."""
    if name.startswith("UD_") and "-" in name:
        said = without_ud(name).partition("-")[0].replace("_", " ")
    elif prefix.endswith("-ud"):
        said = prefix.partition("_")[0]
    else:
        said = prefix if len(prefix) <= 3 else ""
    return languages.iso639_3(said) if said and languages.is_language(said) else languages.UNDETERMINED


def _licence(folder: Path) -> str:
    """The licence as the README's metadata name it, else as LICENSE.txt does; empty where neither says."""
    for name in ("README.md", "README.txt"):
        match = _README_LICENCE.search(_read(folder / name))
        if match:
            return match[1]
    match = _NAMED_LICENCE.search(_read(folder / "LICENSE.txt"))
    if match:
        return match[0]
    return _licence(SAMPLE) if folder.parent == SAMPLE else ""  # the sample has one licence for all


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8", errors="replace")
    except OSError:
        return ""
