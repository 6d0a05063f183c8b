"""Sequences that can be labelled in context alone, and (slow) a transformer that learns to."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from xviz.learning.in_context.aligned import collect_states, joined
from xviz.learning.in_context.prompts import prompt
from xviz.learning.in_context.synthetic import (
    IGNORED,
    STYLE,
    NextLabel,
    Task,
    batches,
    build_network,
    labeller,
)

TASK = Task()


def test_a_word_keeps_its_concept_and_a_sequence_its_naming() -> None:
    rng, concept_of, namings = np.random.default_rng(0), {}, set()
    for _ in range(200):
        drawn = TASK.draw(rng, language=2, demonstrations=8)
        pairs = [
            (w, n) for each in drawn.demonstrations for w, n in zip(each.words, each.labels, strict=True)
        ]
        pairs += zip(drawn.words, drawn.labels, strict=True)
        naming = {}
        for word, concept, label in zip(drawn.words, drawn.concepts, drawn.labels, strict=True):
            assert concept_of.setdefault(word, concept) == concept
            assert naming.setdefault(concept, label) == label
        assert len(dict(pairs)) == len(set(pairs))  # one label a word
        namings.add(tuple(sorted(naming.items())))
    assert len(namings) > 20  # drawn anew each time
    words = {
        language: {TASK.word(language, k, i) for k in range(4) for i in range(3)} for language in range(6)
    }
    assert not words[0] & words[1]
    assert len(TASK.alphabet) == len(set(TASK.alphabet)) == 2 + 4 + 72


def test_the_text_is_the_prompt_and_the_loss_is_on_labels_alone() -> None:
    drawn = TASK.draw(np.random.default_rng(1), language=0, demonstrations=1)
    (shown,) = drawn.demonstrations
    text = prompt(drawn.demonstrations, drawn.words, drawn.labels, style=STYLE)
    first = "".join(shown.words) + ":" + "".join(map("".join, zip(shown.words, shown.labels, strict=True)))
    assert text.startswith(first + ";" + "".join(drawn.words) + ":")
    batch = batches(TASK, size=3)(7)
    ids, targets = batch.inputs["ids"], batch.inputs["targets"]
    labels = {TASK.encode(label)[0] for label in TASK.labels}
    assert set(targets[targets != IGNORED].tolist()) <= labels
    assert batch.targets == 3 * 9 * 4 == int((targets != IGNORED).sum())
    assert torch.equal(ids, batches(TASK, size=3)(7).inputs["ids"])


def test_the_objective_is_the_mean_loss_of_labels() -> None:
    task = Task(words=1, languages=1, demonstrations=1)
    network = build_network(task, width=16).eval()
    batch = batches(task, size=2)(0)
    ids, targets = batch.inputs["ids"], batch.inputs["targets"]
    got = NextLabel(network)(ids, targets)
    log_p = network(input_ids=ids).logits.log_softmax(-1)
    want = [
        -float(log_p[row, place - 1, ids[row, place]].detach())
        for row in range(2)
        for place in range(ids.shape[1])
        if targets[row, place] != IGNORED
    ]
    assert float(got.detach()) == pytest.approx(np.mean(want), abs=1e-5)


def test_states_are_collected_with_true_labels_and_joined() -> None:
    network = build_network(TASK, width=16).eval()
    rng = np.random.default_rng(3)
    drawn = [TASK.draw(rng, language=0, demonstrations=2) for _ in range(3)]
    reader = labeller(TASK, network)
    sides = []
    for each in drawn:
        codes = [[TASK.labels.index(label) for label in each.labels]]
        sides.append(collect_states(reader, each.demonstrations, [each.words], codes, layer=2))
    whole = joined(sides)
    assert whole.vectors.shape == (12, 16)
    assert whole.sentence.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    text = prompt(drawn[1].demonstrations, drawn[1].words, drawn[1].labels[:2], style=STYLE)
    with torch.no_grad():
        states = network(input_ids=torch.tensor([TASK.encode(text)]), output_hidden_states=True).hidden_states
    np.testing.assert_allclose(whole.vectors[6], states[2][0, -1].numpy(), atol=1e-4)
