"""Episodes: support and query never overlap, one language each, every concept in the support."""

from __future__ import annotations

import numpy as np
import pytest

from xviz.errors import InputError
from xviz.learning.meta.episodes import EpisodeSampler, padded


def test_support_and_query_are_disjoint_in_a_thousand_episodes(make_family) -> None:
    languages = make_family((), steps=2).training
    sampler = EpisodeSampler(languages, concepts=6, support=3, query=30)
    rng = np.random.default_rng(0)
    for _ in range(1000):
        language = int(rng.integers(len(languages)))
        episode = sampler.draw(language, rng)
        assert not set(episode.support) & set(episode.query)
        assert len(set(episode.query)) == len(episode.query) == 30
        assert len(episode.support) >= 3
        there = sampler.presence[language]
        assert there[episode.support].any(0).tolist() == there.any(0).tolist()  # smoothed
        assert max(*episode.support, *episode.query) < len(there)


def test_an_epoch_has_as_many_episodes_of_each_language_in_steps(make_family) -> None:
    sampler = EpisodeSampler(make_family((), steps=2).training, concepts=6, support=3, query=5)
    steps = list(sampler.epoch(np.random.default_rng(1), episodes=7, together=4))
    counts = np.bincount([episode.language for step in steps for episode in step])
    assert counts.tolist() == [7, 7, 7]
    assert [len(step) for step in steps] == [4, 4, 4, 4, 4, 1]


def test_rows_are_those_of_the_sentences_and_weigh_one_episode_as_much_as_another(make_family) -> None:
    languages = make_family((), steps=2).training
    sampler = EpisodeSampler(languages, concepts=6, support=3, query=5)
    rng = np.random.default_rng(2)
    steps = [[sampler.draw(0, rng), sampler.draw(2, rng)] for _ in range(3)]
    rows = sampler.rows(steps, "query")
    sentence = np.concatenate([language.train.sentence for language in languages])
    for s, step in enumerate(steps):
        for e, episode in enumerate(step):
            used = rows.index[s, e][rows.weight[s, e] > 0]
            assert set(sentence[used]) == set(episode.query)
            inside = slice(*sampler.offsets[episode.language : episode.language + 2])
            assert set(used) <= set(range(inside.start, inside.stop))
            np.testing.assert_allclose(rows.weight[s, e].sum(), 0.5, rtol=1e-5)


def test_padding_has_no_weight() -> None:
    rows = padded([[np.array([4, 5, 6]), np.array([9])]])
    assert rows.index.shape == (1, 2, 3)
    np.testing.assert_allclose(rows.weight[0], [[1 / 6] * 3, [1 / 2, 0, 0]])


def test_a_language_with_too_few_sentences_is_named(make_family, make_language) -> None:
    short = make_language("short", np.eye(24), seed=5, sentences=8)
    with pytest.raises(InputError, match="UD_short has 8 sentences"):
        EpisodeSampler([short], concepts=6, support=5, query=5)
