"""Which concept space: vectors, an annotation, raw or through the prototype probe. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from xviz.representations.spec import WordVectorsSpec
from xviz.store import Spec

SpaceKind = Literal["raw", "probe"]
RootPolicy = Literal["drop", "zero", "cls"]


class ProbeSettings(BaseModel):
    """How the prototype probe of METHODS.md section 2 is trained (defaults: paper A, but for the scale)."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    rank: int | None = None  # 32 for UPOS and features, 64 for relations
    learning_rates: tuple[float, ...] = (1e-4, 1e-3, 1e-2)  # chosen on dev; 1e-4 is the paper's
    weight_decay: float = 1e-6
    batch_sentences: int = 8
    epochs: int = 20
    standardise: bool = True
    seed: int = 0


class ConceptSpaceSpec(Spec):
    """The prototypes of one language at one layer, with counts and what is known about the vectors.

    Attributes:
        vectors: the word vectors of the split on which prototypes are averaged (and the probe trained).
        dev, test: the vectors on which a probe is chosen and judged; a raw space needs neither.
        concepts: ``upos``, ``deprel`` or ``feats:Name``.
        root: what the relation vector of a root is (relations only).
    """

    kind: ClassVar[str] = "concept_space"
    version: ClassVar[int] = 1

    vectors: WordVectorsSpec
    concepts: str = "upos"
    space: SpaceKind = "raw"
    root: RootPolicy = "drop"
    dev: WordVectorsSpec | None = None
    test: WordVectorsSpec | None = None
    probe: ProbeSettings = ProbeSettings()

    @field_validator("concepts")
    @classmethod
    def _known(cls, value: str) -> str:
        if value in ("upos", "deprel") or (value.startswith("feats:") and len(value) > len("feats:")):
            return value
        raise ValueError(f"concepts are upos, deprel or feats:Name (as feats:Case), not {value!r}")

    @model_validator(mode="after")
    def _chosen_on_dev(self) -> ConceptSpaceSpec:
        if self.space == "probe" and self.dev is None:
            raise ValueError("a probe is chosen on a dev split, and none is given")
        return self

    def identity(self) -> dict[str, Any]:
        fields = self.model_dump(mode="json")
        for name in ("vectors", "dev", "test"):
            spec = getattr(self, name)
            fields[name] = spec.identity() if spec is not None else None
        return fields

    def needs(self) -> Sequence[Spec]:
        vectors = [spec for spec in (self.vectors, self.dev, self.test) if spec is not None]
        if self.concepts != "deprel" or self.root != "cls":
            return vectors
        return [*vectors, *(spec.sentences("cls") for spec in vectors)]
