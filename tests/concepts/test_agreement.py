"""Words and their concept in other languages: against a loop over words, and at its ends."""

from __future__ import annotations

import numpy as np
import pytest

from xviz.concepts.agreement import NO_CONCEPTS, agreement
from xviz.errors import InputError


def words(n: int = 240, seed: int = 0):
    rng = np.random.default_rng(seed)
    return {
        "concept": rng.choice(["NOUN", "VERB", "ADP", "PUNCT"], n).astype(object),
        "language": rng.choice(["eng", "deu", "ara"], n).astype(object),
        "form": rng.choice(["a", "A", "b", "c", "d", "e", "f", "g"], n).astype(object),
        "sentence": rng.choice([f"s{i}" for i in range(30)], n).astype(object),
    }


def test_it_is_what_a_loop_over_words_finds() -> None:
    about = words()
    x = np.random.default_rng(1).normal(size=(240, 5)) + 3
    kept = [i for i in range(240) if about["concept"][i] not in NO_CONCEPTS]
    shares, chances = {}, {}
    for i in kept:
        can = [
            j
            for j in kept
            if about["language"][j] != about["language"][i]
            and about["form"][j].lower() != about["form"][i].lower()
        ]
        nearest = sorted(can, key=lambda j: float(((x[i] - x[j]) ** 2).sum()))[:4]
        shares[i] = np.mean([about["concept"][j] == about["concept"][i] for j in nearest])
        chances[i] = np.mean([about["concept"][j] == about["concept"][i] for j in can])
    found = agreement(x, **about, k=4)
    assert found.share == pytest.approx(np.mean(list(shares.values())))
    assert found.chance == pytest.approx(np.mean(list(chances.values())))
    assert (found.words, found.sentences, found.languages) == (len(kept), 30, 3)
    by_sentence: dict[str, float] = {}
    for i in kept:
        name = about["sentence"][i]
        by_sentence[name] = by_sentence.get(name, 0.0) + shares[i] - found.share
    expected = np.sqrt(30 / 29 * sum(v**2 for v in by_sentence.values())) / len(kept)
    assert found.standard_error == pytest.approx(expected)
    assert found.low < found.share < found.high


def test_concepts_in_one_place_agree_fully_and_noise_agrees_by_chance() -> None:
    about = words(2000)
    about["form"] = np.array([f"w{i}" for i in range(2000)], dtype=object)
    names, codes = np.unique(about["concept"].astype(str), return_inverse=True)
    assert agreement(np.eye(len(names))[codes] * 9, **about).share == 1.0
    noise = agreement(np.random.default_rng(2).normal(size=(2000, 8)), **about)
    assert abs(noise.share - noise.chance) < 4 * noise.standard_error


def test_words_that_are_spelt_alike_don_t_count() -> None:
    about = words(400)
    about["form"] = about["concept"]  # each concept one word, the same in every language
    x = np.eye(4)[np.unique(about["concept"].astype(str), return_inverse=True)[1]]
    assert agreement(x, **about).share == 0.0


def test_too_little_is_told() -> None:
    about = words(40)
    x = np.zeros((40, 3))
    with pytest.raises(InputError, match="choose more languages"):
        agreement(x, **about | {"language": np.full(40, "eng")})
    with pytest.raises(InputError, match="too few sentences"):
        agreement(x, **about | {"sentence": np.full(40, "s")})


def test_it_does_not_change_with_place_or_turn() -> None:
    about = words()
    rng = np.random.default_rng(3)
    x = rng.normal(size=(240, 6))
    turned = x @ np.linalg.qr(rng.normal(size=(6, 6)))[0] * 3 + 50
    assert agreement(turned, **about).share == pytest.approx(agreement(x, **about).share)
