"""The map of vectors from elsewhere, against scikit-learn and plain means."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA

from xviz.concepts.own_vectors import OwnVectors
from xviz.errors import InputError
from xviz.projection.own_map import own_map


@pytest.fixture
def own() -> OwnVectors:
    rng = np.random.default_rng(0)
    words = pd.DataFrame(
        {
            "form": [f"w{i}" for i in range(90)],
            "language": np.repeat(["eng", "deu", "ara"], 30),
            "upos": rng.choice(["NOUN", "VERB", "_"], 90),
        }
    )
    words.loc[60:, "upos"] = ["X"] * 5 + ["NOUN"] * 25
    return OwnVectors(rng.normal(size=(2, 90, 6)).astype(np.float32) + 4, words)


def test_points_lie_on_principal_components(own) -> None:
    chart = own_map(own, layer=1)
    expected = PCA(2).fit_transform(own.vectors[1].astype(float))
    places = chart.points.sort_values("word")[["x", "y"]].to_numpy()
    np.testing.assert_allclose(np.abs(places), np.abs(expected), atol=1e-6)
    assert len(chart.shares) == 2
    assert set(chart.points["concept"]) == {"NOUN", "VERB", "X", ""}


def test_prototypes_are_where_the_means_of_all_words_are_and_each_language_counts_once(own) -> None:
    chart = own_map(own)
    table = chart.prototypes.set_index(["concept", "language"])
    places = chart.points.set_index("word")[["x", "y"]]
    for concept, language in (("NOUN", "eng"), ("VERB", "deu"), ("X", "ara")):
        mine = (own.words["upos"] == concept) & (own.words["language"] == language)
        at = table.loc[(concept, language)]
        np.testing.assert_allclose(
            at[["x", "y"]].astype(float), places[mine.to_numpy()[places.index]].mean(), atol=1e-6
        )
        assert at["count"] == mine.sum()
    languages = [key for key in table.index if key[0] == "NOUN" and key[1] and table.loc[key, "count"] >= 10]
    mean = table.loc[languages][["x", "y"]].mean()
    np.testing.assert_allclose(table.loc[("NOUN", "")][["x", "y"]].astype(float), mean, atol=1e-6)
    assert ("X", "") not in table.index, "5 words are too few"


def test_centring_brings_the_languages_to_one_centre(own) -> None:
    chart = own_map(own, centring="language", dims=3)
    means = chart.points.groupby("language")[["x", "y", "z"]].mean()
    np.testing.assert_allclose(means, 0, atol=1e-6)


def test_a_sample_is_drawn_by_seed_and_only_of_the_chosen_languages(own) -> None:
    one = own_map(own, languages=["deu", "ara"], sample=10)
    assert one.points.groupby("language").size().to_dict() == {"ara": 10, "deu": 10}
    assert set(one.prototypes["language"]) <= {"deu", "ara", ""}
    pd.testing.assert_frame_equal(one.points, own_map(own, languages=["deu", "ara"], sample=10).points)
    assert (
        own_map(own, sample=10, seed=1).points["word"].tolist()
        != own_map(own, sample=10).points["word"].tolist()
    )


def test_too_little_is_told(own) -> None:
    few = OwnVectors(own.vectors[:, :2], own.words.iloc[:2])
    with pytest.raises(InputError, match="more than 2 words; there are 2"):
        own_map(few)
    nothing = OwnVectors(own.vectors, own.words.assign(upos="_"))
    with pytest.raises(InputError, match="column 'upos'"):
        own_map(nothing)
