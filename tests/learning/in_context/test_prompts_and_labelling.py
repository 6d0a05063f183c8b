"""Prompts to the letter; labels fed back; a shared cache that changes no number."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from xviz.errors import Cancelled, InputError
from xviz.journal import Journal
from xviz.learning.in_context.labelling import Labeller, majority
from xviz.learning.in_context.prompts import Demonstration, Style, prefix, prompt, shuffled

SHOWN = [
    Demonstration(("The", "dog", "sleeps"), ("DET", "NOUN", "VERB")),
    Demonstration(("Das", "Haus"), ("DET", "NOUN")),
]
EXACT = """Context: The dog sleeps
Tagged: The_DET dog_NOUN sleeps_VERB

Context: Das Haus
Tagged: Das_DET Haus_NOUN

Context: A cat sat
Tagged: """


def test_the_prompt_is_exactly_this() -> None:
    words = ("A", "cat", "sat")
    assert prompt(SHOWN, words) == EXACT + "A_"
    assert prompt(SHOWN, words, ["DET"]) == EXACT + "A_DET cat_"
    assert prompt(SHOWN, words, ["X", "NOUN"]) == EXACT + "A_X cat_NOUN sat_"
    assert prompt(SHOWN, words, ["DET", "NOUN", "VERB"]) == EXACT + "A_DET cat_NOUN sat_VERB"
    assert prompt([], words) == "Context: A cat sat\nTagged: A_"
    assert prompt(SHOWN, words).startswith(prefix(SHOWN))
    assert (
        prompt([], ("a", "b"), ["X"], style=Style(joiner="/", line=" | ")) == "Context: a b | Tagged: a/X b/"
    )


def test_what_does_not_fit_together_is_told() -> None:
    with pytest.raises(InputError, match="2 words and 1 labels"):
        Demonstration(("a", "b"), ("X",))
    with pytest.raises(InputError, match="wants a sentence"):
        prompt([], ())
    with pytest.raises(InputError, match="same tokens"):
        Labeller(None, lambda text: [len(text)], ("NOUN", "VERB"))


def test_shuffled_demonstrations_keep_words_and_counts_of_labels() -> None:
    many = SHOWN * 5
    mixed = shuffled(many, seed=0)
    assert [each.words for each in mixed] == [each.words for each in many]
    flat = [label for each in mixed for label in each.labels]
    assert sorted(flat) == sorted(label for each in many for label in each.labels)
    assert flat != [label for each in many for label in each.labels]
    assert mixed == shuffled(many, seed=0)
    assert majority(SHOWN) == "DET"  # as often as NOUN, and before it


class Memory:
    """What the toy has read: one list of characters a row, and which of them count."""

    def __init__(self, rows: list[list[int]]):
        self.rows = rows

    def batch_repeat_interleave(self, repeats: int) -> None:
        self.rows = [list(row) for row in self.rows for _ in range(repeats)]


class Toy:
    """A network over characters that follows a script: after ``text`` it wants ``script[text]``.

    It keeps every text after which it was asked for a label, as it stands without padding.
    """

    def __init__(self, script):
        self.script, self.asked = script, []

    def __call__(self, *, input_ids, attention_mask, position_ids, past_key_values, **_):
        rows = [list(row) for row in past_key_values.rows] if past_key_values else [[] for _ in input_ids]
        logits = torch.zeros(*input_ids.shape, 256)
        for i, fed in enumerate(input_ids.tolist()):
            for j, token in enumerate(fed):
                rows[i].append(token)
                kept = attention_mask[i, : len(rows[i])].tolist()
                text = bytes(t for t, keep in zip(rows[i], kept, strict=True) if keep).decode()
                if attention_mask[i, len(rows[i]) - 1]:
                    assert int(position_ids[i, j]) == len(text) - 1  # padding takes no position
                    if text.endswith("_"):
                        self.asked.append(text)
                    for continuation in self.script(text):
                        logits[i, j, ord(continuation)] = 9.0
        return SimpleNamespace(logits=logits, past_key_values=Memory(rows), hidden_states=None)


def encode(text: str) -> list[int]:
    return list(text.encode())


def test_the_network_reads_the_prompt_to_the_letter_and_its_own_labels_are_fed_back() -> None:
    """It answers X to a first word, and NOUN or VERB by what it was fed before: so feedback is seen."""

    def script(text: str) -> str:
        line = text.rsplit("\n", 1)[-1]
        if not line.startswith("Tagged: "):
            return ""
        for label in ("DET", "NOUN", "VERB", "X"):
            for cut in range(1, len(label)):
                if line.endswith("_" + label[:cut]):
                    return label[cut]
        if line.endswith("_"):
            before = line.removeprefix("Tagged: ").split(" ")[-2:-1]
            return {"X": "N", "NOUN": "V"}.get(before[0].split("_")[1], "D") if before else "X"
        return ""

    toy = Toy(script)
    labels = ("DET", "NOUN", "VERB", "X")
    sentences = [("A", "cat", "sat", "there"), ("Yes",), ("Sie", "liest")]
    found = Labeller(toy, encode, labels, start=[2]).label(SHOWN, sentences, batch=2)
    names = [[labels[i] for i in each.predicted] for each in found]
    assert names == [["X", "NOUN", "VERB", "DET"], ["X"], ["X", "NOUN"]]
    expected = [
        "\x02" + prompt(SHOWN, words, chosen[:i])
        for words, chosen in zip(sentences, names, strict=True)
        for i in range(len(words))
    ]
    inside = [text for text in toy.asked if text.startswith("\x02" + prefix(SHOWN))]
    of_shown = [text for text in inside if text.count("Context") == 3]
    assert sorted(set(of_shown)) == sorted(expected)


def test_true_labels_are_fed_back_where_they_are_given() -> None:
    toy = Toy(lambda text: "N" if text.endswith("_") else "")
    found = Labeller(toy, encode, ("N", "V")).label([], [("a", "b", "c")], true=[[1, 0, 1]])
    assert found[0].predicted.tolist() == [0, 0, 0]
    assert toy.asked[-1] == "Context: a b c\nTagged: a_V b_N c_"


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_cache_and_batch_change_no_number(tiny_models, family: str) -> None:
    """Every score against the sum of log-probabilities of one whole text, without cache and batch."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    folder = tiny_models(family)
    torch.manual_seed(0)
    network = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder)).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)

    def pieces(text: str) -> list[int]:
        return tokenizer(text, add_special_tokens=False)["input_ids"]

    labels = ("NOUN", "VERB", "DET", "X")
    labeller = Labeller(network, pieces, labels, start=[1])
    style, sentences = Style(), [("The", "old", "house"), ("Haus",), ("El", "perro", "duerme", "aquí")]
    found = labeller.label(SHOWN, sentences, layer=1, batch=3)
    for words, each in zip(sentences, found, strict=True):
        ids = [1, *pieces(prefix(SHOWN)), *pieces(style.opening(words))]
        for i in range(len(words)):
            ids += pieces(style.word(words, i))
            for k, label in enumerate(labels):
                whole = torch.tensor([ids + pieces(label)])
                with torch.no_grad():
                    output = network(whole, output_hidden_states=True)
                log_p = output.logits[0].log_softmax(-1)
                score = sum(float(log_p[len(ids) + t - 1, token]) for t, token in enumerate(pieces(label)))
                assert each.scores[i, k] == pytest.approx(score, abs=2e-4)
            assert each.states is not None
            np.testing.assert_allclose(
                each.states[i], output.hidden_states[1][0, len(ids) - 1].numpy(), atol=1e-4
            )
            ids += pieces(labels[each.predicted[i]])


def test_an_aligned_reading_decides_and_is_fed_back(tiny_models) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    folder = tiny_models("llama")
    network = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder)).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    labeller = Labeller(network, lambda t: tokenizer(t, add_special_tokens=False)["input_ids"], ("N", "V"))
    seen = []

    def reading(states: torch.Tensor) -> torch.Tensor:
        seen.append(states.shape)
        return torch.tensor([[0.0, 1.0]]).expand(len(states), 2)

    (found,) = labeller.label(SHOWN, [("a", "b")], reading=reading, layer=2)
    assert found.predicted.tolist() == [1, 1]
    assert seen == [(1, 32), (1, 32)]
    with pytest.raises(InputError, match="wants the layer"):
        labeller.label(SHOWN, [("a", "b")], reading=reading)


def test_a_prompt_that_is_too_long_and_a_stop_are_told() -> None:
    class Stopped(Journal):
        def stop_requested(self) -> bool:
            return True

    short = Labeller(Toy(lambda text: "N"), encode, ("N", "V"), longest=60)
    with pytest.raises(InputError, match="more than the 60 tokens"):
        short.label(SHOWN, [("a",)])
    with pytest.raises(Cancelled):
        short.label([], [("a",)], journal=Stopped())
