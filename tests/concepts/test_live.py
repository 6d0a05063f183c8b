"""A typed sentence: how its words are cut, what the network makes of them, which concepts are nearest."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from xviz.concepts.live import (
    Named,
    ReadSentence,
    name_by_probes,
    name_by_prototypes,
    nearest_concepts,
    read_sentence,
)
from xviz.concepts.live_words import cut_words
from xviz.concepts.probe import Probe
from xviz.concepts.prototypes import ConceptSpace
from xviz.errors import InputError
from xviz.models.loading import load


def two_characters(text: str) -> list[tuple[int, int]]:
    """A tokenizer of pieces of two characters."""
    return [(i, min(i + 2, len(text))) for i in range(0, len(text), 2)]


def never(text: str):
    raise AssertionError("the pieces are not needed")


@pytest.mark.parametrize(
    ("text", "forms"),
    [
        ("The old house", ["The", "old", "house"]),
        ("  (which isn't red)... ", ["(", "which", "isn't", "red", ")", "..."]),
        ("«Да», 3.5 %!", ["«", "Да", "»", ",", "3.5", "%", "!"]),
        ("البيت قديم؟", ["البيت", "قديم", "؟"]),
        ("한국어는 띄어쓴다", ["한국어는", "띄어쓴다"]),
        ("a\tb\u0000c", ["a", "b", "c"]),
        ("?!", ["?", "!"]),
    ],
)
def test_words_are_cut_at_spaces_and_punctuation_stands_alone(text: str, forms: list[str]) -> None:
    cut = cut_words(text, never)
    assert list(cut.forms) == forms
    assert "at spaces" in cut.how


def test_a_script_without_spaces_is_cut_into_pieces_and_says_so() -> None:
    cut = cut_words("老房子在河边，好了。", two_characters)
    assert "".join(cut.forms) == cut.text == "老房子在河边，好了。"
    assert list(cut.forms) == ["老房", "子在", "河边", "，", "好", "了", "。"]
    assert "each piece of the tokenizer" in cut.how
    assert "Put spaces" in cut.how


def test_the_readers_spaces_cut_such_a_script_and_the_network_does_not_see_them() -> None:
    cut = cut_words("老 房子 在 河边 ， 好 了 。", never)
    assert cut.forms == ("老", "房子", "在", "河边", "，", "好", "了", "。")
    assert cut.text == "老房子在河边，好了。"
    assert "your spaces" in cut.how


def test_long_phrases_between_thai_spaces_are_phrases_and_vowel_signs_stay_with_their_letter() -> None:
    text = "บ้านหลังเก่าตั้งอยู่ริมแม่น้ำ และไม่มีใครอาศัยอยู่"
    cut = cut_words(text, lambda joined: [(i, i + 1) for i in range(len(joined))])
    assert cut.text == text, "spaces between phrases are written, so they are read"
    assert "".join(cut.forms) == text.replace(" ", "")
    assert cut.forms[0] == "บ้", "the tone mark"


def test_a_character_of_several_pieces_is_one_word() -> None:
    cut = cut_words("老房", lambda text: [(0, 1), (0, 1), (0, 1), (1, 2), (1, 2)])
    assert cut.forms == ("老", "房")


@pytest.mark.parametrize("text", ["", "   \n", "\u0000"])
def test_nothing_to_read_is_told(text: str) -> None:
    with pytest.raises(InputError, match="type a sentence"):
        cut_words(text, never)


def test_too_much_is_told() -> None:
    with pytest.raises(InputError, match="single sentence"):
        cut_words("word " * 500, never)


@pytest.mark.parametrize("family", ["bert", "llama"])
def test_the_network_reads_the_typed_sentence_as_it_reads_a_treebank(tiny_models, family: str) -> None:
    import torch

    model = load(str(tiny_models(family)), dtype="fp32")
    pooling = "first" if family == "bert" else "last"
    read = read_sentence(model, "The old house stands here.", layers=(0, 1, 2), pooling=pooling)
    assert read.forms == ("The", "old", "house", "stands", "here", ".")
    assert {layer: v.shape for layer, v in read.vectors.items()} == dict.fromkeys(range(3), (6, 32))

    # Reference: the network called by hand, a word's first (last) piece found by its characters.
    backend = model.tokenizer.backend_tokenizer
    encoding = backend.encode(read.text, add_special_tokens=model.start is None)
    ids = ([model.start] if model.start is not None else []) + encoding.ids
    shift = len(ids) - len(encoding.ids)
    with torch.no_grad():
        states = model.network(torch.tensor([ids]), output_hidden_states=True).hidden_states
    for word, (start, end) in enumerate(read.spans):
        own = [
            i
            for i, (s, e) in enumerate(encoding.offsets)
            if not encoding.special_tokens_mask[i] and s < end and e > start and read.text[s:e].strip()
        ]
        assert read.subwords[word] == len(own)
        place = (own[0] if pooling == "first" else own[-1]) + shift
        for layer in range(3):
            expected = states[layer][0, place].numpy()
            np.testing.assert_allclose(read.vectors[layer][word], expected, atol=1e-5)


def test_a_sentence_that_is_too_long_for_the_network_is_told(tiny_models) -> None:
    model = load(str(tiny_models("bert")), dtype="fp32")
    with pytest.raises(InputError, match="cannot read this sentence: 150 words, over the limit of 128"):
        read_sentence(model, "a " * 150, layers=[0], pooling="first")


def space(language: str, counts: tuple[int, ...], vectors: list[list[float]]) -> ConceptSpace:
    return ConceptSpace(
        names=("NOUN", "VERB", "X")[: len(counts)],
        prototypes=np.array(vectors, np.float32),
        counts=np.array(counts),
        model="m",
        treebank=language,
        language=language,
        split="all",
        layer=1,
        space="raw",
        concept_kind="upos",
    )


def test_raw_prototypes_count_each_language_once_and_rare_ones_not_at_all() -> None:
    spaces = [
        space("eng", (500, 30, 3), [[0, 0], [4, 0], [1, 1]]),
        space("deu", (10, 9), [[2, 0], [100, 0]]),
    ]
    named = name_by_prototypes(spaces, np.array([[1.0, 0.0], [4.0, 3.0]]))
    assert named.names == ("NOUN", "VERB")
    assert named.languages == ("eng", "deu")
    np.testing.assert_allclose(named.values, [[0, 3], [np.hypot(3, 3), 3]])
    with pytest.raises(InputError, match="no prototype"):
        name_by_prototypes([space("eng", (9,), [[0, 0]])], np.zeros((1, 2)))


def probe(names: tuple[str, ...], vectors: list[list[float]]) -> Probe:
    return Probe(
        A=np.eye(2, dtype=np.float32),
        mean=np.zeros(2, np.float32),
        scale=np.ones(2, np.float32),
        prototypes=np.array(vectors, np.float32),
        counts=np.ones(len(names), np.int64),
        names=names,
        learning_rate=1e-3,
        epoch=1,
        dev_accuracy=0.5,
    )


def test_probabilities_are_the_mean_over_the_languages_probes() -> None:
    x = np.array([[0.0, 0.0], [1.0, 1.0]], np.float32)
    one = probe(("NOUN", "VERB"), [[0, 0], [1, 1]])
    other = probe(("NOUN", "X"), [[0, 0], [0, 2]])
    named = name_by_probes([one, other], ["eng", "deu"], x)
    assert named.names == ("NOUN", "VERB", "X")
    e = np.exp
    first = np.array([[1, e(-2), 0], [e(-2), 1, 0]]) / (1 + e(-2))
    second = np.array([[1, 0, e(-4)], [e(-2), 0, e(-2)]])
    second /= second.sum(1, keepdims=True)
    np.testing.assert_allclose(named.values, (first + second) / 2, rtol=1e-5)
    np.testing.assert_allclose(named.values.sum(1), 1)


def test_the_table_says_what_is_a_probability_and_what_a_distance() -> None:
    sentence = ReadSentence("a b", ("a", "b"), ((0, 1), (2, 3)), (1, 1), {}, (), "")
    table = nearest_concepts(
        sentence,
        {
            2: Named(("N", "V", "X"), np.array([[0.2, 0.7, 0.1], [0.5, 0.3, 0.2]]), "probe", ("eng",)),
            1: Named(("N", "V", "X"), np.array([[4.0, 1.0, 2.0], [0.0, 0.0, 5.0]]), "prototypes", ("eng",)),
        },
        most=2,
    )
    assert list(table["layer"].unique()) == [1, 2]
    best = table[table["rank"] == 1].set_index(["layer", "position"])
    assert best["concept"].to_dict() == {(1, 1): "V", (1, 2): "N", (2, 1): "V", (2, 2): "N"}
    assert best.loc[(1, 1), "distance"] == 1.0
    assert best.loc[(1, 1), "margin"] == 0.5
    assert best.loc[(1, 2), "margin"] == 0.0, "two prototypes in one place name nothing"
    assert best.loc[(2, 1), "probability"] == 0.7
    assert best.loc[(2, 1), "margin"] == pytest.approx(0.5)
    assert pd.isna(best.loc[(2, 1), "distance"])
    assert pd.isna(best.loc[(1, 1), "probability"])
    assert len(table) == 8
