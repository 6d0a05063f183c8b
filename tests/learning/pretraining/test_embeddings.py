"""Counts factorised: tokens that occur alike start alike."""

from __future__ import annotations

import numpy as np
import pytest

from xviz.learning.pretraining.corpus import Packed
from xviz.learning.pretraining.embeddings import spectral_embeddings
from xviz.learning.pretraining.spec import BatchSettings

NOUNS, VERBS = range(10, 20), range(20, 30)
FOREIGN = 30  # token n + 30 translates token n


@pytest.fixture(scope="module")
def folders():
    rng = np.random.default_rng(0)
    lines = [np.array([5, rng.choice(NOUNS), rng.choice(VERBS), 6]) for _ in range(2000)]
    text = packed({"eng": lines})
    words = [rng.choice(np.arange(10, 30), size=5, replace=False) for _ in range(400)]
    pairs = packed({"eng": words, "xxx": [w + FOREIGN for w in words]}, together=True)
    return text, pairs


def packed(texts: dict[str, list[np.ndarray]], *, together: bool = False) -> Packed:
    lines = [line for text in texts.values() for line in text]
    numbers = np.arange(len(lines)).reshape(len(texts), -1)
    train = (
        {"set": numbers.T} if together else {name: n[:, None] for name, n in zip(texts, numbers, strict=True)}
    )
    return Packed(
        tokens=np.concatenate(lines).astype(np.uint16),
        bounds=np.concatenate([[0], np.cumsum([len(line) for line in lines])]),
        train=train,
        dev={},
        languages={name: list(texts) if together else [name] for name in train},
    )


def test_words_of_one_class_are_alike(folders):
    vectors = spectral_embeddings(folders[0], None, BatchSettings(), vocabulary=70, width=8, seed=0)
    nouns, verbs = vectors[list(NOUNS)], vectors[list(VERBS)]
    assert (nouns @ nouns.T).min() > (nouns @ verbs.T).max()
    assert not vectors[40:].any()


def test_a_word_is_most_like_its_translation(folders):
    vectors = spectral_embeddings(*folders, BatchSettings(), vocabulary=70, width=24, seed=0)
    own, foreign = vectors[10:30], vectors[10 + FOREIGN : 30 + FOREIGN]
    assert ((own @ foreign.T).argmax(axis=1) == np.arange(20)).mean() > 0.9


def test_the_same_seed_gives_the_same_vectors(folders):
    one, two = (
        spectral_embeddings(*folders, BatchSettings(), vocabulary=70, width=16, seed=3) for _ in range(2)
    )
    assert np.array_equal(one, two)
    assert np.linalg.norm(one[10:30], axis=1) == pytest.approx(1)
