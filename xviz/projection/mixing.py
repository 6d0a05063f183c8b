"""Are languages apart in the full space? Neighbours of other languages, and a classifier of languages.

- **Neighbours of other languages**: the mean share of a point's k nearest points (euclidean, exact, among
  the points of the map) that are of another language. Were languages mixed at random, it would be
  ``(n - n_l) / (n - 1)`` for a language with n_l of n points.
- **Language classifier**: accuracy of a linear (ridge) classifier of languages on sentences that it was not
  trained on. Every sentence is judged once, by the classifier of the other folds; translations of a sentence
  (the same ``sent_id``) are in one fold. At chance, languages can't be told apart by any plane; well above
  it, a direction of the space holds the language, whatever the neighbours say. In a centred space the means
  that are taken away are those of the training folds.

Intervals of 95 % come from a bootstrap over sentences (all points of the translations of a sentence are
drawn together); neighbours and classifier stay as they are, so they say how far another draw of sentences
would move these means, no more.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from xviz.journal import SILENT, Journal
from xviz.projection.gather import gather, open_source
from xviz.projection.spec import LanguageMixingSpec, MapSpec
from xviz.store import Store

MIXING = "mixing.json"
DRAWS = 1000


def read_mixing(store: Store, spec: LanguageMixingSpec) -> dict[str, Any] | None:
    """The measures, or None where they have not been computed.

    ``k``; ``neighbours``: a row a language with ``language``, ``n``, ``share``, ``low``, ``high``,
    ``chance``, and one over all (``language`` ""); ``classifier``: ``accuracy``, ``low``, ``high``, ``n``
    (points judged), ``sentences``, ``folds``, ``chance`` (share of the largest language), and ``recall`` by
    language; None where there is but one language.
    """
    entry = store.find(spec)
    return None if entry is None else json.loads(entry.file(MIXING).read_text("utf-8"))


def write_mixing(
    spec: LanguageMixingSpec, near: Int[np.ndarray, "points k"], store: Store, journal: Journal, folder: Path
) -> dict[str, Any]:
    """Measure and write; ``near``: the k nearest points of each point in the full space."""
    points = gather(spec.map, store)
    codes = [treebank.treebank.language for treebank in spec.map.sources]
    names = tuple(dict.fromkeys(codes))
    language = np.array([names.index(code) for code in codes])[points.source]
    sentence = sentences_of(spec.map, store)
    journal.stage("Neighbours of other languages")
    measures: dict[str, Any] = {
        "k": spec.k,
        "points": len(language),
        "neighbours": neighbour_rows(near, language, sentence, names),
        "classifier": None,
    }
    if len(names) > 1:
        journal.stage("A linear classifier of languages")
        measures["classifier"] = classifier_row(
            points.vectors,
            language,
            sentence,
            names,
            folds=spec.folds,
            centred=spec.map.centring == "language",
            journal=journal,
        )
    (folder / MIXING).write_text(json.dumps(measures), "utf-8")
    return {"points": len(language)}


def neighbour_rows(
    near: Int[np.ndarray, "points k"],
    language: Int[np.ndarray, " points"],
    sentence: Int[np.ndarray, " points"],
    names: tuple[str, ...],
) -> list[dict[str, Any]]:
    """Share of neighbours of other languages, by language and over all."""
    share = (language[near] != language[:, None]).mean(axis=1)
    counts = np.bincount(language, minlength=len(names))
    chance = (len(language) - counts) / (len(language) - 1)
    rows = []
    for code, name in (*enumerate(names), (None, "")):
        mine = np.full(len(language), True) if code is None else language == code
        expected = chance[language].mean() if code is None else chance[code]
        rows.append(
            {"language": name, "n": int(mine.sum()), "chance": float(expected)}
            | _mean(share[mine], sentence[mine], "share")
        )
    return rows


def classifier_row(
    vectors: Float[np.ndarray, "points dim"],
    language: Int[np.ndarray, " points"],
    sentence: Int[np.ndarray, " points"],
    names: tuple[str, ...],
    *,
    folds: int = 5,
    centred: bool = False,
    journal: Journal = SILENT,
) -> dict[str, Any]:
    """Held-out accuracy of a ridge classifier of languages (columns in units of their deviation).

    Args:
        centred: take the means of languages away, those of the training folds from held-out points too. With
            means over all points, the held-out mean of a language would be opposite to that in training,
            and accuracy far below chance.
    """
    from sklearn.linear_model import RidgeClassifier

    distinct, index = np.unique(sentence, return_inverse=True)
    fold = np.random.default_rng(0).permutation(np.arange(len(distinct)) % folds)[index]
    hit = np.zeros(len(language))
    for part in range(folds):
        held = fold == part
        x, judged = vectors[~held], vectors[held]
        if centred:
            means = _means(x, language[~held], len(names))
            x, judged = x - means[language[~held]], judged - means[language[held]]
        mean, scale = x.mean(axis=0), x.std(axis=0) + 1e-12
        fitted = RidgeClassifier(alpha=1.0).fit((x - mean) / scale, language[~held])
        hit[held] = fitted.predict((judged - mean) / scale) == language[held]
        journal.progress(part + 1, folds, unit="folds")
    counts = np.bincount(language, minlength=len(names))
    recall = {name: float(hit[language == code].mean()) for code, name in enumerate(names)}
    return _mean(hit, sentence, "accuracy") | {
        "n": len(hit),
        "sentences": len(distinct),
        "folds": folds,
        "chance": float(counts.max() / counts.sum()),
        "recall": recall,
    }


def sentences_of(spec: MapSpec, store: Store) -> Int[np.ndarray, " points"]:
    """A number for the sentence of each point; translations (one ``sent_id``) share theirs."""
    ids = []
    for number in range(len(spec.sources)):
        source = open_source(spec, number, store)
        drawn = source.table.iloc[source.drawn()]
        if spec.unit == "sentences":
            ids.append(drawn["sent_id"].astype(str).to_numpy(object))
        else:
            from xviz.representations.opened import open_representations

            sentences = open_representations(spec.sources[number], store=store).sentences
            named = sentences.set_index("sentence")["sent_id"].astype(str)
            ids.append(named.loc[drawn["sentence"]].to_numpy(object))
    return np.unique(np.concatenate(ids).astype(str), return_inverse=True)[1]


def _means(x: np.ndarray, codes: np.ndarray, count: int) -> np.ndarray:
    sums = np.zeros((count, x.shape[1]))
    np.add.at(sums, codes, x)
    return (sums / np.maximum(np.bincount(codes, minlength=count), 1)[:, None]).astype(np.float32)


def _mean(values: np.ndarray, sentence: np.ndarray, name: str) -> dict[str, float]:
    """A mean over points, with the bootstrap interval over sentences."""
    _, index = np.unique(sentence, return_inverse=True)
    sums = np.bincount(index, weights=values)
    sizes = np.bincount(index)
    draws = np.random.default_rng(0).multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=DRAWS)
    low, high = np.quantile((draws @ sums) / (draws @ sizes), [0.025, 0.975])
    return {name: float(values.mean()), "low": float(low), "high": float(high)}
