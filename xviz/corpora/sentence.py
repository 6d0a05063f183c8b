"""One sentence of a CoNLL-U file: its lines, checked, as words with spans of text.

The columns are parsed by the ``conllu`` library. Around it we check what it lets pass: it takes two spaces
for a column separator, accepts rows of nine or eleven columns, and looks neither at the order of the ids
nor at the tree. Every fault is an :class:`~xviz.errors.InputError` with file and line; nothing is repaired
in silence.

Format: https://universaldependencies.org/format.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from conllu.exceptions import ParseException
from conllu.parser import DEFAULT_FIELDS, parse_comment_line, parse_id_value, parse_int_value, parse_line

from xviz.corpora.multiword import merge_multiword
from xviz.corpora.spec import Multiword
from xviz.errors import InputError

UPOS = (
    "ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "PART", "PRON", "PROPN", "PUNCT",
    "SCONJ", "SYM", "VERB", "X",
)  # fmt: skip

_UPOS = {*UPOS, "_"}  # "_": not annotated; kept, since the relations of the sentence may be
_PARSERS = {
    "id": lambda columns, i: parse_id_value(columns[i]),
    "head": lambda columns, i: parse_int_value(columns[i]),
}
_SPACE = "\0"  # stands for a space where a line has two in a row (see above)

Line = tuple[int, str]


@dataclass
class Sentence:
    """Words 1..n that form a tree, and the text that they were written as.

    ``words``: dictionaries with id, form, lemma, upos, feats, head, deprel. ``spans``: start and end of each
    word in ``text``, in characters; words inside one multiword token share the token's span.
    """

    sent_id: str | None
    line: int
    text: str
    words: list[dict[str, Any]]
    spans: list[tuple[int, int]]


@dataclass
class _Token:
    """What stands in the text: a word, or a multiword token with the words ``first`` to ``last``."""

    first: int
    last: int
    form: str
    space_after: bool
    is_range: bool
    line: int


def parse_sentence(lines: Sequence[Line], *, file: Path, multiword: Multiword) -> Sentence | None:
    """The sentence written in a block of lines (with their numbers); None for a block of remarks alone.

    Raises:
        InputError: with file and line, for anything that is not CoNLL-U or not a tree.
    """
    return _Parser(file).parse(lines, multiword)


class _Parser:
    """State of one sentence while its lines go by."""

    def __init__(self, file: Path):
        self.file = file
        self.sent_id: str | None = None
        self.has_text = False
        self.words: list[dict[str, Any]] = []
        self.word_lines: list[int] = []
        self.tokens: list[_Token] = []
        self.empty_node = (0, 0)

    def parse(self, lines: Sequence[Line], multiword: Multiword) -> Sentence | None:
        for number, line in lines:
            if line.startswith("#"):
                self.comment(number, line)
            else:
                self.row(number, line)
        if not self.words:
            if self.sent_id is not None or self.has_text or self.tokens:
                self.fail("This sentence has no words; add them or remove its comments.", lines[0][0])
            return None
        self.check_last_range()
        self.check_tree()
        text, token_spans = self.text()
        words = self.words
        if multiword == "surface":
            ranges = [(token.first, token.last, token.form) for token in self.tokens if token.is_range]
            words, spans = merge_multiword(words, ranges) if ranges else words, token_spans
        else:
            spans = [
                span
                for token, span in zip(self.tokens, token_spans, strict=True)
                for _ in range(token.first, token.last + 1)
            ]
        return Sentence(self.sent_id, self.word_lines[0], text, words, spans)

    def comment(self, number: int, line: str) -> None:
        if self.words or self.tokens:
            self.fail(
                "A comment stands among the words of a sentence; is the blank line missing before it?", number
            )
        for key, value in parse_comment_line(line):
            if key == "sent_id":
                if self.sent_id is not None:
                    self.fail(f"This sentence has two names, {self.sent_id} and {value}; keep one.", number)
                self.sent_id = value
            elif key == "text":
                self.has_text = True
            elif key == "global.columns" and str(value).lower().split() != list(DEFAULT_FIELDS):
                self.fail(
                    "This is CoNLL-U Plus with columns of its own; "
                    "give plain CoNLL-U with the ten standard columns.",
                    number,
                )

    def row(self, number: int, line: str) -> None:
        columns = line.count("\t") + 1
        if columns != 10:
            self.fail(
                f"This row has {columns} column{'s' if columns > 1 else ''}; "
                "CoNLL-U has ten, separated by single tabs.",
                number,
            )
        word = self.columns(number, line)
        id = word["id"]
        if type(id) is int:
            self.word(word, id, number)
        elif id is None:
            self.fail("The id (column 1) is empty; words are numbered 1, 2, 3, ...", number)
        elif id[1] == "-":
            self.range(word, id[0], id[2], number)
        else:
            self.check_empty_node(id[0], id[2], number)

    def columns(self, number: int, line: str) -> dict[str, Any]:
        shielded = "  " in line
        try:
            word = parse_line(line.replace(" ", _SPACE) if shielded else line, DEFAULT_FIELDS, _PARSERS)
        except ParseException:
            columns = line.split("\t")
            try:
                parse_id_value(columns[0])
            except ParseException:
                self.fail(
                    f"The id {columns[0]!r} is neither a word (3), nor a range of words (3-4), "
                    "nor an empty node (3.1).",
                    number,
                )
            self.fail(f"The head {columns[6]!r} (column 7) is not the number of a word.", number)
        if shielded:
            return {k: v.replace(_SPACE, " ") if isinstance(v, str) else v for k, v in word.items()}
        return word

    def word(self, word: dict[str, Any], id: int, number: int) -> None:
        expected = len(self.words) + 1
        if id != expected:
            self.fail_order(id, expected, number)
        if not word["form"]:
            self.fail("The form (column 2) is empty; a word has at least one character.", number)
        if word["upos"] not in _UPOS:
            self.fail(
                f"The tag {word['upos']!r} (column 4) is not one of the 17 of Universal Dependencies 2 "
                f"({', '.join(UPOS)}), nor _ for none.",
                number,
            )
        if not word["deprel"]:
            self.fail("The relation (column 8) is empty; write its name, or _ for none.", number)
        word["lemma"] = word["lemma"] or "_"
        word["feats"] = "" if word["feats"] == "_" else word["feats"]
        self.words.append(word)
        self.word_lines.append(number)
        if not self.tokens or self.tokens[-1].last < id:
            self.tokens.append(_Token(id, id, word["form"], _space_after(word), False, number))

    def range(self, word: dict[str, Any], first: int, last: int, number: int) -> None:
        expected = len(self.words) + 1
        if first < expected:
            self.fail(
                f"The range {first}-{last} stands after its word {first}; it belongs before its words.",
                number,
            )
        if first > expected:
            self.fail(f"The range {first}-{last} stands where word {expected} is expected.", number)
        if self.tokens and self.tokens[-1].last >= first:
            other = self.tokens[-1]
            self.fail(f"The ranges {other.first}-{other.last} and {first}-{last} overlap.", number)
        if not word["form"]:
            self.fail("The form (column 2) is empty; a token has at least one character.", number)
        self.tokens.append(_Token(first, last, word["form"], _space_after(word), True, number))

    def check_empty_node(self, after: int, count: int, number: int) -> None:
        words = len(self.words)
        expected = self.empty_node[1] + 1 if self.empty_node[0] == after else 1
        if after != words or count != expected:
            self.fail(
                f"The empty node {after}.{count} stands where {words}.{expected if after == words else 1} "
                "could stand; empty nodes are counted after the word they follow.",
                number,
            )
        self.empty_node = (after, count)

    def fail_order(self, id: int, expected: int, number: int) -> NoReturn:
        if 0 < id < expected:
            hint = "; is the blank line missing before it?" if id == 1 else "; number the words 1, 2, 3, ..."
            self.fail(f"The word id {id} stands twice in this sentence{hint}", number)
        self.fail(
            f"The word id {id} stands where {expected} is expected; number the words 1, 2, 3, ...", number
        )

    def check_last_range(self) -> None:
        token, words = self.tokens[-1], len(self.words)
        if token.last > words:
            self.fail(
                f"The range {token.first}-{token.last} names words that are not there: "
                f"the sentence ends with word {words}.",
                token.line,
            )

    def check_tree(self) -> None:
        n = len(self.words)
        heads = [word["head"] for word in self.words]
        roots = []
        for id, head in enumerate(heads, start=1):
            if head is None:
                self.fail(
                    f"Word {id} has no head (column 7 is _); xviz needs trees, "
                    "every word with a head, 0 for the root.",
                    self.word_lines[id - 1],
                )
            if not 0 <= head <= n:
                self.fail(
                    f"The head of word {id} is {head}, but the sentence has words 1 to {n}.",
                    self.word_lines[id - 1],
                )
            if head == 0:
                roots.append(id)
        if not roots:
            self.fail("This sentence has no root; one word must have head 0.", self.word_lines[0])
        if len(roots) > 1:
            self.fail(
                f"This sentence has {len(roots)} roots (words {_listed(roots)}); "
                "only one word may have head 0.",
                self.word_lines[roots[1] - 1],
            )
        cycle = _cycle(heads)
        if cycle:
            if len(cycle) == 1:
                self.fail(f"Word {cycle[0]} is its own head.", self.word_lines[cycle[0] - 1])
            self.fail(
                f"The heads run in a cycle ({_listed(cycle, ' -> ')} -> {cycle[0]}), so this is no tree.",
                self.word_lines[cycle[0] - 1],
            )

    def text(self) -> tuple[str, list[tuple[int, int]]]:
        """The surface forms joined as SpaceAfter says, and the span of each of them."""
        pieces, spans, place = [], [], 0
        for token in self.tokens:
            spans.append((place, place + len(token.form)))
            pieces.append(token.form)
            place += len(token.form)
            if token.space_after and token is not self.tokens[-1]:
                pieces.append(" ")
                place += 1
        return "".join(pieces), spans

    def fail(self, message: str, number: int) -> NoReturn:
        raise InputError(message, file=self.file, line=number)


def _space_after(word: dict[str, Any]) -> bool:
    misc = word["misc"]
    return "SpaceAfter=No" not in misc or "SpaceAfter=No" not in misc.split("|")


def _cycle(heads: Sequence[int]) -> list[int]:
    """The words of one cycle, following the heads from its smallest id; empty where there is none."""
    reaches_root = bytearray(len(heads) + 1)
    reaches_root[0] = True
    for start in range(1, len(heads) + 1):
        at = start
        path: list[int] = []
        on_path: set[int] = set()
        while not reaches_root[at]:
            if at in on_path:
                cycle = path[path.index(at) :]
                smallest = cycle.index(min(cycle))
                return cycle[smallest:] + cycle[:smallest]
            path.append(at)
            on_path.add(at)
            at = heads[at - 1]
        for id in path:
            reaches_root[id] = True
    return []


def _listed(ids: Sequence[int], between: str = ", ") -> str:
    shown = [str(id) for id in ids[:8]]
    return between.join([*shown, "..."] if len(ids) > len(shown) else shown)
