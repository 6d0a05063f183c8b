"""A sentence with its dependency tree as arcs: what is drawn where, before any pixel.

Words stand in a row in the order of reading; an arc leads from a head to each of its dependents, above the
words. An arc lies one level above every arc that it spans or crosses the end of, so that no two arcs of one
level overlap; a projective tree has no crossings. How wide words are is known only where they are drawn, so
places are counted in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from xviz.figures.palette import on_dark, style_of


@dataclass(frozen=True)
class TreeWord:
    """One word: ``head`` is the position of its head (from 1), 0 for a root, -1 where it has none here."""

    form: str
    upos: str
    relation: str
    head: int


@dataclass(frozen=True)
class Arc:
    """From ``head`` to ``dependent`` (positions from 0), at ``level`` (from 1)."""

    head: int
    dependent: int
    relation: str
    level: int


def arcs_of(words: Sequence[TreeWord]) -> list[Arc]:
    """The arcs of a tree, the shortest first."""
    spans = sorted(
        (abs(word.head - 1 - i), min(word.head - 1, i), i)
        for i, word in enumerate(words)
        if 0 < word.head <= len(words) and word.head - 1 != i
    )
    placed: list[tuple[int, int, int]] = []
    arcs = []
    for length, low, i in spans:
        high = low + length
        beneath = [level for a, b, level in placed if a < high and low < b]
        level = 1 + max(beneath, default=0)
        placed.append((low, high, level))
        arcs.append(Arc(words[i].head - 1, i, words[i].relation, level))
    return arcs


def dependency_tree(
    words: Sequence[TreeWord], *, marked: int | None = None, right_to_left: bool = False
) -> dict[str, Any]:
    """What the browser draws.

    Args:
        marked: position (from 0) of the word that is looked at.
        right_to_left: the sentence is read from the right, and so the tree is drawn.

    Returns:
        ``words`` (form, upos, relation, head, colour and colour_on_dark), ``arcs``, ``levels``, ``marked``,
        ``rtl`` and ``alt``, a sentence for readers who don't see it.
    """
    arcs = arcs_of(words)
    drawn = []
    for word in words:
        colour = style_of("upos", word.upos)[0]
        drawn.append(asdict(word) | {"colour": colour, "on_dark": on_dark(colour)})
    return {
        "words": drawn,
        "arcs": [asdict(arc) for arc in arcs],
        "levels": max((arc.level for arc in arcs), default=0),
        "marked": marked,
        "rtl": right_to_left,
        "alt": _told(words),
    }


def _told(words: Sequence[TreeWord]) -> str:
    parts = []
    for word in words:
        if word.head == 0:
            parts.append(f"{word.form} is the root")
        elif 0 < word.head <= len(words):
            parts.append(f"{word.form} is {word.relation} of {words[word.head - 1].form}")
    return f"Dependency tree of {len(words)} words: " + "; ".join(parts) + "."
