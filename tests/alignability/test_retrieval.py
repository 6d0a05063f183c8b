"""MEXA and retrieval against a naive loop, on planted and on unrelated vectors."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cosine

from xviz.alignability.retrieval import mexa_chance, retrieve

RNG = np.random.default_rng(0)


def naive(e: np.ndarray, ls: np.ndarray) -> tuple[list[bool], list[bool], list[bool]]:
    n = len(e)
    C = np.array([[1 - cosine(e[i], ls[j]) for j in range(n)] for i in range(n)])
    row = [all(C[i, i] > C[i, j] for j in range(n) if j != i) for i in range(n)]
    column = [all(C[i, i] > C[j, i] for j in range(n) if j != i) for i in range(n)]
    return [r and c for r, c in zip(row, column, strict=True)], row, column


@pytest.mark.parametrize("centred", [False, True])
def test_hits_equal_a_naive_loop(centred: bool) -> None:
    e = RNG.normal(size=(30, 8)) + 1
    others = e + RNG.normal(size=(5, 30, 8)) * 1.2 + RNG.normal(size=(5, 1, 8))
    hits = retrieve(e, others, centred=centred)
    if centred:
        e, others = e - e.mean(0), others - others.mean(1, keepdims=True)
    for k in range(5):
        mexa, row, column = naive(e, others[k])
        assert hits.mexa[k].tolist() == mexa
        assert hits.from_pivot[k].tolist() == row
        assert hits.to_pivot[k].tolist() == column


def test_unrelated_vectors_are_at_chance() -> None:
    n, languages = 40, 400
    hits = retrieve(RNG.normal(size=(n, 16)), RNG.normal(size=(languages, n, 16)))
    assert hits.mexa.mean() == pytest.approx(mexa_chance(n), abs=0.005)
    assert hits.from_pivot.mean() == pytest.approx(1 / n, abs=0.005)


def test_an_offset_between_languages_is_undone_by_centring() -> None:
    e = RNG.normal(size=(200, 32))
    other = (e + RNG.normal(size=e.shape) * 0.8)[None]
    offset = other + 8 * RNG.normal(size=32)
    plain = retrieve(e, other, centred=True).mexa.mean()
    assert retrieve(e, offset).mexa.mean() < plain / 2
    assert retrieve(e, offset, centred=True).mexa.mean() == pytest.approx(plain, abs=0.01)


def test_identical_vectors_are_ties_and_ties_are_no_hits() -> None:
    assert retrieve(np.ones((4, 3)), np.ones((1, 4, 3))).mexa.sum() == 0
    e = np.eye(4)
    assert retrieve(e, e[None]).mexa.all()


def test_what_float32_cannot_tell_apart_is_decided_as_float64_does() -> None:
    """Vectors of decoders lie in a narrow cone: cosines then differ by less than float32 rounds."""
    e = (1 + 1e-3 * RNG.normal(size=(40, 64))).astype(np.float32)
    other = (e + 1e-3 * RNG.normal(size=e.shape)).astype(np.float32)
    other[7] = other[3]  # a tie for e_3 and for e_7
    hits = retrieve(e, other[None])
    want = naive(e.astype(np.float64), other.astype(np.float64))
    assert 0 < sum(want[0]) < 40
    for got, expected in zip((hits.mexa, hits.from_pivot, hits.to_pivot), want, strict=True):
        assert got[0].tolist() == expected
    assert not hits.from_pivot[0, 3]


def test_centring_survives_a_large_mean() -> None:
    e = RNG.normal(size=(200, 32)).astype(np.float32)
    other = (e + RNG.normal(size=e.shape) * 0.5).astype(np.float32)
    far = np.stack([e, other]).astype(np.float64) + 1000 * RNG.normal(size=32)
    rounded = far.astype(np.float32)
    got = retrieve(rounded[0], rounded[1:], centred=True)
    own = [np.float64(x) - np.float64(x).mean(0) for x in rounded]
    assert got.mexa[0].tolist() == retrieve(own[0], own[1][None]).mexa[0].tolist()
