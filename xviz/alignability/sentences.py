"""Sentence-level scores of all layers and languages: retrieval, alignment and uniformity, language mixing.

- **MEXA** and retrieval: :mod:`xviz.alignability.retrieval`; with the floor of random weights beside it,
  since shared strings alone lift it.
- **Alignment** of translations, mean ``||x - y||^2``, and **uniformity** of a language, ``log mean exp(-2
  ||x_i - x_j||^2)`` over its pairs of sentences, on unit vectors (Wang & Isola 2020). Less is better.
- **Language mixing**: share of other languages among the k nearest neighbours (cosine; translations of the
  sentence itself do not count as neighbours); accuracy of a linear classifier of languages on sentences it
  was not trained on (all translations of a sentence on one side); distance between the means of languages, in
  deviations within a language; share of the variance in the span of the means.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from xviz.alignability.retrieval import mexa_chance, retrieve, unit_rows
from xviz.alignability.spec import RetrieveSpec
from xviz.alignability.texts import Key, text_vectors
from xviz.corpora.parallel import join_treebanks, read_tsv
from xviz.corpora.reader import lines_of
from xviz.corpora.tables import open_treebank
from xviz.errors import Cancelled, InputError, XvizError
from xviz.journal import SILENT, Journal
from xviz.store import Entry, Store

MEXA, MIXING, FACTS = "mexa.parquet", "mixing.parquet", "facts.json"
NEIGHBOURS = 10
MIXED = 300
"""Sentences a language for language mixing."""


def compute_retrievals(
    specs: Sequence[RetrieveSpec], *, store: Store, journal: Journal = SILENT, load: Callable[..., Any]
) -> None:
    """Fill the store with sentence-level tables."""
    for spec in specs:
        compute_retrieval(spec, store=store, journal=journal, load=load)


def compute_retrieval(
    spec: RetrieveSpec, *, store: Store, journal: Journal = SILENT, load: Callable[..., Any]
) -> pd.DataFrame:
    """The mexa table of ``spec``, from the store or computed now.

    Columns of DESIGN.md (``random_weights``: mean MEXA of the networks with fresh weights), and
    ``from_pivot``, ``to_pivot`` (retrieval accuracy), ``alignment``, ``uniformity``.

    Raises:
        InputError: fewer lines than n in a file, or files of different length.
        Cancelled: the journal asked to stop.
    """
    entry = store.obtain(spec, lambda folder: _write(spec, folder, store, journal, load), journal=journal)
    return pd.read_parquet(entry.file(MEXA))


def read_mexa(spec: RetrieveSpec, store: Store) -> pd.DataFrame:
    """The mexa table that was computed for ``spec``."""
    return pd.read_parquet(_found(spec, store).file(MEXA))


def read_mixing(spec: RetrieveSpec, store: Store) -> pd.DataFrame:
    """Rows ``model, layer, pooling, centred, language, measure, value, chance`` (language "" for all)."""
    return pd.read_parquet(_found(spec, store).file(MIXING))


def read_left_out(spec: RetrieveSpec, store: Store) -> list[int]:
    """The sentences (from 0) that the network could not read in some language, so in none."""
    return json.loads(_found(spec, store).file(FACTS).read_text("utf-8"))["left_out"]


def alignment(x: Float[Tensor, "*stack n dim"], y: Float[Tensor, "*stack n dim"]) -> Float[Tensor, "*stack"]:
    """Mean squared distance of translations, on unit vectors: 0 (equal) to 4; 2 for unrelated ones."""
    unit = torch.nn.functional.normalize
    return (unit(x.double(), dim=-1) - unit(y.double(), dim=-1)).square().sum(-1).mean(-1)


def uniformity(x: Float[Tensor, "n dim"], *, t: float = 2.0) -> float:
    """``log mean_{i<j} exp(-t ||x_i - x_j||^2)`` on unit vectors: 0 (all equal) down to about -2t."""
    unit = torch.nn.functional.normalize(x.double(), dim=-1)
    i, j = torch.triu_indices(len(x), len(x), offset=1, device=x.device)
    squared = 2 - 2 * (unit @ unit.T)[i, j]  # of unit vectors; one product instead of a distance a pair
    return (torch.logsumexp(-t * squared, 0) - np.log(len(squared))).item()


def neighbour_mixing(
    x: Float[Tensor, "languages n dim"], *, k: int = NEIGHBOURS
) -> Float[np.ndarray, " languages"]:
    """Share of other languages among the k nearest sentences that are no translations.

    By chance (languages - 1) / languages: as many candidates of each language are left.
    """
    languages, n, _ = x.shape
    unit = unit_rows(x.float(), centred=False).flatten(0, 1)
    sentence = torch.arange(n, device=x.device).repeat(languages)
    language = torch.arange(languages, device=x.device).repeat_interleave(n)
    k = min(k, languages * (n - 1))
    found = []
    for rows in torch.arange(languages * n, device=x.device).split(2048):
        similar = unit[rows] @ unit.T
        similar[sentence[rows][:, None] == sentence] = -torch.inf  # itself, and its translations
        near = similar.topk(k, dim=1).indices
        found.append((language[near] != language[rows][:, None]).double().mean(1))
    return torch.cat(found).reshape(languages, n).mean(1).cpu().numpy()


def language_accuracy(x: Float[np.ndarray, "languages n dim"], *, seed: int = 0) -> float:
    """Accuracy of a linear (ridge) classifier of languages, trained on half of the sentences, on the rest."""
    from sklearn.linear_model import RidgeClassifier

    languages, n, dim = x.shape
    train = np.random.default_rng(seed).permuted(np.arange(n)) < n // 2
    scale = x[:, train].reshape(-1, dim).std(0) + 1e-12
    y = np.arange(languages)
    fitted = RidgeClassifier(alpha=1.0).fit(
        (x[:, train] / scale).reshape(-1, dim), np.repeat(y, int(train.sum()))
    )
    return float(fitted.score((x[:, ~train] / scale).reshape(-1, dim), np.repeat(y, int((~train).sum()))))


def mean_separation(x: Float[np.ndarray, "languages n dim"]) -> tuple[float, float]:
    """Distance between means of languages, and the share of all variance in the span of the means.

    The distance is the mean over pairs, divided by the deviation of sentences around their language's mean
    (root mean square norm). The share is of the variance around the mean of means, languages weighted alike.
    """
    x = np.asarray(x, np.float64)
    means = x.mean(1)
    within = ((x - means[:, None]) ** 2).sum(-1).mean() ** 0.5
    i, j = np.triu_indices(len(means), 1)
    distance = np.linalg.norm(means[i] - means[j], axis=1).mean() / within
    centred = means - means.mean(0)
    _, s, vh = np.linalg.svd(centred, full_matrices=False)
    span = vh[s > 1e-10 * max(s[0], 1e-300)]
    spread = x - means.mean(0)
    share = ((spread @ span.T) ** 2).sum() / (spread**2).sum()
    return float(distance), float(share)


def _write(
    spec: RetrieveSpec, folder: Path, store: Store, journal: Journal, load: Callable[..., Any]
) -> dict[str, Any]:
    texts = _texts(spec, store, journal)
    rows, mixing, left = _network(spec, None, texts, journal, load)
    floors = [_network(spec, seed, texts, journal, load)[0] for seed in range(spec.random_weights)]
    table = pd.DataFrame(rows)
    floor = np.mean([[row["score"] for row in found] for found in floors], axis=0) if floors else np.nan
    table["random_weights"] = floor
    table.to_parquet(folder / MEXA, index=False)
    pd.DataFrame(mixing).to_parquet(folder / MIXING, index=False)
    (folder / FACTS).write_text(
        json.dumps({"n": int(table["n"].iloc[0]), "left_out": left}), encoding="utf-8"
    )
    return {"rows": len(table)}


def _texts(spec: RetrieveSpec, store: Store, journal: Journal) -> dict[str, list[str]]:
    if spec.treebanks:
        banks = [open_treebank(bank, store=store, journal=journal) for bank in spec.treebanks]
        corpus = join_treebanks(banks)
        found = {language: corpus.texts(language) for language in spec.languages}
    elif len(set(spec.files)) == 1:
        corpus = read_tsv(spec.files[0], languages=spec.languages)
        found = {language: corpus.texts(language) for language in spec.languages}
    else:
        found = {
            language: lines_of(Path(file)) for language, file in zip(spec.languages, spec.files, strict=True)
        }
    lengths = {len(lines) for lines in found.values()}
    if min(lengths) < spec.n:
        short = min(found, key=lambda language: len(found[language]))
        raise InputError(
            f"{spec.n} sentences were asked for, and there are {min(lengths)} here.",
            file=spec.files[spec.languages.index(short)] if spec.files else None,
        )
    if len(lengths) > 1:
        raise InputError(f"Line-aligned files must have equally many lines, but they have {sorted(lengths)}.")
    return {language: lines[: spec.n] for language, lines in found.items()}


def _network(
    spec: RetrieveSpec,
    seed: int | None,
    texts: dict[str, list[str]],
    journal: Journal,
    load: Callable[..., Any],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[int]]:
    """Rows of mexa (and of mixing, for the network itself), and the lines that some language lost."""
    ref = spec.model if seed is None else spec.model.model_copy(update={"random_weights": seed})
    model = load(ref, spec.dtype)
    vectors: dict[str, dict[Key, np.ndarray]] = {}
    kept: dict[str, np.ndarray] = {}
    for language, lines in texts.items():
        if journal.stop_requested():
            raise Cancelled("The retrieval was stopped; nothing of it was kept.")
        journal.stage(
            f"Reading {language} with {model.name}" + ("" if seed is None else f", fresh weights {seed}")
        )
        vectors[language], kept[language] = text_vectors(
            model, lines, layers=spec.layers, poolings=spec.poolings, name=language, journal=journal
        )
    common = sorted(set.intersection(*(set(rows.tolist()) for rows in kept.values())))
    for language, rows in kept.items():
        place = np.searchsorted(rows, common)
        vectors[language] = {key: x[place] for key, x in vectors[language].items()}
    left = sorted(set(range(spec.n)) - set(common))
    scores: list[dict[str, Any]] = []
    mixing: list[dict[str, Any]] = []
    for pooling in spec.poolings:
        for layer in spec.layers:
            stack = np.stack([vectors[language][layer, pooling] for language in spec.languages])
            scores += _layer_rows(spec, layer, pooling, stack)
            if seed is None:
                mixing += _mixing_rows(spec, layer, pooling, stack)
    return scores, mixing, left


def _layer_rows(
    spec: RetrieveSpec, layer: int, pooling: str, stack: Float[np.ndarray, "languages n dim"]
) -> list[dict[str, Any]]:
    pivot = spec.languages.index(spec.pivot)
    others = [i for i in range(len(stack)) if i != pivot]
    n = stack.shape[1]
    rows = []
    for centred in (False, True):
        hits = retrieve(stack[pivot], stack[others], centred=centred)
        x = torch.from_numpy(stack - stack.mean(1, keepdims=True) if centred else stack)
        apart = alignment(x[pivot], x[others])
        for row, i in enumerate(others):
            rows.append(
                {
                    "model": spec.model.name,
                    "layer": layer,
                    "pivot": spec.pivot,
                    "language": spec.languages[i],
                    "n": n,
                    "pooling": pooling,
                    "centred": centred,
                    "score": float(hits.mexa[row].mean()),
                    "chance": mexa_chance(n),
                    "from_pivot": float(hits.from_pivot[row].mean()),
                    "to_pivot": float(hits.to_pivot[row].mean()),
                    "alignment": apart[row].item(),
                    "uniformity": uniformity(x[i]),
                }
            )
    return rows


def _mixing_rows(
    spec: RetrieveSpec, layer: int, pooling: str, stack: Float[np.ndarray, "languages n dim"]
) -> list[dict[str, Any]]:
    languages, some = len(stack), stack[:, :MIXED]
    rows: list[dict[str, Any]] = []

    def add(centred: bool, measure: str, language: str, value: float, chance: float | None) -> None:
        rows.append(
            {"model": spec.model.name, "layer": layer, "pooling": pooling, "centred": centred}
            | {"language": language, "measure": measure, "value": value, "chance": chance}
        )

    for centred in (False, True):
        x = some - some.mean(1, keepdims=True) if centred else some
        mixed = neighbour_mixing(torch.from_numpy(x))
        for language, value in zip(spec.languages, mixed, strict=True):
            add(centred, "neighbours", language, float(value), (languages - 1) / languages)
        add(centred, "classifier", "", language_accuracy(x, seed=spec.seed), 1 / languages)
    distance, share = mean_separation(some)
    add(False, "mean distance", "", distance, None)
    add(False, "variance in span of means", "", share, None)
    return rows


def _found(spec: RetrieveSpec, store: Store) -> Entry:
    entry = store.find(spec)
    if entry is None:
        raise XvizError("This retrieval is not in the store (any more); ask for it again to make it.")
    return entry
