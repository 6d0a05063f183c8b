"""Gaps and their guards, on numbers that can be checked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from xviz.evaluation.gaps import Estimate, change_table, gap_table, interval, worst_on_dev

RNG = np.random.default_rng(0)


def estimate(accuracy: float, *, spread: float = 0.01, n: int = 1000) -> Estimate:
    return Estimate(accuracy, accuracy + spread * RNG.normal(size=2000), n)


LANGUAGES = {"eng": estimate(0.8), "deu": estimate(0.7), "hin": estimate(0.5), "tur": estimate(0.6, n=150)}
GUARD = {"majority": 0.25, "chance": 1 / 17}


def values(table, measure: str):
    return table[table["measure"] == measure].set_index("language")["value"]


def test_measures_are_their_formulas() -> None:
    table = gap_table(LANGUAGES, pivot="eng", worst=("hin", "tur"), **GUARD)
    assert values(table, "gap").to_dict() == pytest.approx({"deu": 0.1, "hin": 0.3, "tur": 0.2})
    assert values(table, "relative_gap")[""] == pytest.approx((0.8 - 0.6) / 0.8)
    assert values(table, "mean")[""] == pytest.approx(0.6)
    assert values(table, "sd")[""] == pytest.approx(0.1)
    assert values(table, "worst_five")[""] == pytest.approx(0.55)
    assert values(table, "best_minus_worst")[""] == pytest.approx(0.2)
    inside = table[table["measure"] == "gap"]
    assert (inside["low"] < inside["value"]).all()
    assert (inside["value"] < inside["high"]).all()


def test_intervals_are_paired_over_replicates() -> None:
    """What moves pivot and language together moves no gap."""
    together = 0.05 * RNG.normal(size=2000)
    found = {"eng": Estimate(0.8, 0.8 + together, 900), "deu": Estimate(0.7, 0.7 + together, 900)}
    (row,) = gap_table(found, pivot="eng", worst=(), **GUARD).query("measure == 'gap'").to_dict("records")
    assert row["high"] - row["low"] == pytest.approx(0, abs=1e-9)


def test_fewer_than_200_words_are_grey() -> None:
    table = gap_table(LANGUAGES, pivot="eng", worst=(), **GUARD)
    assert table[table["measure"] == "gap"].set_index("language")["grey"].to_dict() == {
        "deu": False,
        "hin": False,
        "tur": True,
    }


def test_no_gap_is_drawn_where_the_pivot_does_not_exceed_majority() -> None:
    weak = LANGUAGES | {"eng": estimate(0.26, spread=0.01)}
    table = gap_table(weak, pivot="eng", worst=("hin",), **GUARD)
    assert not table["drawn"].any()
    assert table.set_index("measure").loc[["gap", "relative_gap"], "value"].isna().all()
    assert values(table, "sd")[""] == pytest.approx(0.1)  # a spread needs no pivot
    assert gap_table(LANGUAGES, pivot="eng", worst=(), majority=0.1, chance=0.9)["drawn"].sum() == 0


def test_a_gap_that_shrinks_because_the_pivot_fell_is_flagged() -> None:
    after = {"eng": estimate(0.7), "deu": estimate(0.7), "hin": estimate(0.6), "tur": estimate(0.4)}
    table = change_table(LANGUAGES, after, pivot="eng", **GUARD).set_index("language")
    assert table["d_pivot"].to_numpy() == pytest.approx(-0.1)
    assert table["d_gap"].drop("eng").to_dict() == pytest.approx({"deu": -0.1, "hin": -0.2, "tur": 0.1})
    assert table["pivot_fell"].to_dict() == {"eng": False, "deu": True, "hin": True, "tur": False}
    assert table["outcome"].to_dict() == {
        "eng": "lost",
        "deu": "not distinguishable",
        "hin": "gained",
        "tur": "lost",
    }


def test_a_gap_that_shrinks_because_a_language_rose_is_not_flagged() -> None:
    after = LANGUAGES | {"hin": estimate(0.65)}
    table = change_table(LANGUAGES, after, pivot="eng", **GUARD).set_index("language")
    assert table.loc["hin", "gap_shrinks"]
    assert not table["pivot_fell"].any()


def test_the_guard_of_changes_holds_before_and_after() -> None:
    weak = LANGUAGES | {"eng": estimate(0.2)}
    table = change_table(weak, LANGUAGES, pivot="eng", **GUARD)
    assert table["d_gap"].isna().all()
    assert not table["drawn"].any()
    assert table["d_accuracy"].notna().all()


def test_the_worst_are_fixed_on_dev_without_the_pivot() -> None:
    dev = {"eng": 0.1, "a": 0.5, "b": 0.3, "c": 0.3, "d": 0.9}
    assert worst_on_dev(dev, pivot="eng", count=2) == ("b", "c")
    assert len(worst_on_dev(dev, pivot="eng")) == 4


def test_an_interval_of_nothing_is_nan() -> None:
    assert np.isnan(interval(np.array([np.nan, np.nan]))).all()
