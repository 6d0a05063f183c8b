"""Accuracy by method, language and convention, with intervals; by concept; and the gaps that follow from it.

Two conventions: ``unseen_wrong`` counts a concept that the source lacks as an error (paper A);
``unseen_left_out`` leaves such words out. A row of ``accuracy.parquet`` is one trial (a seed, a draw) with an
interval over sentences. A row of ``summary.parquet`` is a method: the mean over seeds and draws, and a
hierarchical bootstrap: resampled sentences, times resampled seeds, times resampled draws. (With S seeds such
an interval is too narrow by about the factor sqrt(1 - 1/S) in what the seeds contribute.)

Replicate b of every language and method resamples the same seeds; treebanks with the same ``sent_id``s
(translations) resample the same sentences. So differences between methods and languages are paired.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from xviz.errors import Cancelled, XvizError
from xviz.evaluation.gaps import Estimate, change_table, gap_table, interval, worst_on_dev
from xviz.evaluation.spec import AccuracySpec
from xviz.journal import SILENT, Journal
from xviz.learning.meta.compute import Judged, Predictions, read_predictions
from xviz.learning.meta.spec import MetaSpec
from xviz.store import Entry, Store

ACCURACY, SUMMARY, CONCEPTS = "accuracy.parquet", "summary.parquet", "concepts.parquet"
GAPS, CHANGES, FACTS = "gaps.parquet", "changes.parquet", "facts.json"
CONVENTIONS = ("unseen_wrong", "unseen_left_out")
UNANNOTATED = -2
BASELINES = ("direct", "probe")

COLUMNS = [
    *("model", "arm", "method", "task", "source", "target", "treebank", "layer", "concept_kind"),
    *("shots", "draw", "seed", "convention", "accuracy", "n", "low", "high", "run"),
]


def compute_accuracies(
    specs: Sequence[AccuracySpec],
    *,
    store: Store,
    journal: Journal = SILENT,
    load: Callable[..., Any] | None = None,
) -> None:
    """One table after the other; the predictions that they judge are in the store."""
    for spec in specs:
        compute_accuracy(spec, store=store, journal=journal)


def compute_accuracy(spec: AccuracySpec, *, store: Store, journal: Journal = SILENT) -> Entry:
    """The tables of ``spec``, from the store or computed now.

    Raises:
        XvizError: the predictions are not there.
        Cancelled: the journal asked to stop.
    """

    def write(folder: Path) -> dict[str, Any]:
        parts: dict[str, list[pd.DataFrame]] = {
            name: [] for name in (ACCURACY, SUMMARY, CONCEPTS, GAPS, CHANGES)
        }
        facts: dict[str, Any] = {}
        for arm, meta in spec.arms():
            journal.stage(f"Accuracy and gaps ({arm.replace('_', ' ')})")
            predictions = read_predictions(meta, store)
            named = _named(meta, arm, spec)
            for name, table in tables(
                predictions, resamples=spec.resamples, seed=spec.seed, journal=journal
            ).items():
                parts[name].append(table.assign(**named))
            facts.setdefault(arm, []).append(dict(predictions.facts))
        for name, found in parts.items():
            whole = pd.concat(found, ignore_index=True)
            first = [column for column in COLUMNS if column in whole]
            whole[[*first, *(c for c in whole if c not in first)]].to_parquet(folder / name, index=False)
        (folder / FACTS).write_text(json.dumps(facts, indent=1), encoding="utf-8")
        return {"rows": sum(len(table) for table in parts[ACCURACY])}

    return store.obtain(spec, write, journal=journal)


def read_table(spec: AccuracySpec, store: Store, name: str = ACCURACY) -> pd.DataFrame:
    """One of the tables: :data:`ACCURACY`, :data:`SUMMARY`, :data:`CONCEPTS`, :data:`GAPS`, :data:`CHANGES`.

    Raises:
        XvizError: they have not been computed.
    """
    entry = store.find(spec)
    if entry is None:
        raise XvizError("This accuracy table is not in the store (any more); ask for it again to make it.")
    return pd.read_parquet(entry.file(name))


def tables(
    predictions: Predictions, *, resamples: int, seed: int, journal: Journal = SILENT
) -> dict[str, pd.DataFrame]:
    """All tables of one experiment, by file name.

    ``concepts.parquet``: recall, precision and F1 of each concept over all seeds and draws. ``gaps.parquet``
    and ``changes.parquet``: :mod:`xviz.evaluation.gaps`, with columns method, shots, convention, and for
    changes ``against`` (the baseline).
    """
    rows: list[pd.DataFrame] = []
    summaries: list[dict[str, Any]] = []
    estimates: dict[tuple[str, str, int], dict[str, Estimate]] = {}
    concepts = []
    for number, judged in enumerate(predictions.judged):
        if journal.stop_requested():
            raise Cancelled("The accuracy table was stopped; nothing of it was kept.")
        where = {"target": judged.language, "treebank": judged.treebank}
        times = resampled_sentences(judged.sent_ids, resamples=resamples, seed=seed)
        for convention in CONVENTIONS:
            counted = counted_words(judged, convention)
            accuracy, replicates = judged_trials(judged, counted, times)
            low, high = np.nanpercentile(replicates, (2.5, 97.5), axis=0) if counted.any() else (np.nan,) * 2
            found = judged.trials.assign(accuracy=accuracy, n=int(counted.sum()), low=low, high=high)
            rows.append(found.assign(convention=convention, **where))
            for method, shots, group in _by_method(judged):
                weights = resampled_trials(group, judged.treebank, resamples=resamples, seed=seed)
                mean = float(accuracy[group.index].mean())
                repeated = (weights * replicates[:, group.index]).sum(1)
                each = Estimate(mean, repeated, int(counted.sum()))
                estimates.setdefault((convention, method, shots), {})[judged.treebank] = each
                low_, high_ = interval(repeated)
                summary: dict[str, Any] = where | {"method": method, "shots": shots, "convention": convention}
                summary |= {"accuracy": mean, "low": low_, "high": high_, "n": each.n}
                summary |= {"seeds": group["seed"].nunique(), "draws": group["draw"].nunique()}
                summary["sd_seeds"] = _sd(accuracy, group, "seed")
                summary["sd_draws"] = _sd(accuracy, group, "draw")
                summaries.append(summary)
        concepts.append(concept_rows(judged, predictions.concepts).assign(**where))
        journal.progress(number + 1, len(predictions.judged), unit="languages")
    gaps, changes = _gaps(predictions, estimates)
    return {
        ACCURACY: pd.concat(rows, ignore_index=True).astype({"draw": "Int64", "seed": "Int64"}),
        SUMMARY: pd.DataFrame(summaries),
        CONCEPTS: pd.concat(concepts, ignore_index=True),
        GAPS: gaps,
        CHANGES: changes,
    }


def counted_words(judged: Judged, convention: str) -> Bool[np.ndarray, " rows"]:
    """The words that a convention judges."""
    return judged.codes > UNANNOTATED if convention == "unseen_wrong" else judged.codes >= 0


def judged_trials(
    judged: Judged, counted: Bool[np.ndarray, " rows"], times: Int[np.ndarray, "resamples sentences"]
) -> tuple[Float[np.ndarray, " trials"], Float[np.ndarray, "resamples trials"]]:
    """Accuracy of each trial, and of each trial on resampled sentences."""
    right = (judged.predicted == judged.codes) & counted
    starts = np.searchsorted(judged.sentence, np.arange(len(judged.sent_ids)))
    hits = np.add.reduceat(right.astype(np.float64), starts, axis=1)  # (trials, sentences)
    whole = np.add.reduceat(counted.astype(np.float64), starts)
    times_ = times.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return hits.sum(1) / whole.sum(), (times_ @ hits.T) / (times_ @ whole)[:, None]


def resampled_sentences(
    sent_ids: Sequence[str], *, resamples: int, seed: int
) -> Int[np.ndarray, "resamples sentences"]:
    """How often each sentence is drawn; the same for every treebank with the same ``sent_id``s."""
    order = np.argsort(np.array(sent_ids, dtype=object), kind="stable")
    digest = hashlib.sha256("\n".join(sent_ids[i] for i in order).encode()).digest()
    rng = np.random.default_rng([seed, int.from_bytes(digest[:8], "big")])
    n = len(sent_ids)
    times = np.empty((resamples, n), np.int32)
    times[:, order] = rng.multinomial(n, np.full(n, 1 / n), size=resamples)
    return times


def resampled_trials(
    trials: pd.DataFrame, treebank: str, *, resamples: int, seed: int
) -> Float[np.ndarray, "resamples trials"]:
    """Weights that add up to 1: seeds resampled alike everywhere, draws in each language for itself."""
    weights = np.ones((resamples, len(trials)))
    for column, stream in (("seed", [seed, 11]), ("draw", [seed, 12, *treebank.encode()])):
        values, place = np.unique(trials[column].to_numpy(), return_inverse=True)
        k = len(values)
        drawn = np.random.default_rng(stream).multinomial(k, np.full(k, 1 / k), size=resamples)
        weights *= drawn[:, place] / k
    return weights


def concept_rows(judged: Judged, concepts: Sequence[str]) -> pd.DataFrame:
    """Recall, precision, F1 and count of each concept that occurs, by method and shots."""
    rows = []
    there = judged.codes >= 0
    for method, shots, group in _by_method(judged):
        counts = [
            confusion_counts(judged.predicted[i][there], judged.codes[there], len(concepts))
            for i in group.index
        ]
        table = np.sum(counts, axis=0)
        hits, true, guessed = np.diag(table), table.sum(1), table.sum(0)
        for k in np.flatnonzero(true).tolist():
            recall = hits[k] / true[k]
            precision = hits[k] / guessed[k] if guessed[k] else float("nan")
            rows.append(
                {
                    "method": method,
                    "shots": shots,
                    "concept": concepts[k],
                    "recall": recall,
                    "precision": precision,
                    "f1": 2 * hits[k] / (true[k] + guessed[k]),
                    "n": int(true[k] // len(group)),
                }
            )
    return pd.DataFrame(rows)


def confusion(
    predictions: Predictions, treebank: str, method: str, *, shots: int = 0
) -> Float[np.ndarray, "concepts concepts"]:
    """True concept (row) against prediction (column), mean count over seeds and draws.

    Raises:
        XvizError: no such treebank or method was judged.
    """
    for judged in predictions.judged:
        if judged.treebank == treebank:
            rows = judged.trials.query("method == @method and shots == @shots").index
            if len(rows):
                there = judged.codes >= 0
                counts = [
                    confusion_counts(
                        judged.predicted[i][there], judged.codes[there], len(predictions.concepts)
                    )
                    for i in rows
                ]
                return np.mean(counts, axis=0)
    raise XvizError(f"{method} with {shots} sentences was not judged on {treebank} in this experiment.")


def confusion_counts(
    predicted: Int[np.ndarray, " rows"], codes: Int[np.ndarray, " rows"], concepts: int
) -> Int[np.ndarray, "concepts concepts"]:
    """How often each true concept (row) was called each concept (column)."""
    cells = codes.astype(np.int64) * concepts + predicted
    return np.bincount(cells, minlength=concepts**2).reshape(concepts, concepts)


def _by_method(judged: Judged) -> Iterator[tuple[str, int, pd.DataFrame]]:
    for key, group in judged.trials.groupby(["method", "shots"], sort=True):
        method, shots = cast(tuple[str, int], key)
        yield str(method), int(shots), group


def _gaps(
    predictions: Predictions, estimates: dict[tuple[str, str, int], dict[str, Estimate]]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    pivot = predictions.judged[0].treebank
    languages = {judged.treebank: judged.language for judged in predictions.judged}
    dev = {name: found["direct"] for name, found in predictions.facts["dev"].items()}
    worst = worst_on_dev(dev, pivot=pivot)
    chance = 1 / len(predictions.concepts)
    gaps, changes = [], []
    for (convention, method, shots), found in estimates.items():
        guess = estimates.get((convention, "majority", 0), {}).get(pivot)
        guard = {"majority": guess.accuracy if guess is not None else 0.0, "chance": chance}
        keys: dict[str, Any] = {"method": method, "shots": shots, "convention": convention}
        if pivot not in found:
            continue
        gaps.append(gap_table(found, pivot=pivot, worst=worst, **guard).assign(**keys))
        for against, before in _baselines(estimates, convention):
            if against != method:
                table = change_table(before, found, pivot=pivot, **guard)
                changes.append(table.assign(against=against, **keys))
    return _with_treebank(gaps, languages), _with_treebank(changes, languages)


def _baselines(
    estimates: dict[tuple[str, str, int], dict[str, Estimate]], convention: str
) -> Iterator[tuple[str, dict[str, Estimate]]]:
    for method in BASELINES:
        if (convention, method, 0) in estimates:
            yield method, estimates[convention, method, 0]


def _with_treebank(parts: list[pd.DataFrame], languages: dict[str, str]) -> pd.DataFrame:
    """What the gap tables call a language is a treebank here; the language stands beside it."""
    if not parts:
        return pd.DataFrame({"treebank": [], "target": []})
    whole = pd.concat(parts, ignore_index=True).rename(columns={"language": "treebank"})
    whole["target"] = whole["treebank"].map(languages).fillna("")
    return whole


def _sd(accuracy: np.ndarray, group: pd.DataFrame, column: str) -> float:
    """Standard deviation over the means of each seed (or draw); NaN where there is one."""
    means = pd.Series(accuracy[group.index], index=group[column].to_numpy()).groupby(level=0).mean()
    return float(means.std(ddof=1)) if len(means) > 1 else float("nan")


def _named(meta: MetaSpec, arm: str, spec: AccuracySpec) -> dict[str, Any]:
    label = Path(meta.model.name).name if Path(meta.model.name).is_dir() else meta.model.name
    named: dict[str, Any] = {
        "model": label,
        "arm": arm,
        "task": meta.concepts,
        "source": meta.source.language,
    }
    named |= {"layer": meta.layer, "concept_kind": meta.concepts, "run": spec.key}
    return named | {"network_seed": -1 if meta.model.random_weights is None else meta.model.random_weights}
