import numpy as np
import pytest

from xviz.projection.gather import gather
from xviz.projection.mixing import classifier_row, neighbour_rows, read_mixing, sentences_of
from xviz.projection.neighbours import exact_neighbours
from xviz.projection.spec import LanguageMixingSpec
from xviz.representations.opened import open_representations


def drawn(n_a: int, n_b: int, gap: float):
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(n_a + n_b, 12)).astype(np.float32)
    language = np.repeat([0, 1], [n_a, n_b])
    vectors[:, 0] += gap * language
    sentence = np.concatenate([np.arange(n_a) // 3, np.arange(n_b) // 3])
    return vectors, language, sentence


def test_languages_mixed_at_random_are_at_chance_and_languages_apart_are_not() -> None:
    for gap, apart in ((0.0, False), (30.0, True)):
        vectors, language, sentence = drawn(600, 200, gap)
        near = exact_neighbours(vectors, 10).indices
        first, second, over_all = neighbour_rows(near, language, sentence, ("aaa", "bbb"))
        assert first["chance"] == pytest.approx(200 / 799)
        assert second["chance"] == pytest.approx(600 / 799)
        assert over_all["chance"] == pytest.approx((600 * 200 / 799 + 200 * 600 / 799) / 800)
        naive = np.mean([[language[j] != language[i] for j in near[i]] for i in range(800)])
        assert over_all["share"] == pytest.approx(naive)
        assert over_all["low"] <= naive <= over_all["high"]
        judged = classifier_row(vectors, language, sentence, ("aaa", "bbb"))
        assert judged["n"] == 800
        assert judged["chance"] == 0.75
        if apart:
            assert over_all["share"] == 0
            assert judged["accuracy"] == 1
            assert judged["recall"] == {"aaa": 1.0, "bbb": 1.0}
        else:
            assert first["share"] == pytest.approx(first["chance"], abs=0.06)
            assert judged["low"] < 0.76


def test_a_translation_is_never_on_both_sides_of_the_classifier() -> None:
    """Vectors that name their sentence and nothing else tell no language: memory must not help."""
    generator = np.random.default_rng(1)
    of_sentence = generator.normal(size=(60, 80)).astype(np.float32)
    sentence = np.tile(np.arange(60), 2)
    language = np.repeat([0, 1], 60)
    judged = classifier_row(of_sentence[sentence], language, sentence, ("aaa", "bbb"))
    assert judged["accuracy"] == pytest.approx(0.5, abs=0.02), "twins get the same answer: one is wrong"


def test_centring_leaves_a_classifier_at_chance_and_not_beneath_it() -> None:
    vectors, language, sentence = drawn(90, 90, 8.0)
    assert classifier_row(vectors, language, sentence, ("aaa", "bbb"))["accuracy"] > 0.95
    centred = vectors - np.stack([vectors[language == code].mean(axis=0) for code in (0, 1)])[language]
    naive = classifier_row(centred, language, sentence, ("aaa", "bbb"))
    fair = classifier_row(centred, language, sentence, ("aaa", "bbb"), centred=True)
    assert naive["accuracy"] < 0.4, "means over all points are opposite on the two sides of a fold"
    assert fair["accuracy"] == pytest.approx(0.5, abs=0.1)


def test_the_interval_covers_a_mean_over_sentences() -> None:
    from xviz.projection.mixing import _mean

    generator = np.random.default_rng(2)
    covered = 0
    for _ in range(200):
        level = generator.normal(size=40)
        values = np.repeat(level, 5) + generator.normal(size=200)
        found = _mean(values, np.repeat(np.arange(40), 5), "share")
        covered += found["low"] <= 0 <= found["high"]
    assert 0.88 <= covered / 200 <= 0.99


def test_mixing_is_measured_once_for_all_layouts(ground) -> None:
    wanted = LanguageMixingSpec(map=ground.chart(1), k=7)
    assert read_mixing(ground.store, wanted) is None
    ground.compute(wanted)
    found = read_mixing(ground.store, wanted)
    points = gather(wanted.map, ground.store)
    near = exact_neighbours(points.vectors, 7).indices
    expected = (points.source[near] != points.source[:, None]).mean()
    assert found["neighbours"][-1]["share"] == pytest.approx(expected)
    assert [row["language"] for row in found["neighbours"]] == ["eng", "deu", "ara", ""]
    assert found["classifier"]["n"] == len(points.source)
    solid = LanguageMixingSpec(map=ground.chart(1, dims=3, concepts="feats:Case"), k=7)
    assert read_mixing(ground.store, solid) == found


def test_translations_share_their_number(ground) -> None:
    spec = ground.chart(1)
    points, numbers = gather(spec, ground.store), sentences_of(spec, ground.store)
    opened = [open_representations(s, store=ground.store) for s in spec.sources]
    ids = []
    for source, word in zip(points.source, points.word, strict=True):
        o = opened[source]
        ids.append(o.sentences.set_index("sentence")["sent_id"][o.words["sentence"][word]])
    ids = np.array(ids)
    for number in np.unique(numbers)[:20]:
        assert len(set(ids[numbers == number])) == 1
    assert len(set(numbers)) == len(set(ids))
