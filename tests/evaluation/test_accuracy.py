"""Accuracy tables against naive counts, and the bootstrap against what it must cover."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from xviz.errors import XvizError
from xviz.evaluation.accuracy import (
    ACCURACY,
    CHANGES,
    CONCEPTS,
    GAPS,
    SUMMARY,
    confusion,
    judged_trials,
    resampled_sentences,
    tables,
)
from xviz.evaluation.gaps import interval
from xviz.learning.meta.compute import Judged, Predictions


def judged(treebank: str, *, seed: int, rate: float = 0.7, sentences: int = 50, ids: str = "s") -> Judged:
    """Random codes; three single trials, and a map of 3 seeds x 2 draws that is right at ``rate``."""
    rng = np.random.default_rng(seed)
    sentence = np.repeat(np.arange(sentences), rng.integers(3, 9, size=sentences))
    codes = rng.integers(-2, 4, size=len(sentence))
    trials = [("majority", 0, -1, -1), ("direct", 0, -1, -1), ("probe", 0, -1, -1)]
    trials += [("meta_few_shot", 5, draw, s) for draw in range(2) for s in range(3)]
    predicted = []
    for method, *_ in trials:
        right = rng.random(len(codes)) < (0.0 if method == "majority" else rate)
        predicted.append(np.where(right & (codes >= 0), codes, (codes + 1).clip(0) % 4))
    return Judged(
        treebank=f"UD_{treebank}",
        language=treebank,
        trials=pd.DataFrame(trials, columns=["method", "shots", "draw", "seed"]),
        predicted=np.array(predicted, np.int16),
        codes=codes.astype(np.int16),
        sentence=sentence,
        sent_ids=tuple(f"{ids}{i}" for i in range(sentences)),
    )


def made(*banks: Judged) -> Predictions:
    return Predictions(
        ("A", "B", "C", "D"), banks, {"dev": {bank.treebank: {"direct": 0.5, "probe": 0.5} for bank in banks}}
    )


@pytest.fixture(scope="module")
def predictions() -> Predictions:
    return made(judged("eng", seed=1, rate=0.9), judged("deu", seed=2), judged("hin", seed=3, rate=0.5))


@pytest.fixture(scope="module")
def found(predictions) -> dict[str, pd.DataFrame]:
    return tables(predictions, resamples=400, seed=0)


def test_accuracy_is_the_naive_count_in_both_conventions(predictions, found) -> None:
    table = found[ACCURACY]
    assert len(table) == 3 * 9 * 2
    for bank in predictions.judged:
        for i, trial in bank.trials.iterrows():
            pairs = list(zip(bank.predicted[i].tolist(), bank.codes.tolist(), strict=True))
            for convention, least in (("unseen_wrong", -1), ("unseen_left_out", 0)):
                counted = [(guess, true) for guess, true in pairs if true >= least]
                row = table[
                    (table["treebank"] == bank.treebank)
                    & (table["convention"] == convention)
                    & (table["method"] == trial["method"])
                    & (table["draw"] == trial["draw"])
                    & (table["seed"] == trial["seed"])
                ].iloc[0]
                assert row["n"] == len(counted)
                assert row["accuracy"] == pytest.approx(
                    sum(guess == true for guess, true in counted) / len(counted)
                )
                assert row["low"] <= row["accuracy"] <= row["high"]


def test_the_summary_is_the_mean_over_seeds_and_draws_and_its_interval_holds_their_spread(found) -> None:
    table, summary = found[ACCURACY], found[SUMMARY]
    few = summary.query("method == 'meta_few_shot' and convention == 'unseen_wrong'")
    for row in few.to_dict("records"):
        rows = table.query(
            "method == 'meta_few_shot' and convention == 'unseen_wrong' and treebank == @row['treebank']"
        )
        assert row["accuracy"] == pytest.approx(rows["accuracy"].mean())
        assert (row["seeds"], row["draws"]) == (3, 2)
        by_seed = rows.groupby("seed")["accuracy"].mean()
        assert row["sd_seeds"] == pytest.approx(by_seed.std(ddof=1))
        assert row["low"] <= row["accuracy"] <= row["high"]


def test_seeds_that_disagree_widen_the_interval() -> None:
    """The same words: six trials that agree against six of which three are always wrong."""
    same = judged("eng", seed=4, rate=0.6, sentences=120)
    block = np.tile(same.predicted[1], (6, 1))
    agree = Judged(**{**vars(same), "predicted": np.vstack([same.predicted[:3], block])})
    wrong = block.copy()
    wrong[same.trials["seed"].to_numpy()[3:] == 0] = (same.codes + 1).clip(0) % 4
    disagree = Judged(**{**vars(same), "predicted": np.vstack([same.predicted[:3], wrong])})

    def width(bank: Judged) -> float:
        rows = tables(made(bank, judged("deu", seed=2)), resamples=400, seed=0)[SUMMARY]
        row = rows.query("method == 'meta_few_shot' and target == 'eng'").iloc[0]
        return row["high"] - row["low"]

    assert width(disagree) > 2 * width(agree)


def test_the_interval_over_sentences_covers_the_truth() -> None:
    """Words of a sentence stand or fall together; 95 % intervals must still hold the truth."""
    rng = np.random.default_rng(5)
    sentence, covered, repeats = np.repeat(np.arange(60), 8), 0, 100
    for repeat in range(repeats):
        easy = rng.beta(4, 2, size=60)  # mean 2/3
        right = rng.random(480) < easy[sentence]
        ids = tuple(f"r{repeat}-{i}" for i in range(60))
        trials = pd.DataFrame({"method": ["direct"]})
        bank = Judged("UD_x", "x", trials, ~right[None], 0 * sentence, sentence, ids)
        times = resampled_sentences(ids, resamples=300, seed=0)
        accuracy, replicates = judged_trials(bank, np.ones(480, bool), times)
        assert accuracy[0] == pytest.approx(right.mean())
        low, high = interval(replicates[:, 0])
        covered += low <= 2 / 3 <= high
    assert 0.87 <= covered / repeats <= 1.0


def test_translations_are_resampled_alike_and_other_sentences_are_not() -> None:
    ids = [f"s{i}" for i in range(30)]
    turned = ids[::-1]
    first = resampled_sentences(ids, resamples=50, seed=0)
    np.testing.assert_array_equal(first, resampled_sentences(turned, resamples=50, seed=0)[:, ::-1])
    assert (first.sum(1) == 30).all()
    other = resampled_sentences([f"t{i}" for i in range(30)], resamples=50, seed=0)
    assert not np.array_equal(first, other)


def test_concepts_and_confusion_agree_with_sklearn(predictions, found) -> None:
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    bank = predictions.judged[1]
    there = bank.codes >= 0
    np.testing.assert_array_equal(
        confusion(predictions, "UD_deu", "direct"),
        confusion_matrix(bank.codes[there], bank.predicted[1][there], labels=range(4)),
    )
    precision, recall, f1, n = precision_recall_fscore_support(
        bank.codes[there], bank.predicted[1][there], labels=range(4)
    )
    rows = found[CONCEPTS].query("treebank == 'UD_deu' and method == 'direct'").set_index("concept")
    np.testing.assert_allclose(rows["precision"], precision)
    np.testing.assert_allclose(rows["recall"], recall)
    np.testing.assert_allclose(rows["f1"], f1)
    assert rows["n"].tolist() == n.tolist()
    with pytest.raises(XvizError, match="was not judged on UD_nowhere"):
        confusion(predictions, "UD_nowhere", "direct")


def test_gaps_and_changes_have_the_pivot_first_and_every_method(found) -> None:
    gaps, changes = found[GAPS], found[CHANGES]
    few = gaps.query("method == 'meta_few_shot' and measure == 'gap' and convention == 'unseen_wrong'")
    assert few["target"].tolist() == ["deu", "hin"]
    summary = found[SUMMARY].query("method == 'meta_few_shot' and convention == 'unseen_wrong'")
    accuracy = summary.set_index("target")["accuracy"]
    assert few["value"].tolist() == pytest.approx([accuracy["eng"] - accuracy[x] for x in ("deu", "hin")])
    assert set(changes["against"]) == {"direct", "probe"}
    assert set(changes.query("against == 'direct'")["method"]) == {"majority", "probe", "meta_few_shot"}


def test_the_same_seed_gives_the_same_tables(predictions, found) -> None:
    again = tables(predictions, resamples=400, seed=0)
    for name, table in found.items():
        pd.testing.assert_frame_equal(table, again[name])
