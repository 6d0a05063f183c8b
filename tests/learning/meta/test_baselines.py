"""Baselines on cases whose answer is known, and against scipy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.linalg import orthogonal_procrustes
from scipy.spatial.distance import cdist

from xviz.concepts.probe import Probe
from xviz.learning.meta import baselines
from xviz.learning.meta.languages import Language, Side


def side(vectors, codes, sentence=None, forms=None) -> Side:
    codes = np.asarray(codes)
    sentence = np.arange(len(codes)) if sentence is None else np.asarray(sentence)
    forms = np.array(forms if forms is not None else ["x"] * len(codes), object)
    names = tuple(f"s{i}" for i in range(int(sentence.max()) + 1))
    return Side(np.asarray(vectors, np.float32), codes, sentence, forms, names)


def test_nearest_is_nearest_and_a_place_of_nan_is_nobodys() -> None:
    rng = np.random.default_rng(0)
    z, places = rng.normal(size=(50, 5)), rng.normal(size=(4, 5))
    np.testing.assert_array_equal(baselines.nearest(z, places), cdist(z, places).argmin(1))
    places[2] = np.nan
    assert 2 not in baselines.nearest(z, places)


def test_lookup_takes_the_majority_of_the_form_else_of_everything() -> None:
    train = side(np.zeros((6, 2)), [0, 0, 1, 2, 2, 2], forms=["a", "a", "a", "b", "b", "c"])
    teacher = Language("UD_t", "t", train, train, train)
    test = side(np.zeros((4, 2)), [0, 0, 0, 0], forms=["a", "b", "new", "c"])
    assert baselines.lookup([teacher], test).tolist() == [0, 2, 2, 2]


def test_majority_is_of_the_judged_words() -> None:
    assert baselines.majority(side(np.zeros((5, 2)), [1, 1, 0, -1, -2])).tolist() == [1] * 5


def identity_probe(places: np.ndarray) -> Probe:
    concepts, dim = places.shape
    ones = np.ones(dim, np.float32)
    counts, names = np.ones(concepts, int), tuple(map(str, range(concepts)))
    A, c = np.eye(dim, dtype=np.float32), places.astype(np.float32)
    return Probe(A, 0 * ones, ones, c, counts, names, learning_rate=0.0, epoch=1, dev_accuracy=0.0)


def test_procrustes_is_scipys_where_the_prototypes_determine_it() -> None:
    rng = np.random.default_rng(4)
    P, C = rng.normal(size=(9, 5)), rng.normal(size=(9, 5))
    basis, S = baselines.procrustes(P, C)
    R = np.eye(5) + basis @ (S - np.eye(len(S))) @ basis.T
    want, _ = orthogonal_procrustes(P, C)
    np.testing.assert_allclose(R, want, atol=0.02)  # the ridge pulls a little towards the identity
    np.testing.assert_allclose(R @ R.T, np.eye(5), atol=1e-10)


def test_procrustes_is_the_identity_outside_what_the_prototypes_span() -> None:
    rng = np.random.default_rng(5)
    P, C = rng.normal(size=(3, 40)), rng.normal(size=(3, 40))
    basis, S = baselines.procrustes(P, C)
    R = np.eye(40) + basis @ (S - np.eye(len(S))) @ basis.T
    outside = rng.normal(size=(4, 40))
    outside -= outside @ basis @ basis.T
    np.testing.assert_allclose(outside @ R, outside, atol=1e-10)
    best, _ = orthogonal_procrustes(P, C)
    assert np.linalg.norm(P @ R - C) <= np.linalg.norm(P @ best - C) * 1.01


def test_rotation_undoes_a_rotation_from_prototypes_alone() -> None:
    rng = np.random.default_rng(1)
    places = rng.normal(size=(8, 6)) * 3
    codes = np.tile(np.arange(8), 30)
    words = places[codes] + 0.1 * rng.normal(size=(240, 6))
    turn, _ = np.linalg.qr(rng.normal(size=(6, 6)))
    few = side((words - 1.0) @ turn + 2.0, codes, sentence=np.repeat(np.arange(24), 10))
    probe = identity_probe(places)
    assert (baselines.rotation(few, np.arange(24), few, probe) == codes).mean() > 0.99
    assert (probe.predict(few.vectors) == codes).mean() < 0.6


def test_rotation_leaves_alone_what_few_prototypes_do_not_determine() -> None:
    rng = np.random.default_rng(2)
    places = rng.normal(size=(6, 20))
    few = side(places[:3], [0, 1, 2], sentence=[0, 0, 0])
    test = side(places + 0.01 * rng.normal(size=places.shape), np.arange(6))
    probe = identity_probe(places)
    assert baselines.rotation(few, np.array([0]), test, probe).tolist() == list(range(6))


def test_own_prototypes_see_their_sentences_alone() -> None:
    few = side([[0, 0], [4, 0], [9, 9]], [0, 1, 2], sentence=[0, 0, 1])
    test = side([[0.1, 0], [3.9, 0]], [0, 1])
    assert baselines.own_prototypes(few, np.array([0]), test, 3).tolist() == [0, 1]
    changed = replace(few, vectors=np.array([[0, 0], [4, 0], [-9, 5]], np.float32))
    assert baselines.own_prototypes(changed, np.array([0]), test, 3).tolist() == [0, 1]


def test_pooled_weighs_languages_alike() -> None:
    """Two languages that disagree on a point: the larger one does not overrule the smaller by its size."""
    rng = np.random.default_rng(3)

    def teacher(n: int, flip: bool) -> Language:
        x = rng.normal(size=(n, 3))
        codes = (x[:, 0] > 0).astype(int)
        each = side(x, 1 - codes if flip else codes)
        return Language(f"UD_{n}", str(n), each, each, each)

    x = np.array([[5.0, 0, 0], [-5.0, 0, 0]])
    agreed, split = teacher(4000, False), teacher(400, True)
    assert baselines.Pooled([agreed, teacher(400, False)], 2).predict(side(x, [1, 0])).tolist() == [1, 0]

    def margin(teachers: list[Language]) -> float:
        model = baselines.Pooled(teachers, 2)
        scores = x @ model.W @ np.array([-1.0, 1.0])
        return float(scores[0] - scores[1])

    assert abs(margin([agreed, split])) < 0.25 * margin([agreed])  # undecided, though one is ten times larger
