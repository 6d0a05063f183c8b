"""Sentence-level scores against naive loops, at chance where nothing is shared, and COLAP with its guards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from xviz.alignability.clusters import calign, colap, read_lexicon
from xviz.alignability.retrieval import retrieve
from xviz.alignability.sentences import (
    alignment,
    language_accuracy,
    mean_separation,
    neighbour_mixing,
    uniformity,
)
from xviz.errors import InputError

RNG = np.random.default_rng(0)


def test_shuffled_translations_give_mexa_of_at_most_four_in_a_thousand() -> None:
    n = 1000
    e = RNG.normal(size=(n, 32)).astype(np.float32)
    others = np.stack([e + 0.5 * RNG.normal(size=e.shape) for _ in range(3)]).astype(np.float32)
    assert retrieve(e, others).mexa.mean() > 0.5
    shuffled = np.stack([other[RNG.permutation(n)] for other in others])
    assert retrieve(e, shuffled).mexa.mean(1).max() <= 0.004


def test_alignment_and_uniformity_equal_naive_loops() -> None:
    x, y = RNG.normal(size=(2, 12, 5))
    x, y = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (x, y))
    got = alignment(torch.from_numpy(3 * x), torch.from_numpy(y)).item()
    assert got == pytest.approx(np.mean([((a - b) ** 2).sum() for a, b in zip(x, y, strict=True)]))
    pairs = [np.exp(-2 * ((x[i] - x[j]) ** 2).sum()) for i in range(12) for j in range(i)]
    assert uniformity(torch.from_numpy(2 * x)) == pytest.approx(np.log(np.mean(pairs)))


def test_mixing_is_at_chance_for_languages_that_do_not_differ_and_zero_for_separate_ones() -> None:
    languages, n = 4, 60
    x = RNG.normal(size=(languages, n, 16))
    assert neighbour_mixing(torch.from_numpy(x)).mean() == pytest.approx(0.75, abs=0.03)
    assert language_accuracy(x) == pytest.approx(0.25, abs=0.1)
    offset = x + 20 * RNG.normal(size=(languages, 1, 16))
    assert neighbour_mixing(torch.from_numpy(offset)).max() < 0.01
    assert language_accuracy(offset) == 1


def test_translations_of_a_sentence_do_not_count_as_its_neighbours() -> None:
    sentence = RNG.normal(size=(1, 40, 16))
    x = np.concatenate([sentence, sentence + 1e-6 * RNG.normal(size=sentence.shape)])
    got = neighbour_mixing(torch.from_numpy(x), k=1)
    similar = x / np.linalg.norm(x, axis=-1, keepdims=True)
    flat = similar.reshape(80, 16)
    C = flat @ flat.T
    share = [
        np.arange(80)[i % 40 != np.arange(80) % 40][C[i, i % 40 != np.arange(80) % 40].argmax()] // 40
        for i in range(80)
    ]
    want = [np.mean([share[i] != 0 for i in range(40)]), np.mean([share[i] != 1 for i in range(40, 80)])]
    np.testing.assert_allclose(got, want, atol=0.15)  # nearly equal rows: rounding decides some


def test_means_of_languages_by_hand() -> None:
    x = np.zeros((2, 2, 3))
    x[0, :, 0], x[1, :, 0] = 3, -3
    x[:, 0, 1], x[:, 1, 1] = 1, -1
    distance, share = mean_separation(x)
    assert distance == pytest.approx(6.0)
    assert share == pytest.approx(9 / 10)


def test_colap_on_noise_is_high_which_its_guards_show() -> None:
    noise = RNG.normal(size=(4, 600, 8))
    concepts = RNG.integers(0, 5, size=(2, 600))
    guards = {"random_weights": (noise[2], noise[3]), "clusters": 30}
    got = colap(noise[0], noise[1], *concepts, **guards)
    assert got.colap > 0.9
    assert got.random_weights > 0.9
    assert got.purity < got.chance_purity + 0.2
    assert got.words_each == 600
    apart = colap(noise[0] + 50, noise[1] - 50, *concepts, **guards)
    assert apart.colap == 0
    centres = 30 * RNG.normal(size=(5, 8))
    mixed = [centres[concepts[i]] + noise[i] for i in range(2)]
    assert colap(*mixed, *concepts, **guards).purity > 0.95


def test_colap_takes_as_many_words_of_both_languages() -> None:
    a, b = RNG.normal(size=(500, 4)), RNG.normal(size=(60, 4))
    got = colap(a, b, np.zeros(500, int), np.zeros(60, int), random_weights=(a, b))
    assert got.words_each == 60


def test_calign_follows_the_lexicon(tmp_path: Path) -> None:
    file = tmp_path / "lexicon.tsv"
    file.write_text("Hund\tdog\nKatze\tcat\nrot\tred\nblau\tblue\n", encoding="utf-8")
    lexicon = read_lexicon(file)
    assert lexicon["hund"] == {"dog"}
    centres = np.array([[0.0, 0], [0, 0], [9, 9], [9, 9]])
    a = np.array(["Hund", "Katze", "rot", "blau"])
    b = np.array(["dog", "cat", "red", "blue"])
    assert calign(centres, centres, a, b, lexicon, clusters=2) == 1
    assert calign(centres, centres, a, b[[0, 2, 1, 3]], lexicon, clusters=2) == 0
    file.write_text("Hund dog\n", encoding="utf-8")
    with pytest.raises(InputError, match="tab"):
        read_lexicon(file)
