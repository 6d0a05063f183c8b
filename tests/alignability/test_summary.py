"""Tables of scores, read: against hand-made tables and scikit-learn's scaling."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import pdist, squareform

from xviz.alignability.summary import clustered, judged, matrix_of, plane, shares


def row(null, mean, p, *, layer=0, pair=("A", "B"), score=0.8, significant=pd.NA, metric="rsa"):
    return {
        "layer": layer,
        "treebank_a": pair[0],
        "treebank_b": pair[1],
        "language_a": pair[0].lower(),
        "language_b": pair[1].lower(),
        "metric": metric,
        "variant": "v",
        "score": score,
        "null_kind": null,
        "null_mean": mean,
        "null_p95": mean + 0.1,
        "p_adjusted": p,
        "significant": significant,
        "low": 0.7,
        "high": 0.9,
        "range": "stability",
        "ceiling": 0.95,
        "n_a": 10,
        "n_b": 20,
        "n_concepts": 9,
    }


@pytest.fixture
def scores():
    rows = [
        row("permutation", 0.0, 0.001, significant=False),
        row("lexical", 0.6, 0.30, significant=False),
        row("random_weights", 0.5, 0.01, significant=False),
        row("permutation", 0.0, 0.001, pair=("A", "C"), score=0.9, significant=True),
        row("lexical", 0.2, 0.01, pair=("A", "C"), score=0.9, significant=True),
        row("random_weights", 0.5, 0.01, pair=("A", "C"), score=0.9, significant=True),
        row("none", np.nan, np.nan, metric="cka"),
    ]
    return pd.DataFrame(rows).astype({"significant": "boolean"})


def test_a_score_is_judged_against_the_null_that_asks_most(scores):
    table = judged(scores, metric="rsa", variant="v").set_index("treebank_b")
    assert table.loc["B", "against"] == "lexical"
    assert table.loc["B", "effect"] == pytest.approx((0.8 - 0.6) / 0.4)
    assert table.loc["B", "fails"] == "lexical"
    assert table.loc["C", "against"] == "random_weights"
    assert table.loc["C", "fails"] == ""
    assert table["significant"].tolist() == [False, True]
    chosen = judged(scores, metric="rsa", variant="v", null="permutation")
    assert chosen["effect"].tolist() == pytest.approx([0.8, 0.9])


def test_a_measure_without_nulls_has_no_effect(scores):
    table = judged(scores, metric="cka", variant="v")
    assert len(table) == 1
    assert table["effect"].isna().all()
    assert judged(scores, metric="procrustes", variant="v").empty


def test_shares_of_pairs(scores):
    table = shares(scores).set_index("beyond")["share"]
    assert table.to_dict() == {"permutation": 1.0, "lexical": 0.5, "random_weights": 1.0, "all": 0.5}
    singly = shares(scores.assign(p=[0.001, 0.04, 0.01, 0.001, 0.01, 0.2, np.nan]), adjusted=False)
    table = singly.set_index("beyond")["share"]
    assert table.to_dict() == {"permutation": 1.0, "lexical": 1.0, "random_weights": 0.5, "all": 0.5}


def test_a_matrix_is_symmetric_and_blank_where_there_is_no_pair(scores):
    pairs = judged(scores, metric="rsa", variant="v")
    matrix = matrix_of(pairs, ["A", "B", "C"], "score")
    assert matrix[0, 1] == matrix[1, 0] == 0.8
    assert np.isnan(matrix[1, 2])
    assert np.isnan(np.diag(matrix)).all()


def test_languages_that_align_stand_together():
    groups = np.array([0, 1, 0, 1, 2, 0])
    matrix = np.where(groups[:, None] == groups, 0.9, 0.1).astype(float)
    order = groups[clustered(matrix)]
    assert (np.diff(order) != 0).sum() == 2, order


def test_the_plane_gives_back_points_that_lie_in_one():
    points = np.random.default_rng(0).normal(size=(9, 2)) * 0.1
    distances = squareform(pdist(points))
    found = plane(1 - distances)
    np.testing.assert_allclose(squareform(pdist(found.points)), distances, atol=1e-9)
    assert sum(found.shares) == pytest.approx(1)


def test_a_plane_of_two_or_of_equal_languages():
    assert plane(np.array([[np.nan, 0.5], [0.5, np.nan]])).points.shape == (2, 2)
    assert np.isfinite(plane(np.ones((3, 3))).points).all()
