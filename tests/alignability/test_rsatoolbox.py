"""RSA end to end against rsatoolbox (van den Bosch et al.), where it computes the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from rsatoolbox import data, rdm

from xviz.alignability.scores import crossvalidated, dissimilarities, rsa

RNG = np.random.default_rng(0)
SPACES = RNG.normal(size=(4, 11, 20)) + RNG.normal(size=(11, 20))
COMPARE = {"spearman": "spearman", "pearson": "corr", "kendall": "kendall"}


def rdms(method: str):
    """Dissimilarities as rsatoolbox takes them from vectors: euclidean ones squared, a dimension."""
    return rdm.concat([rdm.calc_rdm(data.Dataset(space), method=method) for space in SPACES])


@pytest.mark.parametrize("metric", ["euclidean", "correlation"])
def test_dissimilarities_are_the_same(metric: str) -> None:
    got = dissimilarities(torch.from_numpy(SPACES), metric).numpy()
    want = rdms(metric).dissimilarities
    if metric == "euclidean":
        got = got**2 / SPACES.shape[-1]
    np.testing.assert_allclose(got, want, atol=1e-12)


@pytest.mark.parametrize("correlation", ["spearman", "pearson", "kendall"])
@pytest.mark.parametrize("ties", [False, True])
def test_comparisons_of_the_same_dissimilarities_are_the_same(correlation: str, ties: bool) -> None:
    triangles = rdms("correlation").dissimilarities
    if ties:
        triangles = triangles.round(1)
    theirs = rdm.RDMs(triangles)
    want = rdm.compare(theirs, theirs, method=COMPARE[correlation])
    got = rsa(torch.from_numpy(triangles), torch.from_numpy(triangles), correlation).numpy()
    np.testing.assert_allclose(got, want, atol=1e-9)


@pytest.mark.parametrize("correlation", ["spearman", "kendall"])
def test_from_vectors_to_rank_correlations(correlation: str) -> None:
    """Squares do not change ranks, so the whole way agrees although rsatoolbox squares distances."""
    ours = dissimilarities(torch.from_numpy(SPACES))
    theirs = rdms("euclidean")
    want = rdm.compare(theirs, theirs, method=COMPARE[correlation])
    np.testing.assert_allclose(rsa(ours, ours, correlation).numpy(), want, atol=1e-9)


def test_crossvalidated_distances_are_crossnobis_without_whitening() -> None:
    halves = SPACES[:2]
    folds = data.Dataset(
        halves.reshape(-1, halves.shape[-1]),
        obs_descriptors={"concept": np.tile(np.arange(11), 2), "half": np.repeat([0, 1], 11)},
    )
    want = rdm.calc_rdm(folds, method="crossnobis", descriptor="concept", cv_descriptor="half")
    got = crossvalidated(*torch.from_numpy(halves)).numpy() / halves.shape[-1]
    np.testing.assert_allclose(got, want.dissimilarities[0], atol=1e-12)
