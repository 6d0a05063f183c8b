"""Which comparison of which languages: concept spaces with their nulls, or translations. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from xviz.concepts.spec import ConceptSpaceSpec, ProbeSettings, SpaceKind
from xviz.corpora.spec import TreebankSpec
from xviz.models.spec import Dtype, ModelRef
from xviz.representations.spec import SentencePooling, WordPooling, WordVectorsSpec
from xviz.store import Spec, fingerprint_of_file

Metric = Literal["rsa", "procrustes", "cka", "heldout"]
Concepts = Literal["common", "pair"]
METRICS: tuple[Metric, ...] = ("rsa", "procrustes", "cka", "heldout")
RSA_VARIANTS = (
    "euclidean/spearman",
    "euclidean/spearman/adjusted",
    "euclidean/spearman/crossvalidated",
    "cosine/spearman",
    "correlation/spearman",
    "euclidean/pearson",
    "euclidean/kendall",
)


class ConceptSumsSpec(Spec):
    """Sums of vectors by concept and group of sentences: all that alignability asks of a treebank.

    Every score, reliability, interval and lexical draw is computed from these, so the vectors of a control
    network (``model.random_weights``) need not be kept: they are computed, summed and let go.

    Attributes:
        layers: all that are wanted, from one pass.
        concepts: ``upos``, ``deprel`` or ``feats:Name``.
        root: the relation vector of a root (relations only).
        groups: sentences fall into this many groups by hash of ``sent_id``, translations into the same.
    """

    kind: ClassVar[str] = "concept_sums"
    version: ClassVar[int] = 1

    model: ModelRef
    treebank: TreebankSpec
    layers: tuple[int, ...] = Field(min_length=1)
    pooling: WordPooling
    dtype: Dtype = "fp32"
    max_words: int = 128
    concepts: str = "upos"
    root: Literal["drop", "zero"] = "drop"
    groups: int = Field(default=20, ge=4)

    def identity(self) -> dict[str, Any]:
        fields = self.model_dump(mode="json")
        return fields | {"model": self.model.identity(), "treebank": self.treebank.identity()}

    def vectors(self) -> list[WordVectorsSpec]:
        """The word vectors of each layer."""
        return [
            WordVectorsSpec(
                model=self.model,
                treebank=self.treebank,
                max_words=self.max_words,
                layer=layer,
                pooling=self.pooling,
                dtype=self.dtype,
            )
            for layer in self.layers
        ]

    def needs(self) -> Sequence[Spec]:
        return self.vectors() if self.model.random_weights is None else []


class AlignSpec(Spec):
    """Every pair of languages at every layer: scores, nulls, ceilings, intervals (METHODS.md section 3).

    The family of tests for which p is adjusted is fixed here: all pairs x layers of a metric.

    Attributes:
        treebanks: one a language, or several of one language (upper controls).
        layers: of one network.
        concept_set: ``common``: the concepts that every treebank has at least ``minimum`` times; ``pair``:
            those of each pair (labelled so, since pairs are then not on one scale).
        variants: of RSA, as dissimilarity/correlation, perhaps /adjusted or /crossvalidated.
        permutations: renamings of concepts.
        heldout_draws: renamings and lexical draws for held-out concepts, which cost a rotation a concept.
        lexical: draws of networks that know word types alone (raw spaces; 0 leaves the null out).
        random_weights: this many networks with fresh weights (seeds 0, 1, ...).
        dev: for probe spaces, the split on which each probe is chosen, one a treebank.
        rank: dimensions of the shared basis in which held-out concepts are rotated.
        disjoint: also compare different halves of the sentences (parallel content inflates scores).
    """

    kind: ClassVar[str] = "alignability"
    version: ClassVar[int] = 1

    model: ModelRef
    treebanks: tuple[TreebankSpec, ...] = Field(min_length=2)
    layers: tuple[int, ...] = Field(min_length=1)
    pooling: WordPooling
    dtype: Dtype = "fp32"
    max_words: int = 128

    concepts: str = "upos"
    root: Literal["drop", "zero"] = "drop"
    minimum: int = Field(default=10, ge=1)
    concept_set: Concepts = "common"
    space: SpaceKind = "raw"
    dev: tuple[TreebankSpec, ...] = ()
    probe: ProbeSettings = ProbeSettings()

    metrics: tuple[Metric, ...] = METRICS
    variants: tuple[str, ...] = RSA_VARIANTS[:3]
    rank: int = Field(default=8, ge=1)
    permutations: int = Field(default=1000, ge=0)
    heldout_draws: int = Field(default=100, ge=0)
    lexical: int = Field(default=200, ge=0)
    random_weights: int = Field(default=5, ge=0)
    groups: int = Field(default=20, ge=4)
    disjoint: bool = False
    seed: int = Field(default=0, ge=0)

    @field_validator("variants")
    @classmethod
    def _known_variants(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [variant for variant in value if variant not in RSA_VARIANTS]
        if unknown:
            raise ValueError(f"a variant of RSA is one of {', '.join(RSA_VARIANTS)}, not {unknown[0]!r}")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> AlignSpec:
        if self.space == "probe" and len(self.dev) != len(self.treebanks):
            raise ValueError("a probe is chosen on a dev split: give one for each treebank")
        if len({spec.key for spec in self.treebanks}) < len(self.treebanks):
            raise ValueError("a treebank is there twice")
        if self.model.random_weights is not None and self.random_weights:
            raise ValueError("a network with random weights cannot be its own control: random_weights=0")
        return self

    def identity(self) -> dict[str, Any]:
        fields = self.model_dump(mode="json")
        fields["model"] = self.model.identity()
        for name in ("treebanks", "dev"):
            fields[name] = [spec.identity() for spec in getattr(self, name)]
        return fields

    def sums(self, random_weights: int | None = None) -> list[ConceptSumsSpec]:
        """The sums of each treebank: of the network itself, or of a control with this seed."""
        model = self._network(random_weights)
        return [
            ConceptSumsSpec(
                model=model,
                treebank=treebank,
                layers=self.layers,
                pooling=self.pooling,
                dtype=self.dtype,
                max_words=self.max_words,
                concepts=self.concepts,
                root=self.root,
                groups=self.groups,
            )
            for treebank in self.treebanks
        ]

    def probes(self, random_weights: int | None = None) -> list[list[ConceptSpaceSpec]]:
        """For each treebank the probe of each layer."""
        common: dict[str, Any] = {
            "model": self._network(random_weights),
            "max_words": self.max_words,
            "pooling": self.pooling,
            "dtype": self.dtype,
        }
        return [
            [
                ConceptSpaceSpec(
                    vectors=WordVectorsSpec(treebank=train, layer=layer, **common),
                    dev=WordVectorsSpec(treebank=dev, layer=layer, **common),
                    concepts=self.concepts,
                    space="probe",
                    root=self.root,
                    probe=self.probe,
                )
                for layer in self.layers
            ]
            for train, dev in zip(self.treebanks, self.dev, strict=True)
        ]

    def needs(self) -> Sequence[Spec]:
        wanted: list[Spec] = []
        for seed in (None, *range(self.random_weights)):
            wanted += self.sums(seed)
            if self.space == "probe":
                wanted += [probe for probes in self.probes(seed) for probe in probes]
        return wanted

    def _network(self, random_weights: int | None) -> ModelRef:
        if random_weights is None:
            return self.model
        return self.model.model_copy(update={"random_weights": random_weights})


class RetrieveSpec(Spec):
    """Do translations find each other? The sentence-level scores of METHODS.md section 6.

    Attributes:
        files: line-aligned text, one file a language (the identity holds their SHA-256); one TSV file, given
            once for each language, is read by its columns.
        treebanks: instead of ``files``, parallel treebanks, whose sentences are joined by ``sent_id``.
        languages: ISO 639-3 codes of ``files`` or ``treebanks``, in the same order.
        pivot: one of ``languages``.
        n: the first n sentences; it belongs to the number, since MEXA falls with n.
        poolings: of sentence vectors; ``weighted`` and ``last`` are MEXA's.
        random_weights: networks with fresh weights, whose MEXA is the floor.
    """

    kind: ClassVar[str] = "retrieval"
    version: ClassVar[int] = 1

    model: ModelRef
    files: tuple[str, ...] = ()
    treebanks: tuple[TreebankSpec, ...] = ()
    languages: tuple[str, ...]
    pivot: str
    layers: tuple[int, ...] = Field(min_length=1)
    poolings: tuple[SentencePooling, ...] = ("weighted",)
    n: int = Field(default=1000, ge=2)
    random_weights: int = Field(default=3, ge=0)
    dtype: Dtype = "fp32"
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _consistent(self) -> RetrieveSpec:
        if bool(self.files) == bool(self.treebanks):
            raise ValueError("translations are in files or in treebanks: give one of the two")
        if len(self.files or self.treebanks) != len(self.languages) or len(self.languages) < 2:
            raise ValueError("give one file for each of at least two languages")
        if self.pivot not in self.languages:
            raise ValueError(f"the pivot {self.pivot} is not among the languages")
        return self

    def identity(self) -> dict[str, Any]:
        fields = self.model_dump(mode="json") | {"model": self.model.identity()}
        fields["files"] = [fingerprint_of_file(Path(file)) for file in self.files]
        fields["treebanks"] = [bank.identity() for bank in self.treebanks]
        return fields

    def needs(self) -> Sequence[Spec]:
        return self.treebanks


class OverlapSpec(Spec):
    """Do clusters of words hold both languages of a pair? COLAP with its guards (METHODS.md section 6).

    Attributes:
        treebanks: one a language; all pairs are clustered.
        concepts: what the purity of clusters is over.
        clusters: of k-means, at most a fifth of the words of a language.
        threshold: least share of a cluster that each language must hold.
        words: drawn of each language, as many of both.
        lexicon: file of ``word<tab>translation`` from the first language to the second, for CALIGN.
    """

    kind: ClassVar[str] = "cluster_overlap"
    version: ClassVar[int] = 1

    model: ModelRef
    treebanks: tuple[TreebankSpec, ...] = Field(min_length=2)
    layers: tuple[int, ...] = Field(min_length=1)
    pooling: WordPooling
    dtype: Dtype = "fp32"
    max_words: int = 128
    concepts: str = "upos"
    clusters: int = Field(default=100, ge=2)
    threshold: float = Field(default=0.1, gt=0, le=0.5)
    words: int = Field(default=5000, ge=20)
    lexicon: str | None = None
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _consistent(self) -> OverlapSpec:
        if self.lexicon is not None and len(self.treebanks) != 2:
            raise ValueError("a lexicon translates one language into one other: give two treebanks")
        return self

    def identity(self) -> dict[str, Any]:
        fields = self.model_dump(mode="json") | {"model": self.model.identity()}
        fields["treebanks"] = [bank.identity() for bank in self.treebanks]
        fields["lexicon"] = fingerprint_of_file(Path(self.lexicon)) if self.lexicon is not None else None
        return fields

    def vectors(self, layer: int, *, random_weights: int | None = None) -> list[WordVectorsSpec]:
        """The word vectors of a layer, one a treebank: of the network, or of one with fresh weights."""
        model = self.model
        if random_weights is not None:
            model = model.model_copy(update={"random_weights": random_weights})
        return [
            WordVectorsSpec(
                model=model,
                treebank=bank,
                max_words=self.max_words,
                layer=layer,
                pooling=self.pooling,
                dtype=self.dtype,
            )
            for bank in self.treebanks
        ]

    def needs(self) -> Sequence[Spec]:
        return [
            v for layer in self.layers for seed in (None, 0) for v in self.vectors(layer, random_weights=seed)
        ]
