"""The prototype probe: how well do distances to prototypes, in a learned subspace, name a word's concept?

Paper A (Xu et al. 2023), METHODS.md section 2::

    z = x A                                A in R^{d x r}, no bias, initialised U(-0.05, 0.05)
    p(k | x) = softmax_k( -||x A - c_k A||^2 )
    loss = mean negative log-likelihood

``c_k`` is the mean of the *training* vectors of concept k and stays fixed; A alone is learned (Adam, batches
of 8 sentences, 20 epochs, the epoch best on dev is kept). Ours: vectors are standardised by the mean and
standard deviation of the training split, and the learning rate is chosen on dev; the candidates are trained
side by side in one batched product.
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from xviz.concepts.annotation import Labels
from xviz.concepts.prototypes import prototypes
from xviz.concepts.spec import ProbeSettings
from xviz.errors import Cancelled, InputError
from xviz.journal import SILENT, Journal

INIT_RANGE = 0.05
RANKS = {"deprel": 64}
RANK = 32
PAPER_A_RESCALED = ProbeSettings()


@dataclass(frozen=True)
class Split:
    """Vectors of one split, with the concept and the sentence of each row (rows in sentence order)."""

    vectors: Float[np.ndarray, "rows dim"]
    codes: Int[np.ndarray, " rows"]
    sentence: Int[np.ndarray, " rows"]


@dataclass(frozen=True)
class Probe:
    """A trained probe: ``A`` with the standardisation it was trained under."""

    A: Float[np.ndarray, "dim rank"]
    mean: Float[np.ndarray, " dim"]
    scale: Float[np.ndarray, " dim"]
    prototypes: Float[np.ndarray, "concepts dim"]  # c_k of the standardised training vectors
    counts: Int[np.ndarray, " concepts"]  # training rows of each; one without any is never predicted
    names: tuple[str, ...]
    learning_rate: float
    epoch: int
    dev_accuracy: float

    def project(self, vectors: Float[np.ndarray, "rows dim"]) -> Float[np.ndarray, "rows rank"]:
        """``x A`` of standardised vectors: the probe space."""
        return ((np.asarray(vectors, np.float32) - self.mean) / self.scale) @ self.A

    @property
    def space(self) -> Float[np.ndarray, "concepts rank"]:
        """``c_k A``: the concept space that the probe sees."""
        return self.prototypes @ self.A

    def predict(self, vectors: Float[np.ndarray, "rows dim"]) -> Int[np.ndarray, " rows"]:
        """The nearest concept of each row."""
        return self._logits(vectors).argmax(-1).numpy()

    def probabilities(self, vectors: Float[np.ndarray, "rows dim"]) -> Float[np.ndarray, "rows concepts"]:
        """``p(k | x)`` of each row."""
        return self._logits(vectors).softmax(-1).numpy()

    def _logits(self, vectors: Float[np.ndarray, "rows dim"]) -> Float[Tensor, "rows concepts"]:
        z = torch.from_numpy(np.ascontiguousarray(self.project(vectors)))
        absent = torch.from_numpy(self.counts == 0)
        return scores(z[None], torch.from_numpy(self.space)[None])[0].masked_fill(absent, -torch.inf)


def scores(
    z: Float[Tensor, "probes rows rank"], space: Float[Tensor, "probes concepts rank"]
) -> Float[Tensor, "probes rows concepts"]:
    """``-||z - c_k A||^2`` up to ``||z||^2``, which no softmax over concepts sees."""
    return 2 * z @ space.mT - space.square().sum(-1)[:, None, :]


def train_probe(
    train: Split,
    dev: Split,
    names: tuple[str, ...],
    *,
    settings: ProbeSettings = PAPER_A_RESCALED,
    concepts: str = "upos",
    device: str | torch.device = "cpu",
    journal: Journal = SILENT,
) -> Probe:
    """Train the probe on ``train``; learning rate and epoch are those that are best on ``dev``.

    Rows with code -1, and dev rows of a concept that never occurs in training, take no part in training and
    choice (how they count in a test is for :func:`accuracy_table` to say).

    Raises:
        InputError: fewer than two concepts in the training split, or no labelled dev row.
        Cancelled: the journal asked to stop.
    """
    keep = train.codes >= 0
    if len(np.unique(train.codes[keep])) < 2:
        raise InputError("A probe needs at least two concepts in its training split.")
    if not (dev.codes >= 0).any():
        raise InputError("The dev split on which the probe is chosen has no word with one of these concepts.")

    x = np.asarray(train.vectors[keep], np.float32)
    codes = train.codes[keep]
    mean, scale = _standardisation(x, settings.standardise)
    x = (x - mean) / scale
    dev_keep = dev.codes >= 0
    dev_x = (np.asarray(dev.vectors[dev_keep], np.float32) - mean) / scale
    means, counts = prototypes(x, codes, len(names))
    # A concept of the list that the train split lacks has no prototype: masked, since NaN would spread.
    means = np.where(counts[:, None] > 0, means, 0.0).astype(np.float32)
    absent = torch.from_numpy(counts == 0).to(device)

    generator = torch.Generator().manual_seed(settings.seed)
    dim, rank = x.shape[1], settings.rank or RANKS.get(concepts, RANK)
    rates = settings.learning_rates
    start = torch.empty(dim, rank).uniform_(-INIT_RANGE, INIT_RANGE, generator=generator)
    maps = [start.clone().to(device).requires_grad_() for _ in rates]  # (dim, rank), one a learning rate
    groups = [{"params": [A], "lr": rate} for A, rate in zip(maps, rates, strict=True)]
    optimiser = torch.optim.Adam(groups, weight_decay=settings.weight_decay)

    x_t = torch.from_numpy(x).to(device)
    dev_t, c_t = torch.from_numpy(dev_x).to(device), torch.from_numpy(means).to(device)
    y_t, dev_y = torch.from_numpy(codes).to(device), torch.from_numpy(dev.codes[dev_keep]).to(device)
    batches = _sentence_rows(train.sentence[keep])

    def logits(rows: Tensor) -> Tensor:
        A = torch.stack(maps)  # (rates, dim, rank)
        return scores(rows @ A, c_t @ A).masked_fill(absent, -torch.inf)  # (rates, rows, concepts)

    best = [(-1.0, 0, start)] * len(rates)
    for epoch in range(1, settings.epochs + 1):
        order = torch.randperm(len(batches), generator=generator).tolist()
        for i in range(0, len(order), settings.batch_sentences):
            rows = torch.cat([batches[s] for s in order[i : i + settings.batch_sentences]]).to(device)
            p = logits(x_t[rows])
            loss = torch.nn.functional.cross_entropy(
                p.flatten(0, 1), y_t[rows].repeat(len(rates)), reduction="sum"
            ) / len(rows)  # the sum over learning rates of mean losses: each map sees its own gradient
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
        with torch.no_grad():
            hit = (logits(dev_t).argmax(-1) == dev_y).double().mean(-1)  # (rates,)
        for i, accuracy in enumerate(hit.tolist()):
            if accuracy > best[i][0]:
                best[i] = (accuracy, epoch, maps[i].detach().clone())
        journal.progress(epoch, settings.epochs, unit="epochs")
        journal.metrics(epoch, {"dev_accuracy": max(hit.tolist())})
        if journal.stop_requested():
            raise Cancelled("The probe was stopped before its last epoch; nothing was kept.")

    winner = max(range(len(rates)), key=lambda i: best[i][0])  # the smaller rate where they are equal
    accuracy, epoch, A = best[winner]
    return Probe(A.cpu().numpy(), mean, scale, means, counts, names, rates[winner], epoch, accuracy)


def control_labels(forms: np.ndarray, codes: Int[np.ndarray, " rows"], *, seed: int) -> dict[str, int]:
    """Hewitt & Liang (2019): a random concept for each word type, drawn as concepts are distributed.

    A probe that does well on these memorises word types; selectivity is its accuracy on the true labels
    minus its accuracy on these.
    """
    rng = np.random.default_rng(seed)
    types = sorted(set(forms.tolist()))
    drawn = rng.choice(codes[codes >= 0], size=len(types))
    return dict(zip(types, drawn.tolist(), strict=True))


def accuracy_table(
    predicted: Int[np.ndarray, " rows"],
    labels: Labels,
    forms: np.ndarray,
    *,
    train_labels: Labels,
    train_forms: np.ndarray,
) -> list[dict[str, Any]]:
    """Accuracy on a test split beside what it must be compared with.

    The rows of ``predicted`` and ``labels`` are the test rows; ``labels.codes`` holds -1 for concepts unseen
    in training and -2 for rows without annotation (always left out).

    Returns rows ``{method, subset, convention, accuracy, n, low, high}``: convention ``unseen_wrong`` counts
    a concept unseen in training as an error (paper A), ``unseen_left_out`` leaves it out; method ``probe``,
    ``majority`` or ``lookup`` (majority concept of the word type in training, else the majority); subset
    ``all``, ``without PUNCT`` (where there is such a tag) and ``unseen forms``; a Wilson interval of 95 %
    over rows.
    """
    judged = labels.codes != -2
    majority = int(np.argmax(train_labels.counts))
    lookup = _majority_of_type(train_forms, train_labels.codes)
    seen = np.fromiter((form in lookup for form in forms), bool, len(forms))
    by_type = np.fromiter((lookup.get(form, majority) for form in forms), np.int64, len(forms))
    subsets = {"all": judged, "unseen forms": judged & ~seen}
    if "PUNCT" in train_labels.names:
        subsets["without PUNCT"] = judged & (labels.codes != train_labels.names.index("PUNCT"))
    methods = {"probe": predicted, "lookup": by_type, "majority": np.full(len(forms), majority)}
    conventions = {"unseen_wrong": judged, "unseen_left_out": labels.codes >= 0}
    rows = []
    for (subset, inside), (convention, counted) in itertools.product(subsets.items(), conventions.items()):
        mask = inside & counted
        n = int(mask.sum())
        for method, guess in methods.items():
            hits = int((guess[mask] == labels.codes[mask]).sum())
            low, high = wilson(hits, n)
            where = {"method": method, "subset": subset, "convention": convention}
            rows.append(where | {"accuracy": hits / n if n else np.nan, "n": n, "low": low, "high": high})
    return rows


def wilson(hits: int, n: int) -> tuple[float, float]:
    """95 % Wilson interval of a share (Wilson 1927); it treats rows as independent."""
    from scipy.stats import binomtest

    if n == 0:
        return float("nan"), float("nan")
    interval = binomtest(hits, n).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def _majority_of_type(forms: np.ndarray, codes: Int[np.ndarray, " rows"]) -> dict[str, int]:
    tally: dict[str, Counter[int]] = {}
    labelled = codes >= 0
    for form, code in zip(forms[labelled].tolist(), codes[labelled].tolist(), strict=True):
        tally.setdefault(form, Counter())[code] += 1
    return {form: min(seen, key=lambda code: (-seen[code], code)) for form, seen in tally.items()}


def _standardisation(x: np.ndarray, wanted: bool) -> tuple[np.ndarray, np.ndarray]:
    if not wanted:
        return np.zeros(x.shape[1], np.float32), np.ones(x.shape[1], np.float32)
    scale = x.std(0, dtype=np.float64)
    return x.mean(0, dtype=np.float64).astype(np.float32), np.where(scale > 1e-8, scale, 1).astype(np.float32)


def _sentence_rows(sentence: Int[np.ndarray, " rows"]) -> list[Tensor]:
    """The rows of each sentence."""
    order = np.argsort(sentence, kind="stable")
    cuts = np.flatnonzero(np.diff(sentence[order])) + 1
    return [torch.from_numpy(rows) for rows in np.split(order, cuts)]
