"""Sequences that can be labelled in context alone, and (slow) a transformer that learns to."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from xviz.learning.in_context.aligned import aligned_reading, collect_states, joined
from xviz.learning.in_context.prompts import prompt
from xviz.learning.in_context.synthetic import (
    IGNORED,
    STYLE,
    NextLabel,
    Task,
    accuracy_in_context,
    batches,
    build_network,
    labeller,
    train_synthetic,
)
from xviz.learning.meta.baselines import fit_probe
from xviz.learning.meta.languages import Language
from xviz.learning.meta.spec import MetaTraining, ProbeSettings
from xviz.learning.meta.training import train_map
from xviz.learning.spec import TrainingSpec

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


@pytest.mark.slow
def test_a_small_transformer_learns_in_context_and_both_readings_work() -> None:
    task = Task(words=1, languages=2)
    network = train_synthetic(
        task, TrainingSpec(steps=2500, learning_rate=5e-3, precision="fp32", log_every=500), size=16
    )
    without = accuracy_in_context(task, network, shown=0)
    assert accuracy_in_context(task, network, shown=8) >= without + 0.30
    assert without < 0.45  # nothing to go by but the labels of the sentence itself

    reader, rng = labeller(task, network), np.random.default_rng(5)

    def states(language: int, sequences: int):
        sides = []
        for _ in range(sequences):
            drawn = task.draw(rng, language=language, demonstrations=8)
            codes = [[task.labels.index(label) for label in drawn.labels]]
            side = collect_states(reader, drawn.demonstrations, [drawn.words], codes, layer=2)
            sides.append(side)
        return joined(sides)

    source = Language("UD_source", "source", states(0, 80), states(0, 30), states(0, 1))
    probe = fit_probe(source, task.labels, concepts="upos", settings=ProbeSettings(rank=8, standardise=False))
    settings = MetaTraining(epochs=20, episodes=20, support=5, query=20, learning_rate=3e-3, hidden=32)
    trained = train_map([source], probe.space, settings=settings, hidden=32, seeds=[0], few_shot=False)
    right = []
    for _ in range(60):
        drawn = task.draw(rng, language=1, demonstrations=8)
        (found,) = reader.label(
            drawn.demonstrations, [drawn.words], reading=aligned_reading(trained), layer=2
        )
        right += [task.labels[k] == label for k, label in zip(found.predicted, drawn.labels, strict=True)]
    assert np.mean(right) >= without + 0.30
