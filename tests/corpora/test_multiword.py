"""Multiword tokens on exact sentences: the words inside, and the token as one word."""

from __future__ import annotations

import pytest

from xviz.corpora.multiword import merge_multiword

COLUMNS = ["index", "form", "upos", "deprel", "head", "feats"]


@pytest.fixture
def german(row) -> list[str]:
    return [
        "# text = Wir gehen zum See.",
        row(1, "Wir", "PRON", 2, "nsubj"),
        row(2, "gehen", "VERB", 0, "root"),
        row("3-4", "zum", misc="Lang=de"),
        row(3, "zu", "ADP", 5, "case", feats="AdpType=Prep", misc="SpaceAfter=No"),
        row(4, "dem", "DET", 5, "det", feats="Case=Dat"),
        row(5, "See", "NOUN", 2, "obl", misc="SpaceAfter=No"),
        row(6, ".", "PUNCT", 2, "punct"),
    ]


@pytest.fixture
def spanish(row) -> list[str]:
    return [
        "# text = Por favor, dámelo hoy.",
        row(1, "Por", "ADP", 2, "case"),
        row(2, "favor", "NOUN", 4, "obl", misc="SpaceAfter=No"),
        row(3, ",", "PUNCT", 2, "punct"),
        row("4-6", "dámelo"),
        row(4, "da", "VERB", 0, "root"),
        row(5, "me", "PRON", 4, "obl:arg"),
        row(6, "lo", "PRON", 4, "obj"),
        row(7, "hoy", "ADV", 4, "advmod", misc="SpaceAfter=No"),
        row(8, ".", "PUNCT", 4, "punct"),
    ]


@pytest.fixture
def arabic(row) -> list[str]:
    return [
        "# text = وكتبها بالقلم",  # "and he wrote it with the pen"
        row("1-3", "وكتبها"),
        row(1, "و", "CCONJ", 2, "cc"),
        row(2, "كتب", "VERB", 0, "root"),
        row(3, "ها", "PRON", 2, "obj"),
        row("4-5", "بالقلم"),
        row(4, "ب", "ADP", 5, "case"),
        row(5, "القلم", "NOUN", 2, "obl"),
    ]


def test_german_words_share_the_span_of_their_token(read, german) -> None:
    treebank = read(german)
    assert treebank.sentences["text"][0] == "Wir gehen zum See."
    assert treebank.words["form"].tolist() == ["Wir", "gehen", "zu", "dem", "See", "."]
    assert treebank.words["head"].tolist() == [2, 0, 5, 5, 2, 2]
    assert treebank.words[["start", "end"]].values.tolist() == [
        [0, 3], [4, 9], [10, 13], [10, 13], [14, 17], [17, 18],
    ]  # fmt: skip


def test_german_surface(read, german) -> None:
    treebank = read(german, multiword="surface")
    assert treebank.words[COLUMNS].values.tolist() == [
        [1, "Wir", "PRON", "nsubj", 2, ""],
        [2, "gehen", "VERB", "root", 0, ""],
        [3, "zum", "ADP", "case", 4, "AdpType=Prep"],
        [4, "See", "NOUN", "obl", 2, ""],
        [5, ".", "PUNCT", "punct", 2, ""],
    ]
    assert treebank.words[["start", "end"]].values.tolist() == [[0, 3], [4, 9], [10, 13], [14, 17], [17, 18]]
    assert treebank.sentences["length"].tolist() == [5]


def test_spanish_surface_heads_point_to_the_merged_word(read, spanish) -> None:
    treebank = read(spanish, multiword="surface")
    assert treebank.words["form"].tolist() == ["Por", "favor", ",", "dámelo", "hoy", "."]
    assert treebank.words["head"].tolist() == [2, 4, 2, 0, 4, 4]
    assert treebank.words["deprel"][3] == "root"
    assert treebank.sentences["text"][0] == "Por favor, dámelo hoy."
    assert read(spanish).words["head"].tolist() == [2, 4, 2, 0, 4, 4, 4, 4]


def test_arabic_surface_takes_tag_and_relation_of_the_first_word(read, arabic) -> None:
    treebank = read(arabic, multiword="surface")
    assert treebank.words[COLUMNS].values.tolist() == [
        [1, "وكتبها", "CCONJ", "cc", 0, ""],
        [2, "بالقلم", "ADP", "case", 1, ""],
    ]
    assert treebank.words[["start", "end"]].values.tolist() == [[0, 6], [7, 13]]
    assert read(arabic).words[["start", "end"]].values.tolist() == [[0, 6]] * 3 + [[7, 13]] * 2


def test_of_several_outer_heads_the_last_counts() -> None:
    words = [{"id": i, "head": head, "form": str(i)} for i, head in enumerate([3, 4, 0, 3], start=1)]
    merged = merge_multiword(words, [(1, 2, "ab")])
    assert [(w["id"], w["form"], w["head"]) for w in merged] == [(1, "ab", 3), (2, "3", 0), (3, "4", 2)]


def test_a_head_that_hangs_from_the_token_is_passed_over() -> None:
    """1 is the root, 2 hangs from 3, 3 from 1: the last outer head, 3, would close a cycle."""
    words = [{"id": i, "head": head, "form": str(i)} for i, head in enumerate([0, 3, 1], start=1)]
    merged = merge_multiword(words, [(1, 2, "ab")])
    assert [(w["form"], w["head"]) for w in merged] == [("ab", 0), ("3", 1)]


def test_two_tokens_do_not_close_a_cycle_between_them() -> None:
    """Each of the last outer heads alone is fine, both together are a cycle (1-2 <-> 3-4)."""
    heads = [5, 3, 5, 1, 0]
    words = [{"id": i, "head": head, "form": str(i)} for i, head in enumerate(heads, start=1)]
    merged = merge_multiword(words, [(1, 2, "ab"), (3, 4, "cd")])
    assert [w["head"] for w in merged] == [2, 3, 0]


def test_a_range_of_one_word_changes_its_form(read, row) -> None:
    lines = [row("1-1", "Dr.", misc="SpaceAfter=No"), row(1, "Doktor", "NOUN", 0, "root")]
    lines.append(row(2, "!", "PUNCT", 1, "punct"))
    assert read(lines).words["form"].tolist() == ["Doktor", "!"]
    assert read(lines).sentences["text"][0] == "Dr.!"
    assert read(lines, multiword="surface").words["form"].tolist() == ["Dr.", "!"]


def test_the_words_given_are_left_as_they_are() -> None:
    words = [{"id": 1, "head": 2, "form": "a"}, {"id": 2, "head": 0, "form": "b"}]
    merge_multiword(words, [(1, 2, "ab")])
    assert words == [{"id": 1, "head": 2, "form": "a"}, {"id": 2, "head": 0, "form": "b"}]
