"""What a learned map must and must not do, on languages whose relation to the source is known.

All rotate one space of six concepts. A map can carry over what the training languages show of a family of
rotations; it cannot know a rotation that has nothing to do with them, until it sees sentences.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

from xviz.concepts.spec import ProbeSettings
from xviz.learning.meta.experiment import Outcome, run_experiment
from xviz.learning.meta.languages import Languages
from xviz.learning.meta.spec import MetaDesign, MetaTraining

TRAINING = MetaTraining(
    hidden=48,
    episodes=15,
    epochs=14,
    episodes_a_step=4,
    support=5,
    query=10,
    learning_rate=2e-3,
    adapt_learning_rate=5e-3,
)
PROBE = ProbeSettings(rank=12, standardise=False, learning_rates=(1e-2,), epochs=10)
DESIGN = MetaDesign(training=TRAINING, probe=PROBE, seeds=1, draws=2, shots=(1, 5, 50))


def accuracies(languages: Languages, outcome: Outcome) -> dict[str, dict[tuple[str, int], float]]:
    """Mean over seeds and draws, by language, method and shots; judged on true labels."""
    found: dict[str, dict[tuple[str, int], float]] = {}
    for language in languages.judged:
        each = defaultdict(list)
        for trial, guess in outcome.predictions[language.name].items():
            each[trial.method, trial.shots].append(np.mean(guess == language.test.codes))
        found[language.name] = {key: float(np.mean(values)) for key, values in each.items()}
    return found


@pytest.fixture(scope="module")
def languages(make_family, make_language, rotations) -> Languages:
    turned, unrelated = rotations
    inside = make_language("inside", turned(1.2, 0.8), seed=50)
    others = [make_language(f"unrelated{i}", unrelated(i), seed=60 + i) for i in range(2)]
    return make_family((inside, *others, make_language("copy", np.eye(24), seed=70)))


@pytest.fixture(scope="module")
def judged(languages: Languages) -> dict[str, dict[tuple[str, int], float]]:
    return accuracies(languages, run_experiment(languages, DESIGN))


def test_zero_shot_carries_concepts_into_a_language_of_the_family(judged) -> None:
    inside = judged["UD_inside"]
    assert inside["meta_zero_shot", 0] >= inside["direct", 0] + 0.20
    assert inside["meta_zero_shot", 0] >= inside["probe", 0] + 0.20


def test_zero_shot_does_not_know_an_unrelated_rotation_and_few_shot_recovers_with_shots(judged) -> None:
    unrelated = [judged[f"UD_unrelated{i}"] for i in range(2)]

    def mean(method: str, shots: int = 0) -> float:
        return float(np.mean([each[method, shots] for each in unrelated]))

    assert mean("meta_zero_shot") <= mean("majority")
    curve = [mean("meta_few_shot", shots) for shots in (1, 5, 50)]
    assert curve == sorted(curve)
    assert curve[-1] >= curve[0] + 0.2
    assert curve[-1] >= mean("majority") + 0.3


def test_an_identical_copy_of_the_source_loses_at_most_a_point(judged) -> None:
    copy = judged["UD_copy"]
    assert copy["meta_zero_shot", 0] >= copy["probe", 0] - 0.01
    assert copy["meta_few_shot", 50] >= copy["probe", 0] - 0.01


def test_shuffled_labels_leave_every_method_at_the_majority(languages) -> None:
    outcome = run_experiment(languages, DESIGN.model_copy(update={"shuffled": True}))
    found = accuracies(languages, outcome)
    for key in found["UD_source"]:
        mean = np.mean([each[key] - each["majority", 0] for each in found.values()])
        assert mean <= 0.02, key


def test_few_shot_learning_leaves_the_map_alone_and_says_so(languages) -> None:
    few = Languages(languages.concepts, languages.source, languages.training[:2], languages.targets[:1])
    design = DESIGN.model_copy(update={"methods": ("meta_few_shot",), "seeds": 1, "shots": (5,)})
    outcome = run_experiment(few, design)
    assert outcome.few_shot is not None
    assert outcome.few_shot.phi.hash() == outcome.facts["meta"]["meta_few_shot"]["phi_sha256"]


def test_neither_training_nor_validation_ever_sees_a_target(languages) -> None:
    """Labels and vectors of the targets' train and dev sides turned to nonsense: zero-shot does not move."""
    few = Languages(languages.concepts, languages.source, languages.training[:3], languages.targets[:2])

    def spoiled(side):
        return replace(side, vectors=side.vectors[::-1] * 100, codes=np.zeros_like(side.codes))

    other = replace(
        few, targets=tuple(replace(t, train=spoiled(t.train), dev=spoiled(t.dev)) for t in few.targets)
    )
    design = DESIGN.model_copy(update={"methods": ("meta_zero_shot", "pooled", "direct", "probe", "lookup")})
    first, second = run_experiment(few, design), run_experiment(other, design)
    for language in few.targets:
        for trial, guess in first.predictions[language.name].items():
            np.testing.assert_array_equal(guess, second.predictions[language.name][trial])
