"""What is known of every UD treebank of releases 2.10 and 2.18: language, family, scripts, file names.

``catalogue.tsv`` lists facts collected by the Universal Dependencies project (docs-automation, Apache 2.0),
in a layout of our own: families are spelled out, Chinese is ``zho`` and the two written forms of Norwegian
are ``nob`` and ``nno``, as their translations are labelled elsewhere. ``role`` names the part that a
treebank plays in paper A (METHODS.md, section 1): meta-train, target, low-resource, parallel.
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from xviz.corpora.nearest import nearest
from xviz.errors import InputError

FILE = Path(__file__).with_name("catalogue.tsv")


@dataclass(frozen=True)
class KnownTreebank:
    """One row of the catalogue.

    ``treebank``: folder name, ``UD_German-PUD``. ``prefix``: its files are ``<prefix>-<split>.conllu``.
    ``scripts``: ISO 15924. ``releases``: those of 2.10 and 2.18 that hold it.
    """

    treebank: str
    language: str
    iso639_3: str
    family: str
    genus: str
    scripts: tuple[str, ...]
    prefix: str
    releases: tuple[str, ...]
    role: tuple[str, ...]

    @property
    def code(self) -> str:
        """The code of the language in UD, ``de`` (two letters where there are two)."""
        return self.prefix.partition("_")[0]

    @property
    def repository(self) -> str:
        """Where it is developed, and where its README and licence can be read."""
        return f"https://github.com/UniversalDependencies/{self.treebank}"


@functools.cache
def catalogue() -> Mapping[str, KnownTreebank]:
    """Every known treebank by its folder name."""
    with FILE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    known = {}
    for row in rows:
        fields: dict[str, Any] = dict(row)
        several = {
            name: tuple(filter(None, row[name].split(","))) for name in ("scripts", "releases", "role")
        }
        known[row["treebank"]] = KnownTreebank(**(fields | several))
    return MappingProxyType(known)


def by_prefix(prefix: str) -> KnownTreebank | None:
    """The treebank whose files begin with ``prefix`` (``de_pud-ud``)."""
    return next((known for known in catalogue().values() if known.prefix == prefix), None)


def known_treebank(name: str) -> KnownTreebank:
    """The catalogue's row of ``name``, with or without ``UD_``, in any case.

    Raises:
        InputError: there is none; the message names the nearest ones.
    """
    wanted = without_ud(name).casefold()
    for known in catalogue().values():
        if without_ud(known.treebank).casefold() == wanted:
            return known
    near = nearest(without_ud(name), map(without_ud, catalogue()))
    raise InputError(
        f"The catalogue knows no treebank {name}{near}. `UD_Language-Name` is what it looks for."
    )


def without_ud(name: str) -> str:
    """``German-PUD`` of ``UD_German-PUD``."""
    return name[3:] if name[:3].upper() == "UD_" else name
