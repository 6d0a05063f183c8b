"""The choices of the page on alignability: which measure, against which null, in which order; and its run."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Literal

import streamlit as st

from xviz.alignability.spec import AlignSpec
from xviz.concepts.spec import SpaceKind
from xviz.corpora.catalogue import without_ud
from xviz.corpora.folder import TreebankFiles, choose
from xviz.corpora.spec import Split, TreebankSpec
from xviz.dashboard import address
from xviz.dashboard.choices import Choices
from xviz.dashboard.controls import segmented
from xviz.dashboard.results import Work
from xviz.errors import XvizError
from xviz.models.listing import list_models
from xviz.models.spec import ModelRef

Shown = Literal["effect", "score"]
Order = Literal["family", "likeness"]

MEASURES: dict[str, tuple[str, str]] = {
    "RSA, adjusted": ("rsa", "euclidean/spearman/adjusted"),
    "RSA": ("rsa", "euclidean/spearman"),
    "RSA, cross-validated": ("rsa", "euclidean/spearman/crossvalidated"),
    "Procrustes": ("procrustes", "orthogonal"),
    "CKA, debiased": ("cka", "linear/debiased"),
    "Held-out concept": ("heldout", ""),
}
"""Name -> metric and variant; an empty variant is the only one of its metric."""

EXPLAINED = {
    "RSA, adjusted": "Do concepts that lie far apart in one language lie far apart in the other? Rank "
    "correlation of distances, after taking out what shared word types and counts alone explain.",
    "RSA": "Rank correlation of the distances between concepts. Word counts alone make it high: look at the "
    "lexical null.",
    "RSA, cross-validated": "The same with distances estimated on two halves of the sentences, so that noise "
    "does not count as distance.",
    "Procrustes": "How much of one space a rotation, shift and scale of the other explains. High by "
    "construction where concepts are few and dimensions many.",
    "CKA, debiased": "Correlation of the two spaces' inner products, without the bias of few concepts.",
    "Held-out concept": "A rotation is fitted on all concepts but one: does it carry that one to its "
    "counterpart? The share that it does, both ways.",
}

NULLS = {
    "hardest": "hardest",
    "label permutation": "permutation",
    "lexical": "lexical",
    "random weights": "random_weights",
}
SHOWN: dict[str, Shown] = {"effect": "effect", "raw score": "score"}
ORDERS: dict[str, Order] = {"by family": "family", "by likeness": "likeness"}
PARTITION = (60, 20, 20)
LEXICAL_DRAWS = 200


@dataclass(frozen=True)
class AlignmentLooks:
    """What of the comparison is shown."""

    measure: str
    null: str
    shown: Shown
    order: Order
    space: SpaceKind

    def of(self, metrics: dict[str, str]) -> tuple[str, str]:
        """Metric and variant; ``metrics`` names the variant of those that have only one."""
        metric, variant = MEASURES[self.measure]
        return metric, variant or metrics.get(metric, "")


def alignment_looks() -> AlignmentLooks:
    """Controls in one row above the figures."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="al-controls"):
        address.check("al_measure", MEASURES, noun="the measure")
        measure = st.selectbox(
            "Measure", list(MEASURES), key="al_measure", bind="query-params", width=210, help=_measures_help()
        )
        address.remember("al_measure", measure)
        shown = segmented(
            "Show",
            "al_show",
            SHOWN,
            help="Effect: (score − null mean) / (1 − null mean). 0: what the null gives, 1: equal spaces.",
        )
        null = segmented(
            "Against",
            "al_null",
            NULLS,
            help="The null that effects are taken from. *Hardest* is, for each pair, the one with the "
            "largest mean. Renaming concepts tests labels alone; the lexical null knows word types and "
            "counts but no network; random weights have the architecture and the tokenizer.",
        )
        order = segmented("Order", "al_order", ORDERS)
        space = segmented(
            "Space",
            "al_space",
            {"raw": "raw", "probe": "probe"},
            help="Prototypes as they are, or through a prototype probe trained on each language (needs more "
            "time; there is no lexical null then).",
        )
    return AlignmentLooks(measure, NULLS[null], SHOWN[shown], ORDERS[order], space)  # type: ignore[arg-type]


def align_specification(choices: Choices, concepts: str, space: SpaceKind, *, model: str = "") -> AlignSpec:
    """All pairs of the chosen treebanks at all layers, with all nulls; ``model`` in place of the chosen one.

    Raises:
        XvizError: a model that can't be described, or treebanks without the parts that a probe needs.
    """
    from xviz.models.folder import describe

    facts = describe(model) if model else choices.facts
    layers = tuple(range(facts.layers + 1))
    first = choices.vectors(0)[0]
    pooling = first.pooling
    if model and choices.pooling == "auto":
        pooling = "first" if facts.family == "encoder" else "last"
    treebanks: tuple[TreebankSpec, ...] = tuple(choices.specs)
    dev: tuple[TreebankSpec, ...] = ()
    if space == "probe":
        treebanks, dev = _parts(choices)
    return AlignSpec(
        model=ModelRef(name=model) if model else choices.model,
        treebanks=treebanks,
        dev=dev,
        layers=layers,
        pooling=pooling,
        dtype=first.dtype,
        concepts=concepts,
        space=space,
        lexical=LEXICAL_DRAWS if space == "raw" else 0,
        disjoint=True,
    )


def align_work(spec: AlignSpec, choices: Choices) -> Work:
    """The comparison as work that can be launched, with its command line."""
    names = ",".join(without_ud(bank.name) for bank in spec.treebanks)
    parts = [
        "xviz align",
        f"--model {shlex.quote(spec.model.name)}",
        f"--data {shlex.quote(choices.data)}",
        f"--treebank {names}",
        f"--concepts {spec.concepts}",
        f"--space {spec.space}",
        "--layers all",
        "--disjoint",
    ]
    parts += [f"--split {choices.split}"] * (choices.split != "auto" and spec.space == "raw")
    parts += [f"--pooling {choices.pooling}"] * (choices.pooling != "auto")
    pairs = len(spec.treebanks) * (len(spec.treebanks) - 1) // 2
    return Work(
        f"Compare {pairs} pairs",
        (spec,),
        f"Alignability of {len(spec.treebanks)} treebanks with {spec.model.name}",
        " \\\n  ".join([*parts, "--out scores.parquet"]),
    )


def _parts(choices: Choices) -> tuple[tuple[TreebankSpec, ...], tuple[TreebankSpec, ...]]:
    """Train and dev of each treebank: its own files, or a partition by ``sent_id`` where it has none."""

    def part(bank: TreebankFiles, split: Split) -> TreebankSpec:
        partition = None if {"train", "dev"} <= set(bank.splits) else PARTITION
        return choose(choices.data, [bank.name], split=split, partition=partition)[0]

    try:
        train, dev = (tuple(part(bank, split) for bank in choices.treebanks) for split in ("train", "dev"))
    except XvizError as error:
        raise XvizError(f"A probe needs train and dev parts. {error}") from error
    return train, dev


def _measures_help() -> str:
    return "\n".join(f"- **{name}**: {text}" for name, text in EXPLAINED.items())


def other_model(choices: Choices) -> str:
    """A second network to be shown beside the first; "" for none."""
    names = [row["name"] for row in list_models() if row["available"] and row["name"] != choices.model.name]
    value = st.sidebar.selectbox(
        "Beside it",
        names,
        index=None,
        key="al_beside",
        bind="query-params",
        accept_new_options=True,
        placeholder="another model",
        help="The same comparison with a second network, at the same layer (or its last).",
    )
    address.remember("al_beside", value)
    return value or ""
