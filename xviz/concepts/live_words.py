"""The words of a sentence that somebody types, in any script.

Words are what stands between spaces; punctuation at their edges is a word of its own, as in Universal
Dependencies. A script that puts no spaces between words is cut where the reader puts spaces (which the
network then does not see); where there are none, each piece of the tokenizer is taken for a word.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xviz.corpora.languages import dominant_script
from xviz.errors import InputError

Span = tuple[int, int]

MOST_CHARACTERS = 1000
LONGEST_TYPED_WORD = 15
"""Characters; what is longer, in a script without spaces, is a phrase and not a word."""

WITHOUT_SPACES = {
    "Hani": "Chinese",
    "Jpan": "Japanese",
    "Thai": "Thai",
    "Laoo": "Lao",
    "Khmr": "Khmer",
    "Mymr": "Burmese",
    "Tibt": "Tibetan",
}
"""Scripts (ISO 15924) that put no spaces between words, and what they are called here."""


@dataclass(frozen=True)
class CutSentence:
    """``text``: what the network reads; ``spans``: its words; ``how``: a sentence on how they were cut."""

    text: str
    spans: tuple[Span, ...]
    how: str

    @property
    def forms(self) -> tuple[str, ...]:
        return tuple(self.text[start:end] for start, end in self.spans)


def cut_words(text: str, pieces: Callable[[str], Sequence[Span]]) -> CutSentence:
    """Words of a typed sentence.

    Args:
        pieces: the character spans of a tokenizer's pieces.

    Raises:
        InputError: there is nothing to read, or too much.
    """
    chunks = _readable(text).split()
    if not chunks:
        raise InputError("There is no word to read yet; type a sentence.")
    if sum(map(len, chunks)) > MOST_CHARACTERS:
        raise InputError(f"This is longer than {MOST_CHARACTERS:,} characters; type a single sentence.")
    scripts = [dominant_script([chunk]) for chunk in chunks]
    unspaced = [script in WITHOUT_SPACES for script in scripts]
    beside = [any(unspaced[max(i - 1, 0) : i] + unspaced[i + 1 : i + 2]) for i in range(len(chunks))]
    by_reader = [
        without and near and len(chunk) <= LONGEST_TYPED_WORD
        for chunk, without, near in zip(chunks, unspaced, beside, strict=True)
    ]
    glued = list(by_reader)
    for i, chunk in enumerate(chunks):  # punctuation that was set off between words that were
        glued[i] = glued[i] or (i > 0 and glued[i - 1] and all(map(_is_punctuation, chunk)))
    joined, starts = "", []
    for i, chunk in enumerate(chunks):
        if i and not (glued[i] and glued[i - 1]):
            joined += " "
        starts.append(len(joined))
        joined += chunk
    found = _Pieces(joined, pieces)
    spans: list[Span] = []
    for start, chunk, without, typed in zip(starts, chunks, unspaced, by_reader, strict=True):
        if not without:
            spans += _without_punctuation(chunk, start)
            continue
        for part in _at_punctuation(chunk, start):
            spans += [part] if typed else found.within(part)
    return CutSentence(joined, tuple(spans), _how(scripts, unspaced, by_reader))


def _readable(text: str) -> str:
    """Without control characters, whatever was pasted."""
    return "".join(
        " " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c
        for c in text
        if unicodedata.category(c) not in ("Cs", "Cn")
    )


def _is_punctuation(character: str) -> bool:
    return unicodedata.category(character).startswith("P")


def _without_punctuation(chunk: str, start: int) -> list[Span]:
    """The chunk, and the punctuation before and after it; a run of one sign ("...") stays together."""
    core = [i for i, character in enumerate(chunk) if not _is_punctuation(character)]
    if not core:
        return _signs(chunk, start)
    first, last = core[0], core[-1] + 1
    return [
        *_signs(chunk[:first], start),
        (start + first, start + last),
        *_signs(chunk[last:], start + last),
    ]


def _signs(run: str, start: int) -> list[Span]:
    spans, place = [], start
    for _, group in itertools.groupby(run):
        length = len(list(group))
        spans.append((place, place + length))
        place += length
    return spans


def _at_punctuation(chunk: str, start: int) -> list[Span]:
    """Parts between punctuation, and the punctuation itself."""
    spans: list[Span] = []
    place = start
    for punctuation, group in itertools.groupby(chunk, _is_punctuation):
        part = "".join(group)
        spans += _signs(part, place) if punctuation else [(place, place + len(part))]
        place += len(part)
    return spans


class _Pieces:
    """The pieces of a text, asked for only where a script needs them."""

    def __init__(self, text: str, of: Callable[[str], Sequence[Span]]):
        self._text, self._of = text, of
        self._found: Sequence[Span] | None = None

    def within(self, part: Span) -> list[Span]:
        """Pieces inside a span; what shares a character (its bytes) with the piece before it, or begins with
        a mark (a vowel sign), joins that piece."""
        if self._found is None:
            self._found = self._of(self._text)
        spans: list[Span] = []
        for start, end in sorted(self._found):
            start, end = max(start, part[0]), min(end, part[1])
            if start >= end:
                continue
            joins = spans and (start < spans[-1][1] or unicodedata.category(self._text[start])[0] == "M")
            if joins:
                spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
            else:
                spans.append((start, end))
        return spans or [part]


def _how(scripts: Sequence[str], unspaced: Sequence[bool], by_reader: Sequence[bool]) -> str:
    if not any(unspaced):
        return "Words are cut at spaces; punctuation stands alone."
    names = dict.fromkeys(WITHOUT_SPACES[s] for s, without in zip(scripts, unspaced, strict=True) if without)
    which = " and ".join(names)
    if all(typed for typed, without in zip(by_reader, unspaced, strict=True) if without):
        return f"{which}: words are cut at your spaces, which the network does not see."
    return (
        f"{which} puts no spaces between words: each piece of the tokenizer is taken for a word. "
        "Put spaces where the words end to cut them yourself."
    )
