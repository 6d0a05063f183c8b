"""Prototypes and the prototype probe, against naive loops and on data where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from xviz.concepts.annotation import Labels
from xviz.concepts.probe import Split, accuracy_table, control_labels, scores, train_probe, wilson
from xviz.concepts.prototypes import prototypes
from xviz.concepts.spec import ProbeSettings
from xviz.errors import Cancelled, InputError
from xviz.journal import Journal

RNG = np.random.default_rng(0)


def test_prototypes_are_means_and_leave_unlabelled_rows_out() -> None:
    vectors = RNG.normal(size=(50, 6)).astype(np.float16)
    codes = RNG.integers(-1, 3, size=50)
    means, counts = prototypes(vectors, codes, 4)
    for k in range(3):
        np.testing.assert_allclose(means[k], vectors[codes == k].astype(np.float64).mean(0), rtol=1e-12)
        assert counts[k] == (codes == k).sum()
    assert counts[3] == 0
    assert np.isnan(means[3]).all()


def test_prototypes_do_not_depend_on_how_rows_are_cut_into_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, codes = RNG.normal(size=(300, 4)), RNG.integers(0, 5, size=300)
    whole, _ = prototypes(vectors, codes, 5)
    monkeypatch.setattr("xviz.concepts.prototypes.BLOCK_ROWS", 7)
    cut, _ = prototypes(vectors, codes, 5)
    np.testing.assert_allclose(whole, cut, rtol=1e-12)


def test_scores_are_negative_squared_distances_up_to_a_constant_of_the_row() -> None:
    z, space = torch.randn(2, 9, 5, dtype=torch.float64), torch.randn(2, 4, 5, dtype=torch.float64)
    got = scores(z, space)
    for i in range(2):
        distances = torch.from_numpy(-(cdist(z[i].numpy(), space[i].numpy()) ** 2))
        torch.testing.assert_close(got[i].log_softmax(-1), distances.log_softmax(-1))


def planted(n: int, *, dim: int = 40, seed: int) -> Split:
    """Three concepts that differ in 2 of 40 directions, drowned in the variance of the others."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 3, size=n)
    x = rng.normal(size=(n, dim)) * 20
    centres = np.array([[0, 3.0], [2.6, -1.5], [-2.6, -1.5]])
    x[:, :2] = centres[codes] + rng.normal(size=(n, 2)) * 0.5
    return Split(x.astype(np.float32), codes, np.arange(n) // 10)


def test_probe_finds_a_planted_subspace_that_raw_distances_miss() -> None:
    train, dev, test = planted(1500, seed=1), planted(300, seed=2), planted(600, seed=3)
    probe = train_probe(train, dev, ("a", "b", "c"), settings=ProbeSettings(rank=8))
    means, _ = prototypes(train.vectors, train.codes, 3)
    raw = cdist(test.vectors, means).argmin(1)
    assert (raw == test.codes).mean() < 0.8
    assert (probe.predict(test.vectors) == test.codes).mean() > 0.95
    np.testing.assert_allclose(probe.probabilities(test.vectors).sum(1), 1, atol=1e-5)
    assert probe.space.shape == (3, 8)


def test_probe_on_shuffled_labels_stays_at_chance() -> None:
    train, dev, test = planted(1500, seed=1), planted(300, seed=2), planted(900, seed=3)
    shuffled = Split(train.vectors, np.random.default_rng(4).permutation(train.codes), train.sentence)
    shuffled_dev = Split(dev.vectors, np.random.default_rng(5).permutation(dev.codes), dev.sentence)
    probe = train_probe(shuffled, shuffled_dev, ("a", "b", "c"), settings=ProbeSettings(rank=8))
    assert abs((probe.predict(test.vectors) == test.codes).mean() - 1 / 3) < 0.12


def test_same_seed_same_probe_and_another_seed_another() -> None:
    train, dev = planted(200, seed=1), planted(100, seed=2)
    few = ProbeSettings(rank=4, epochs=2)
    first = train_probe(train, dev, ("a", "b", "c"), settings=few)
    again = train_probe(train, dev, ("a", "b", "c"), settings=few)
    other = train_probe(train, dev, ("a", "b", "c"), settings=few.model_copy(update={"seed": 1}))
    np.testing.assert_array_equal(first.A, again.A)
    assert not np.array_equal(first.A, other.A)


def test_one_step_equals_a_naive_gradient_step() -> None:
    """One epoch with one batch: Adam's first step is lr * sign(gradient) of the paper's loss."""
    train = planted(16, dim=6, seed=1)
    settings = ProbeSettings(rank=3, epochs=1, learning_rates=(1e-3,), batch_sentences=99, weight_decay=0)
    probe = train_probe(train, train, ("a", "b", "c"), settings=settings)
    x = torch.tensor((train.vectors - probe.mean) / probe.scale, dtype=torch.float64)
    c = torch.tensor(probe.prototypes, dtype=torch.float64)
    start = torch.empty(6, 3).uniform_(-0.05, 0.05, generator=torch.Generator().manual_seed(0))
    A = start.double().requires_grad_()
    loss = torch.zeros((), dtype=torch.float64)
    for row, code in zip(x, train.codes, strict=True):
        distances = torch.stack([((row @ A - c[k] @ A) ** 2).sum() for k in range(3)])
        loss = loss + distances[code] + torch.logsumexp(-distances, 0)
    (loss / len(x)).backward()
    assert A.grad is not None
    np.testing.assert_allclose(probe.A, (start - 1e-3 * A.grad.sign()).numpy(), atol=1e-5)


def test_a_concept_absent_from_training_is_never_predicted() -> None:
    train, dev = planted(300, seed=1), planted(100, seed=2)
    probe = train_probe(train, dev, ("a", "b", "c", "d"), settings=ProbeSettings(rank=4, epochs=3))
    assert probe.predict(dev.vectors).max() <= 2


def test_too_few_concepts_and_an_unlabelled_dev_are_told() -> None:
    train = planted(30, seed=1)
    one = Split(train.vectors, np.zeros(30, int), train.sentence)
    with pytest.raises(InputError, match="at least two concepts"):
        train_probe(one, train, ("a",))
    nothing = Split(train.vectors, np.full(30, -1), train.sentence)
    with pytest.raises(InputError, match="dev split"):
        train_probe(train, nothing, ("a", "b", "c"))


def test_training_stops_when_it_is_asked_to() -> None:
    class Stop(Journal):
        def stop_requested(self) -> bool:
            return True

    with pytest.raises(Cancelled):
        train_probe(planted(50, seed=1), planted(50, seed=2), ("a", "b", "c"), journal=Stop())


def test_accuracy_table_on_a_case_counted_by_hand() -> None:
    names = ("NOUN", "PUNCT", "VERB")
    train = Labels(names, np.array([0, 0, 0, 1, 2, 2]))
    train_forms = np.array(["dog", "run", "cat", ".", "run", "run"])
    test_forms = np.array(["dog", ".", "run", "new", "odd", "none"])
    test = Labels(names, np.array([0, 1, 0, 2, -1, -2]))
    predicted = np.array([0, 1, 2, 2, 0, 0])
    table = accuracy_table(predicted, test, test_forms, train_labels=train, train_forms=train_forms)
    got = {(r["method"], r["subset"], r["convention"]): (r["accuracy"], r["n"]) for r in table}
    assert got["probe", "all", "unseen_wrong"] == (3 / 5, 5)
    assert got["probe", "all", "unseen_left_out"] == (3 / 4, 4)
    assert got["lookup", "all", "unseen_wrong"] == (2 / 5, 5)  # run is mostly a verb; new, odd -> majority
    assert got["majority", "all", "unseen_wrong"] == (2 / 5, 5)
    assert got["probe", "without PUNCT", "unseen_wrong"] == (2 / 4, 4)
    assert got["probe", "unseen forms", "unseen_wrong"] == (1 / 2, 2)
    assert got["lookup", "unseen forms", "unseen_left_out"] == (0.0, 1)


def test_wilson_interval_against_its_formula() -> None:
    low, high = wilson(40, 100)
    z, p, n = 1.959964, 0.4, 100
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    assert (low, high) == pytest.approx((middle - half, middle + half), abs=1e-6)


def test_control_labels_are_fixed_by_word_type_and_seed() -> None:
    forms = np.array(["a", "b", "a", "c"] * 50)
    codes = np.array([0, 1, 0, 2] * 50)
    once, again = control_labels(forms, codes, seed=3), control_labels(forms, codes, seed=3)
    assert once == again
    assert set(once) == {"a", "b", "c"}
