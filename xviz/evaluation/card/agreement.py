"""Table of a card: RSA and Procrustes fit of English against every other language, beyond three nulls.

Prototypes of the parallel treebanks at the layer that English dev chose for the trained network's probe,
over one set of concepts that every treebank has often enough. Beside each score: label permutation, the
lexical null (networks that know word types alone, matched in their share of token noise), and the same
architecture with random weights at the same layer (METHODS.md section 3). Translations of the same sentences
stand on both sides, which inflates scores and nulls alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from xviz.alignability.lexical import TypeCounts, adjust, draw_prototypes, noise_share, type_counts
from xviz.alignability.permutation import p_value, permutations, procrustes_null, rsa_null
from xviz.alignability.scores import dissimilarities, factor, procrustes, rsa
from xviz.concepts.annotation import label
from xviz.concepts.prototypes import prototypes
from xviz.evaluation.card.networks import CONCEPTS, go_on, named, words_of
from xviz.evaluation.spec import CardSpec
from xviz.journal import Journal
from xviz.models.spec import ModelRef
from xviz.store import Store

FEWEST_CONCEPTS = 4
VARIANTS = {
    ("rsa", "euclidean/spearman"): "plain",
    ("rsa", "euclidean/spearman/adjusted"): "adjusted",
    ("procrustes", ""): "procrustes",
}


@dataclass(frozen=True)
class Space:
    """One language at one layer: what every score is made of."""

    prototypes: Float[Tensor, "*draws concepts dim"]
    corpus: TypeCounts

    def triangle(self, kind: str) -> Float[Tensor, "*draws pairs"]:
        distances = dissimilarities(self.prototypes)
        return adjust(distances.square(), self.corpus) if kind == "adjusted" else distances


def agreement_table(
    spec: CardSpec, layer: int, store: Store, journal: Journal
) -> tuple[pd.DataFrame | None, str | None]:
    """Rows as DESIGN.md gives for scores: one a network, language, metric and variant, null by null.

    ``null_kind`` is ``permutation`` or ``lexical`` (with null_mean, null_p95 and p; trained network), or
    ``random_weights`` (the mean of the random networks; three of them give no p). Rows of arm
    ``random_weights`` hold their scores.
    """
    names = _common(spec, layer, store)
    if len(names) < FEWEST_CONCEPTS:
        return None, (
            f"Only {len(names)} concepts occur at least {spec.minimum} times in every parallel treebank, so "
            "concept spaces cannot be compared."
        )
    by_network = {
        network: _spaces(spec, network, layer, names, store, journal) for network in spec.networks()
    }
    scores = {network: _scores(spaces) for network, spaces in by_network.items()}
    rows: list[dict[str, Any]] = []
    for place, bank in enumerate(spec.parallel[1:]):
        go_on(journal)
        a, b = by_network[spec.model][0], by_network[spec.model][place + 1]
        nulls = _permutation_nulls(a[0], b[0], spec), _lexical_nulls(a, b, spec, place)
        for (metric, variant), kind in VARIANTS.items():
            about = {
                "layer": layer,
                "space": "raw",
                "concept_kind": CONCEPTS,
                "language_a": spec.parallel[0].language,
                "treebank_a": spec.parallel[0].name,
                "language_b": bank.language,
                "treebank_b": bank.name,
                "metric": metric,
                "variant": variant,
                "n_a": int(a[0].corpus.counts.sum()),
                "n_b": int(b[0].corpus.counts.sum()),
                "n_concepts": len(names),
            }
            for network, each in scores.items():
                row = named(spec, network) | about | {"score": float(each[kind][place])}
                if network.random_weights is not None:
                    rows.append(row)
            own = scores[spec.model][kind][place]
            row = named(spec, spec.model) | about | {"score": float(own)}
            for null_kind, null, draws in (
                ("permutation", nulls[0][kind], spec.permutations),
                ("lexical", nulls[1][kind], spec.draws),
            ):
                rows.append(row | {"null_kind": null_kind, "n_permutations": draws} | _beside(own, null))
            random = [float(each[kind][place]) for n, each in scores.items() if n.random_weights is not None]
            if random:
                beside = {"null_mean": float(np.mean(random)), "null_p95": np.nan, "p": np.nan}
                rows.append(row | {"null_kind": "random_weights", "n_permutations": len(random)} | beside)
    order = ["model", "arm", "seed", "layer", "space", "concept_kind", "language_a", "treebank_a"]
    order += ["language_b", "treebank_b", "metric", "variant", "score", "null_kind", "null_mean", "null_p95"]
    table = pd.DataFrame(rows)[[*order, "p", "n_a", "n_b", "n_concepts", "n_permutations"]]
    return table.astype({"seed": "Int64", "n_permutations": "Int64"}), None


def _common(spec: CardSpec, layer: int, store: Store) -> tuple[str, ...]:
    """The concepts that every treebank has at least ``minimum`` times."""
    kept: set[str] | None = None
    for bank in spec.parallel:
        labels = label(words_of(spec, spec.model, bank, layer, store).words, CONCEPTS)
        often = {name for name, n in zip(labels.names, labels.counts, strict=True) if n >= spec.minimum}
        kept = often if kept is None else kept & often
    return tuple(sorted(kept or ()))


def _spaces(
    spec: CardSpec,
    network: ModelRef,
    layer: int,
    names: tuple[str, ...],
    store: Store,
    journal: Journal,
) -> list[tuple[Space, float]]:
    """Space of every parallel treebank, and the share of its variance between tokens of one type."""
    spaces = []
    for bank in spec.parallel:
        go_on(journal)
        there = words_of(spec, network, bank, layer, store)
        codes = label(there.words, CONCEPTS, names=names).codes
        vectors = there.vectors()
        means, _ = prototypes(vectors, codes, len(names))
        forms = there.words["form"].astype(str).to_numpy(object)
        trained = network.random_weights is None
        share = noise_share(vectors, forms, seed=spec.seed) if trained else 0.0
        spaces.append((Space(torch.from_numpy(means), type_counts(forms, codes, len(names))), share))
    return spaces


def _scores(spaces: list[tuple[Space, float]]) -> Mapping[str, Float[Tensor, " languages"]]:
    (first, _), *others = spaces
    out: dict[str, list[Tensor]] = {kind: [] for kind in VARIANTS.values()}
    for other, _ in others:
        for kind, score in _pair(first, other).items():
            out[kind].append(score)
    return {kind: torch.stack(scores) for kind, scores in out.items()}


def _pair(a: Space, b: Space) -> dict[str, Float[Tensor, "*draws"]]:
    found = {
        kind: rsa(a.triangle(kind)[..., None, :], b.triangle(kind)[..., None, :])[..., 0, 0]
        for kind in ("plain", "adjusted")
    }
    return found | {"procrustes": procrustes(a.prototypes, b.prototypes)}


def _permutation_nulls(a: Space, b: Space, spec: CardSpec) -> dict[str, Float[Tensor, " draws"]]:
    renamings = permutations(len(a.prototypes), spec.permutations, seed=spec.seed)
    found = {}
    for kind in ("plain", "adjusted"):
        left, right = a.triangle(kind)[None], b.triangle(kind)[None]
        found[kind] = torch.stack([scores[0, 0] for scores in rsa_null(left, right, renamings)])
    fits = procrustes_null(factor(a.prototypes)[None], factor(b.prototypes)[None], renamings)
    return found | {"procrustes": fits[:, 0]}


def _lexical_nulls(
    a: tuple[Space, float], b: tuple[Space, float], spec: CardSpec, place: int
) -> dict[str, Float[Tensor, " draws"]]:
    """Scores of networks that know word types and nothing of concepts, for the same two corpora."""
    first = 1000 * spec.seed  # English has one stream of draws, every other language another
    drawn = [
        Space(
            draw_prototypes(
                space.corpus,
                draws=spec.draws,
                dim=space.prototypes.shape[-1],
                noise=share,
                seed=seed,
            ),
            space.corpus,
        )
        for (space, share), seed in ((a, first), (b, first + 1 + place))
    ]
    return _pair(*drawn)


def _beside(score: Tensor, null: Float[Tensor, " draws"]) -> dict[str, float]:
    return {
        "null_mean": float(null.mean()),
        "null_p95": float(torch.quantile(null, 0.95)),
        "p": float(p_value(score, null)),
    }
