"""Pieces to words: exact cases, and a naive search over single characters as reference."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xviz.representations.alignment import align, runs


def aligned(texts, words, pieces, blank=()):
    """``words``, ``pieces``: (sentence, start, end). Returns the pieces of each word, and who borrows."""
    words = np.array(words, dtype=np.int64).reshape(-1, 3)
    pieces = np.array(pieces, dtype=np.int64).reshape(-1, 3)
    flags = np.zeros(len(pieces), dtype=bool)
    flags[list(blank)] = True
    result = align(texts, *words.T, *pieces.T, flags)
    parts = [result.pieces[a:b].tolist() for a, b in zip(result.bounds[:-1], result.bounds[1:], strict=True)]
    return parts, result.shared.tolist()


def test_one_two_and_five_pieces():
    text = "a bb ccccc"
    pieces = [(0, 0, 1), (0, 2, 3), (0, 3, 4), *((0, i, i + 1) for i in range(5, 10))]
    parts, shared = aligned([text], [(0, 0, 1), (0, 2, 4), (0, 5, 10)], pieces)
    assert parts == [[0], [1, 2], [3, 4, 5, 6, 7]]
    assert not any(shared)


def test_a_piece_with_its_leading_space_belongs_to_the_word_after_it():
    parts, _ = aligned(["ab cd"], [(0, 0, 2), (0, 3, 5)], [(0, 0, 2), (0, 2, 4), (0, 4, 5)])
    assert parts == [[0], [1, 2]]


def test_space_alone_and_zero_width_pieces_belong_to_no_word():
    pieces = [(0, 0, 0), (0, 0, 1), (0, 1, 2), (0, 2, 3), (0, 3, 3)]
    parts, _ = aligned(["a b"], [(0, 0, 1), (0, 2, 3)], pieces)
    assert parts == [[1], [3]]


def test_a_blank_piece_over_the_first_letter_does_not_count():
    # SentencePiece gives the "▁" that it puts before a sentence the span of the first character.
    parts, _ = aligned(["你好"], [(0, 0, 2)], [(0, 0, 1), (0, 0, 2)], blank=[0])
    assert parts == [[1]]


def test_a_piece_over_two_words_is_the_first_ones_and_the_second_borrows_it():
    parts, shared = aligned(["我们的"], [(0, 0, 2), (0, 2, 3)], [(0, 0, 3)])
    assert parts == [[0], [0]]
    assert shared == [False, True]


def test_bytes_of_one_character_all_belong_to_it():
    pieces = [(0, 0, 1), (0, 0, 1), (0, 0, 2), (0, 1, 2)]
    parts, shared = aligned(["好吗"], [(0, 0, 1), (0, 1, 2)], pieces)
    assert parts == [[0, 1, 2], [3]]
    assert shared == [False, False]


def test_of_nested_pieces_the_last_that_covers_is_borrowed():
    # "abc" is one piece over both words; a byte piece inside it ends before the second word begins.
    parts, shared = aligned(["abc"], [(0, 0, 2), (0, 2, 3)], [(0, 0, 3), (0, 0, 1)])
    assert parts == [[0, 1], [0]]
    assert shared == [False, True]


def test_words_of_a_multiword_token_share_its_pieces():
    parts, shared = aligned(["am See"], [(0, 0, 2), (0, 0, 2), (0, 3, 6)], [(0, 0, 1), (0, 1, 2), (0, 3, 6)])
    assert parts == [[0, 1], [0, 1], [2]]
    assert shared == [False, False, False]


def test_a_form_with_a_space_inside():
    parts, _ = aligned(["bờ sông."], [(0, 0, 7), (0, 7, 8)], [(0, 0, 2), (0, 2, 3), (0, 3, 7), (0, 7, 8)])
    assert parts == [[0, 2], [3]]


def test_a_word_that_the_normaliser_took_away_has_nothing():
    parts, shared = aligned(["a \u200b b"], [(0, 0, 1), (0, 2, 3), (0, 4, 5)], [(0, 0, 1), (0, 3, 5)])
    assert parts == [[0], [], [1]]
    assert not any(shared)


def test_sentences_do_not_mix():
    parts, _ = aligned(["ab", "", "cd"], [(0, 0, 2), (2, 0, 2)], [(0, 0, 2), (2, 0, 1), (2, 1, 2)])
    assert parts == [[0], [1, 2]]
    assert aligned(["ab"], [], [(0, 0, 2)]) == ([], [])


def test_characters_beyond_the_basic_plane_count_once():
    parts, _ = aligned(["😀 x"], [(0, 0, 1), (0, 2, 3)], [(0, 0, 1), (0, 1, 3)])
    assert parts == [[0], [1]]


def naive(texts, words, pieces, blank):
    """The rule, character by character."""
    spans = sorted({tuple(word) for word in words})
    owner = {}
    for i, (sentence, start, end) in enumerate(pieces):
        if i in blank:
            continue
        letters = [c for c in range(start, end) if not texts[sentence][c].isspace()]
        for span in spans:
            if letters and span[0] == sentence and span[1] <= letters[0] < span[2]:
                owner.setdefault(span, []).append(i)
    parts, shared = [], []
    for word in words:
        span = tuple(word)
        borrowed: list[int] = []
        if span not in owner:
            letters = [c for c in range(span[1], span[2]) if not texts[span[0]][c].isspace()]
            over = [
                (start, i)
                for i, (sentence, start, end) in enumerate(pieces)
                if i not in blank and letters and sentence == span[0] and start <= letters[0] < end
            ]
            borrowed = [max(over)[1]] if over else []
        parts.append(owner.get(span, borrowed))
        shared.append(bool(borrowed))
    return parts, shared


@st.composite
def cases(draw):
    texts, words, pieces = [], [], []
    for sentence in range(draw(st.integers(1, 3))):
        text = draw(st.text(alphabet="ab 你\u00a0😀", max_size=12))
        texts.append(text)
        for kind, units in ((0, words), (1, pieces)):
            cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=6)))
            for start, end in itertools.pairwise(cuts):
                if not draw(st.booleans()):
                    continue
                if kind == 0 and not text[start:end].strip():
                    continue  # a word has a letter
                units.append((sentence, start, end))
                if draw(st.booleans()):
                    units.append((sentence, start, end))  # a multiword token; the bytes of one character
    blank = draw(st.sets(st.integers(0, max(len(pieces) - 1, 0)))) if pieces else set()
    return texts, words, pieces, blank


@settings(max_examples=150, deadline=None, derandomize=True)
@given(cases())
def test_equals_the_naive_search(case):
    texts, words, pieces, blank = case
    assert aligned(texts, words, pieces, blank) == naive(texts, words, pieces, blank)


@pytest.mark.parametrize(
    ("starts", "counts", "expected"),
    [([5, 0], [2, 3], [5, 6, 0, 1, 2]), ([1, 7, 3], [1, 0, 2], [1, 3, 4]), ([], [], [])],
)
def test_runs(starts, counts, expected):
    assert runs(np.array(starts, dtype=int), np.array(counts, dtype=int)).tolist() == expected
