"""Transfer without learning: exact on a case done by hand, right on planted languages, chance on noise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from xviz.evaluation.transfer import Source, accuracy_rows, standardise

RNG = np.random.default_rng(0)
CENTRES = RNG.normal(size=(3, 12)) * 3


def language(n: int, *, shift: float, scale: float) -> tuple[np.ndarray, np.ndarray]:
    codes = RNG.integers(0, 3, size=n)
    return scale * (CENTRES[codes] + RNG.normal(size=(n, 12))) + shift, codes


def test_nearest_prototype_in_the_standardised_space() -> None:
    vectors, codes = language(300, shift=0, scale=1)
    source = Source.of(vectors, codes, ("a", "b", "c"))
    target, _ = language(50, shift=2, scale=1)
    x = standardise(vectors)
    means = np.array([x[codes == k].mean(0) for k in range(3)])
    want = cdist(standardise(target), means).argmin(1)
    assert source.predict(target)["direct"].tolist() == want.tolist()


def test_a_language_that_is_shifted_and_scaled_transfers_and_noise_does_not() -> None:
    vectors, codes = language(600, shift=0, scale=1)
    source = Source.of(vectors, codes, ("a", "b", "c"))
    target, truth = language(600, shift=30, scale=4)
    assert (source.predict(target)["direct"] == truth).mean() > 0.95
    noise = RNG.normal(size=(3000, 12))
    assert (source.predict(noise)["direct"] == RNG.integers(0, 3, 3000)).mean() == pytest.approx(
        1 / 3, abs=0.05
    )


def test_a_concept_without_a_prototype_is_never_predicted() -> None:
    vectors, codes = language(300, shift=0, scale=1)
    source = Source.of(vectors, codes, ("a", "b", "c", "absent"))
    assert source.predict(vectors)["direct"].max() <= 2


def test_conventions_for_concepts_unseen_in_the_source() -> None:
    rows = accuracy_rows({"direct": np.array([0, 1, 1, 0, 0])}, np.array([0, 1, 0, -1, -2]))
    got = {row["convention"]: (row["accuracy"], row["n"]) for row in rows}
    assert got == {"unseen_wrong": (2 / 4, 4), "unseen_left_out": (2 / 3, 3)}
