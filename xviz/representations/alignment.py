"""Subword pieces to words, by character offsets on the raw text of a sentence.

The text is tokenised as a whole, as the network saw text in training, and not word by word. The rule:

1. A piece belongs to the word in whose span its first character that is no space lies. Special tokens,
   zero-width pieces and pieces of space alone (``▁``, ``Ġ``) belong to no word.
2. A word that owns no piece takes the last piece that covers its first character: such a *shared* piece
   happens where one piece holds two words (Chinese, Thai; byte-level pieces that cross a character; an
   unknown token over a stretch without spaces).
3. Words inside one multiword token share its span of text, hence its pieces.
4. A word none of whose characters is left in any piece (the tokenizer's normaliser took them away) has no
   vector: it owns nothing here, and the caller names and counts it.

All sentences are aligned at once: their texts are laid end to end, so that one sorted search finds the word
of every piece.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

_SPACES = np.array([code for code in range(0x3001) if chr(code).isspace()], dtype=np.uint32)


@dataclass(frozen=True)
class Alignment:
    """The pieces of every word, word after word.

    ``pieces[bounds[w]:bounds[w + 1]]`` are those of word w, as rows of the table of pieces it was made from,
    in the order of the text. ``shared[w]``: the word owns none and borrows the one it has.
    """

    pieces: Int[np.ndarray, " owned"]
    bounds: Int[np.ndarray, " words+1"]
    shared: Bool[np.ndarray, " words"]

    @property
    def counts(self) -> Int[np.ndarray, " words"]:
        """Pieces a word; 0: the word has no vector."""
        return np.diff(self.bounds)


def align(
    texts: Sequence[str],
    word_sentence: Int[np.ndarray, " words"],
    word_start: Int[np.ndarray, " words"],
    word_end: Int[np.ndarray, " words"],
    piece_sentence: Int[np.ndarray, " pieces"],
    piece_start: Int[np.ndarray, " pieces"],
    piece_end: Int[np.ndarray, " pieces"],
    blank: Bool[np.ndarray, " pieces"],
) -> Alignment:
    """The pieces of every word.

    Args:
        texts: the sentences.
        word_sentence, word_start, word_end: row in ``texts`` and span of characters; sentence after sentence,
            from left to right; equal spans are one multiword token.
        piece_sentence, piece_start, piece_end: the same for the pieces, in the order of the tokenizer.
        blank: pieces that stand for no text of their own: special tokens and pieces of space alone.
    """
    lengths = np.fromiter((len(text) + 1 for text in texts), dtype=np.int64, count=len(texts))
    origin = np.concatenate(([0], np.cumsum(lengths)))  # of each sentence in the text laid end to end
    letters = _next_letter("\n".join(texts) + "\n")

    begin, end = origin[word_sentence] + word_start, origin[word_sentence] + word_end
    new = np.ones(len(begin), dtype=bool)
    new[1:] = (begin[1:] != begin[:-1]) | (end[1:] != end[:-1])
    span = np.cumsum(new) - 1  # words of one multiword token share their span
    span_begin, span_end = begin[new], end[new]

    piece_begin, piece_stop = origin[piece_sentence] + piece_start, origin[piece_sentence] + piece_end
    usable = ~blank & (piece_stop > piece_begin)
    first = np.where(usable, letters[piece_begin], -1)
    owner = np.searchsorted(span_begin, first, side="right") - 1
    owned = usable & (first < piece_stop) & (owner >= 0)
    owned[owned] = first[owned] < span_end[owner[owned]]

    rows = np.flatnonzero(owned)
    rows = rows[np.argsort(owner[rows], kind="stable")]
    counts = np.bincount(owner[rows], minlength=len(span_begin))
    without = np.flatnonzero(counts == 0)
    borrowed = _covering(letters[span_begin[without]], piece_begin, piece_stop, np.flatnonzero(usable))
    without, borrowed = without[borrowed >= 0], borrowed[borrowed >= 0]
    counts[without] = 1
    starts = np.concatenate(([0], np.cumsum(counts)))
    by_span = np.empty(starts[-1], dtype=np.int64)
    own = np.ones(starts[-1], dtype=bool)
    own[starts[without]] = False
    by_span[own] = rows
    by_span[~own] = borrowed

    shared_span = np.zeros(len(span_begin), dtype=bool)
    shared_span[without] = True
    word_counts = counts[span]
    bounds = np.concatenate(([0], np.cumsum(word_counts)))
    return Alignment(by_span[runs(starts[span], word_counts)], bounds, shared_span[span])


def runs(starts: Int[np.ndarray, " runs"], counts: Int[np.ndarray, " runs"]) -> Int[np.ndarray, " members"]:
    """``starts[0], starts[0] + 1, ...`` for ``counts[0]`` members, then the same for the next run."""
    before = np.cumsum(counts) - counts
    return np.repeat(starts - before, counts) + np.arange(int(counts.sum()))


def _next_letter(text: str) -> Int[np.ndarray, " characters"]:
    """For every position the first one from there on that is no space (the end where there is none)."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    positions = np.arange(len(codes), dtype=np.int64)
    positions[np.isin(codes, _SPACES)] = len(codes)
    return np.minimum.accumulate(positions[::-1])[::-1]


def _covering(
    wanted: Int[np.ndarray, " spans"],
    begin: Int[np.ndarray, " pieces"],
    stop: Int[np.ndarray, " pieces"],
    candidates: Int[np.ndarray, " usable"],
) -> Int[np.ndarray, " spans"]:
    """The last usable piece over each wanted character, -1 where there is none."""
    if not len(candidates):
        return np.full(len(wanted), -1, dtype=np.int64)
    order = candidates[np.argsort(begin[candidates], kind="stable")]
    place = np.searchsorted(begin[order], wanted, side="right") - 1
    found = np.full(len(wanted), -1, dtype=np.int64)
    # The last piece that begins at or before a character may end before it while an earlier, longer one
    # covers it; such nesting is shallow (the bytes of one character).
    for back in range(8):
        row = order[np.maximum(place - back, 0)]
        covers = (found < 0) & (place >= back) & (begin[row] <= wanted) & (stop[row] > wanted)
        found[covers] = row[covers]
    return found
