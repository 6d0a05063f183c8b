"""Every kind of result there is: its specification, and the function that computes it.

The functions are named, not imported: asking what kinds there are loads neither torch nor umap. A step
computes several specifications at once, because some share their work (the layers of one network come from
one forward pass).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from xviz.errors import InputError
from xviz.journal import SILENT, Journal
from xviz.models.spec import Dtype, ModelRef
from xviz.store import Entry, Spec, Store


@dataclass(frozen=True)
class Step:
    """``compute(specs, store=, journal=, load=)`` fills the store with all of ``specs``.

    ``together``: with several processes all of them compute it (it trains by :mod:`xviz.learning.loop`);
    otherwise the first one does (:mod:`xviz.runs.together`).
    """

    specification: str
    compute: str
    together: bool = False


STEPS = {
    "treebank": Step("xviz.corpora.spec:TreebankSpec", "xviz.corpora.steps:compute_treebanks"),
    "words": Step("xviz.representations.spec:WordTableSpec", "xviz.representations.steps:compute_vectors"),
    "word_vectors": Step(
        "xviz.representations.spec:WordVectorsSpec", "xviz.representations.steps:compute_vectors"
    ),
    "sentence_vectors": Step(
        "xviz.representations.spec:SentenceVectorsSpec", "xviz.representations.steps:compute_vectors"
    ),
    "concept_space": Step("xviz.concepts.spec:ConceptSpaceSpec", "xviz.concepts.steps:compute_spaces"),
    "concept_sums": Step("xviz.alignability.spec:ConceptSumsSpec", "xviz.alignability.steps:compute_sums"),
    "alignability": Step("xviz.alignability.spec:AlignSpec", "xviz.alignability.steps:compute_alignments"),
    "retrieval": Step("xviz.alignability.spec:RetrieveSpec", "xviz.alignability.steps:compute_retrievals"),
    "cluster_overlap": Step("xviz.alignability.spec:OverlapSpec", "xviz.alignability.steps:compute_overlaps"),
    "map": Step("xviz.projection.spec:MapSpec", "xviz.projection.steps:compute_maps"),
    "map_quality": Step("xviz.projection.spec:MapQualitySpec", "xviz.projection.steps:compute_qualities"),
    "language_mixing": Step(
        "xviz.projection.spec:LanguageMixingSpec", "xviz.projection.steps:compute_mixings"
    ),
    "tuned": Step(
        "xviz.learning.tuning.spec:TuneSpec", "xviz.learning.tuning.recipe:compute_tuned", together=True
    ),
    "meta": Step("xviz.learning.meta.spec:MetaSpec", "xviz.learning.meta.compute:compute_metas"),
    "accuracy": Step("xviz.evaluation.spec:AccuracySpec", "xviz.evaluation.accuracy:compute_accuracies"),
    "language_modelling": Step(
        "xviz.evaluation.spec:LanguageModellingSpec", "xviz.evaluation.steps:compute_language_modelling"
    ),
    "card": Step("xviz.evaluation.spec:CardSpec", "xviz.evaluation.steps:compute_cards"),
}


class Loader:
    """Loads a network when a step first asks for it and keeps the last one."""

    def __init__(self, *, device: str = "auto"):
        self.device = device
        self._kept: tuple[tuple[ModelRef, Dtype], Any] | None = None

    def __call__(self, ref: ModelRef, dtype: Dtype) -> Any:
        """The :class:`~xviz.models.loading.LanguageModel` of ``ref``."""
        from xviz.models.loading import load

        if self._kept is None or self._kept[0] != (ref, dtype):
            self._kept = None  # released before the next one is loaded
            self._kept = ((ref, dtype), load(ref, device=self.device, dtype=dtype))
        return self._kept[1]


def missing(wanted: Iterable[Spec], store: Store) -> list[Spec]:
    """What has to be computed for ``wanted``, in an order in which it can be: needs first, nothing twice."""
    plan: dict[tuple[str, str], Spec] = {}

    def visit(spec: Spec) -> None:
        if (spec.kind, spec.key) in plan or store.find(spec) is not None:
            return
        for need in spec.needs():
            visit(need)
        plan[spec.kind, spec.key] = spec

    for spec in wanted:
        visit(spec)
    return list(plan.values())


def compute(
    wanted: Sequence[Spec],
    *,
    store: Store,
    journal: Journal = SILENT,
    load: Callable[[ModelRef, Dtype], Any] | None = None,
) -> list[Entry]:
    """Compute whatever of ``wanted`` (and of what it needs) is not in the store; return the results.

    Raises:
        XvizError: whatever a step raises; results that were finished before it are kept.
    """
    load = load or Loader()
    plan = missing(wanted, store)
    for kind in STEPS:  # the order of the rooms is the order of the data
        specs = [spec for spec in plan if spec.kind == kind]
        if specs:
            step_of(kind)(specs, store=store, journal=journal, load=load)
    entries = [store.find(spec) for spec in wanted]
    lost = [spec.kind for spec, entry in zip(wanted, entries, strict=True) if entry is None]
    if lost:
        kinds = ", ".join(sorted(set(lost)))
        raise InputError(
            f"The store is too small: {kinds} went as soon as it was written. Raise XVIZ_STORE_GB.",
            file=store.root,
        )
    return [entry for entry in entries if entry is not None]


def to_json(spec: Spec) -> dict[str, Any]:
    """A specification as plain data that :func:`from_json` reads."""
    return {"kind": spec.kind, **spec.model_dump(mode="json")}


def from_json(data: dict[str, Any]) -> Spec:
    """The specification that was written by :func:`to_json`.

    Raises:
        InputError: the kind is unknown or a field is missing, unknown or of a wrong type.
    """
    from pydantic import ValidationError

    fields = dict(data)
    kind = fields.pop("kind", None)
    if kind not in STEPS:
        raise InputError(f"There is no kind of result called {kind!r}; there are {', '.join(STEPS)}.")
    try:
        return _import(STEPS[kind].specification).model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or kind
        raise InputError(f"The specification of a {kind} is not valid at {place}: {first['msg']}.") from error


def step_of(kind: str) -> Callable[..., None]:
    """The function that computes results of a kind."""
    return _import(STEPS[kind].compute)


def _import(name: str) -> Any:
    module, attribute = name.split(":")
    return getattr(importlib.import_module(module), attribute)
