"""The one way from a specification to a result: it is there, or it is cheap, or it is offered.

Pages, command line and cluster share it. :func:`resolve` returns the result where the store has it,
computes it on the spot where that takes a moment, and otherwise says what it would cost.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xviz.alignability.spec import AlignSpec, ConceptSumsSpec, RetrieveSpec
from xviz.concepts.spec import ConceptSpaceSpec
from xviz.corpora.spec import TreebankSpec
from xviz.journal import SILENT, Journal
from xviz.models.spec import Dtype, ModelRef
from xviz.representations.spec import WordTableSpec, WordVectorsSpec
from xviz.runs.steps import compute, missing
from xviz.store import Entry, Spec, Store

ON_THE_SPOT_SECONDS = 5.0
"""What a reader of a page waits for without being asked."""

PIECES_A_WORD = 1.6
WORDS_A_SENTENCE = 20
CPU_FLOPS = 8e10  # of two cores in fp32; only used until this machine has been measured
WORDS_PARSED_A_SECOND = 50_000
WORDS_AVERAGED_A_SECOND = 200_000
WORDS_PROBED_A_SECOND = 1_000  # with its control task
PAIRS_A_SECOND = 15  # of languages at one layer, all measures and nulls, a core
SECONDS_OF = {"map": 0.3, "umap": 40.0, "load": 2.0}


@dataclass(frozen=True)
class Offer:
    """A result that would take longer than a moment.

    ``controls`` counts treebanks through networks with random weights, whose vectors are let go.
    ``seconds`` and ``bytes`` are estimates: from earlier extractions with the same network on this machine
    where there were any (``measured``), else from its size.
    """

    wanted: tuple[Spec, ...]
    plan: tuple[Spec, ...]
    seconds: float
    bytes: int
    measured: bool
    controls: int = 0

    @property
    def sentence(self) -> str:
        """What will be done, for how long, and what it leaves on disk."""
        networks = {s.table().key for s in self.plan if isinstance(s, WordVectorsSpec)}
        what = f"{len(networks)} treebank{'s' * (len(networks) != 1)} through the network" if networks else ""
        kinds = {s.kind for s in self.plan}
        parts = [what] * bool(what)
        if self.controls:
            parts.append(f"{self.controls} through control networks with random weights")
        parts += ["the statistics of the space"] * bool(kinds & {"concept_space", "map"})
        parts += ["all pairs against their nulls"] * ("alignability" in kinds)
        basis = "measured on this machine" if self.measured else "a rough estimate"
        return (
            f"{', '.join(parts) or 'This'}: about {readable_seconds(self.seconds)} ({basis}), "
            f"{readable_bytes(self.bytes)} on disk."
        )


def resolve(
    wanted: Sequence[Spec],
    *,
    store: Store,
    within: float = ON_THE_SPOT_SECONDS,
    journal: Journal = SILENT,
    load: Callable[[ModelRef, Dtype], Any] | None = None,
) -> list[Entry] | Offer:
    """The results of ``wanted`` where they are there or cheap, else an offer.

    Args:
        wanted: what a page wants to show.
        within: seconds up to which missing results are computed on the spot; 0 never computes.
    """
    plan = missing(wanted, store)
    if plan:
        offer = estimate(wanted, plan, store)
        if offer.seconds > within:
            return offer
    return compute(wanted, store=store, journal=journal, load=load)


def estimate(wanted: Sequence[Spec], plan: Sequence[Spec], store: Store) -> Offer:
    """What computing ``plan`` would take."""
    from xviz.models.folder import describe

    passes: dict[str, list[WordTableSpec]] = {}
    read: list[tuple[ModelRef, TreebankSpec]] = []  # passes that leave no vectors
    controls: list[tuple[ModelRef, TreebankSpec]] = []
    seconds, size, measured = 0.0, 0, True
    for spec in plan:
        if isinstance(spec, WordTableSpec):
            passes.setdefault(f"{spec.model}{spec.treebank}", []).append(spec)
        elif isinstance(spec, TreebankSpec):
            seconds += _words_of(spec) / WORDS_PARSED_A_SECOND
        elif isinstance(spec, ConceptSpaceSpec):
            pace = WORDS_PROBED_A_SECOND if spec.space == "probe" else WORDS_AVERAGED_A_SECOND
            seconds += _words_of(spec.vectors.treebank) / pace
        elif spec.kind == "map" and getattr(spec, "method", "") == "umap":
            seconds += SECONDS_OF["umap"]
        elif isinstance(spec, ConceptSumsSpec) and spec.model.random_weights is not None:
            controls.append((spec.model, spec.treebank))
        elif isinstance(spec, RetrieveSpec):
            read += [(spec.model, bank) for bank in spec.treebanks]
            controls += [(spec.model, bank) for bank in spec.treebanks] * spec.random_weights
        elif isinstance(spec, AlignSpec):
            languages = len(spec.treebanks)
            seconds += len(spec.layers) * languages * (languages - 1) / 2 / PAIRS_A_SECOND
        else:
            seconds += SECONDS_OF.get(spec.kind, 1.0)
    if passes or read or controls:
        seconds += SECONDS_OF["load"]
    stored = [(specs[0].model, specs[0].treebank, specs) for specs in passes.values()]
    for model, treebank, specs in [*stored, *((*each, []) for each in read + controls)]:
        facts = describe(model)
        words = _words_of(treebank)
        rate = _measured_rate(store, model.model_copy(update={"random_weights": None}))
        measured = measured and rate is not None
        blocks = 12 * facts.layers * facts.width**2  # the usual shape, where the weights cannot be counted
        body = facts.parameters - facts.vocabulary * facts.width if facts.parameters else blocks
        body = body if body > 0 else blocks  # factorised embeddings
        seconds += words / rate if rate else words * PIECES_A_WORD * 2 * body / CPU_FLOPS
        size += sum(words * facts.width * 2 for s in specs if isinstance(s, WordVectorsSpec))
    return Offer(
        tuple(wanted),
        tuple(plan),
        seconds,
        size,
        measured and bool(stored or read or controls),
        len(controls),
    )


def _words_of(treebank: TreebankSpec) -> int:
    """About how many words the files hold: a CoNLL-U line takes some 60 bytes."""
    size = sum(os.path.getsize(file) for file in treebank.files if Path(file).is_file())
    part = {"train": 0, "dev": 1, "test": 2}.get(treebank.split)
    share = treebank.partition[part] / 100 if treebank.partition and part is not None else 1.0
    words = int(size / 60 * share)
    return words if treebank.limit is None else min(words, treebank.limit * WORDS_A_SENTENCE)


def _measured_rate(store: Store, model: ModelRef) -> float | None:
    """Words a second of the latest extraction with this network, whatever its layers and treebank."""
    for entry in store.entries("word_vectors"):
        if entry.spec.get("model") == model.model_dump(mode="json"):
            words, seconds = entry.note.get("words"), entry.note.get("seconds")
            if words and seconds:
                return words / seconds
    return None


def readable_seconds(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def readable_bytes(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit in ("B", "kB") or size >= 10 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
