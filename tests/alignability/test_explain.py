"""Word order counted by hand, MRQAP that holds its level, and prediction of unseen families."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from xviz.alignability.explain import leave_one_family_out, mrqap
from xviz.alignability.predictors import (
    language_facts,
    order_distance,
    pair_matrix,
    pair_predictors,
    word_order,
)
from xviz.corpora.treebank import Treebank
from xviz.errors import InputError


def words(rows: list[tuple[int, int, str]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["index", "head", "deprel"])


def test_word_order_by_hand() -> None:
    table = word_order(
        words([(1, 2, "nsubj:pass"), (2, 0, "root"), (3, 2, "nsubj"), (4, 2, "obj"), (5, 2, "punct")])
    )
    table = table.set_index("relation")
    assert table.index.tolist() == ["nsubj", "obj"]
    assert table["n"].tolist() == [2, 1]
    assert table["head_initial"].tolist() == [0.5, 1.0]
    assert table["entropy"].tolist() == [1.0, 0.0]


def test_order_distance_leaves_out_what_is_rare() -> None:
    a = pd.DataFrame({"relation": ["x", "y", "z"], "n": [50, 50, 3], "head_initial": [0.0, 1.0, 0.0]})
    b = pd.DataFrame({"relation": ["x", "y", "z"], "n": [50, 50, 50], "head_initial": [1.0, 0.5, 1.0]})
    assert order_distance(a, b) == pytest.approx(0.75)


def test_facts_and_predictors_of_languages() -> None:
    table = words([(1, 2, "nsubj"), (2, 0, "root"), (3, 2, "obj")] * 30)
    turned = words([(1, 2, "nsubj"), (2, 3, "obj"), (3, 0, "root")] * 10)
    banks = [
        Treebank(name, iso, "all", pd.DataFrame(), rows, "")
        for name, iso, rows in (
            ("UD_German-PUD", "deu", table),
            ("UD_English-PUD", "eng", table),
            ("UD_Japanese-PUD", "jpn", turned),
        )
    ]
    facts, orders = language_facts(
        banks, {"UD_German-PUD": 1.5, "UD_English-PUD": 1.2, "UD_Japanese-PUD": 2.0}
    )
    assert facts["head_initial"].tolist() == [0.5, 0.5, 0.0]
    found = pair_predictors(facts, orders)
    assert found["same_family"][0].tolist() == [1, 1, 0]
    assert found["same_script"][0, 2] == 0
    assert found["fertility"][0, 1] == pytest.approx(np.log(1.5 / 1.2))
    assert found["size"][0, 2] == pytest.approx(np.log(30))
    assert "order_entropy" not in found  # the same for all


def made(seed: int, n: int = 14) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two correlated predictors that are differences between languages, and noise with language effects."""
    rng = np.random.default_rng(seed)
    u = rng.normal(size=n)
    v = 0.7 * u + rng.normal(size=n)
    noise = rng.normal(size=n)
    error = noise[:, None] + noise[None, :] + rng.normal(size=(n, n))
    error = (error + error.T) / 2
    return np.abs(u[:, None] - u), np.abs(v[:, None] - v), error


def test_mrqap_finds_the_predictor_that_matters_and_not_its_companion() -> None:
    a, b, error = made(0)
    table = mrqap(-3 * a + 0.3 * error, {"a": a, "b": b}, permutations=199).set_index("predictor")
    assert table.loc["a", "p"] <= 0.01
    assert table.loc["a", "beta"] < -0.5
    assert table.loc["b", "p"] > 0.05
    assert table["n_pairs"].tolist() == [91, 91]


@pytest.mark.slow
def test_mrqap_holds_its_level_where_pairs_share_languages() -> None:
    wrong = 0
    for seed in range(400):
        a, b, error = made(seed)
        wrong += (
            mrqap(a + error, {"a": a, "b": b}, permutations=99, seed=seed)
            .set_index("predictor")
            .loc["b", "p"]
            < 0.05
        )
    assert wrong / 400 <= 0.08


def test_unseen_families_are_predicted_where_there_is_something_to_learn() -> None:
    a, b, error = made(3, n=16)
    families = ["one"] * 4 + ["two"] * 4 + ["three"] * 4 + ["four"] * 4
    good = leave_one_family_out(2 * a + 0.1 * error, {"a": a, "b": b}, families)
    assert good.families == ("four", "one", "three", "two")
    assert good.r2 > 0.9
    assert (good.pairs["families"] <= 2).all()
    bad = leave_one_family_out(error, {"a": a, "b": b}, families)
    assert bad.r2 < 0.3


def test_what_cannot_be_regressed_is_told() -> None:
    a, b, _ = made(0)
    with pytest.raises(InputError, match="determine one another"):
        mrqap(a, {"a": a, "twice": 2 * a})
    with pytest.raises(InputError, match="more languages"):
        mrqap(a[:3, :3], {"a": a[:3, :3], "b": b[:3, :3]})


def test_a_matrix_of_pairs_wants_each_pair_once() -> None:
    scores = pd.DataFrame({"treebank_a": ["x", "x"], "treebank_b": ["y", "z"], "score": [0.1, 0.2]})
    with pytest.raises(InputError, match="y and z"):
        pair_matrix(scores, ["x", "y", "z"])
    got = pair_matrix(scores, ["x", "y"])
    assert got[0, 1] == got[1, 0] == 0.1
    with pytest.raises(InputError, match="twice"):
        pair_matrix(pd.concat([scores, scores]), ["x", "y"])
