"""What is measured of a network: its language modelling, treebank by treebank, and its card. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from xviz.concepts.spec import ConceptSpaceSpec, ProbeSettings
from xviz.corpora.spec import TreebankSpec
from xviz.learning.meta.spec import MetaSpec
from xviz.models.spec import Dtype, ModelRef
from xviz.representations.spec import SentencePooling, WordPooling, WordVectorsSpec
from xviz.store import Spec

SENTENCE_POOLINGS: tuple[SentencePooling, ...] = ("mean", "weighted")


class LanguageModellingSpec(Spec):
    """How well a network predicts the text of one treebank, beside counts of pieces.

    Attributes:
        text: the sentences that are predicted.
        counted: the sentences whose pieces the unigram counts (the train side of the same treebank).
        masked: share of the pieces of a sentence that an encoder has to guess.
        seed: of the masks and of the bootstrap.
    """

    kind: ClassVar[str] = "language_modelling"
    version: ClassVar[int] = 1

    model: ModelRef
    text: TreebankSpec
    counted: TreebankSpec
    masked: float = Field(default=0.15, gt=0, lt=1)
    max_words: int = 128
    dtype: Dtype = "fp32"
    seed: int = Field(default=0, ge=0)

    def identity(self) -> dict[str, Any]:
        fields = self.model_dump(mode="json") | {"model": self.model.identity()}
        return fields | {"text": self.text.identity(), "counted": self.counted.identity()}


class EnglishTreebank(BaseModel):
    """Train, dev and test of the treebank on which probes are trained, chosen and judged."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    train: TreebankSpec
    dev: TreebankSpec
    test: TreebankSpec

    def identity(self) -> dict[str, Any]:
        return {side: getattr(self, side).identity() for side in ("train", "dev", "test")}


class CardSpec(Spec):
    """The tables of a model card (:mod:`xviz.evaluation.card.measure`).

    Attributes:
        layers: of the network; 0 (the embeddings) to ``layers`` are looked at.
        pooling: of words.
        english: the probe's treebank; without it there is no probe and no transfer.
        parallel: treebanks of translations, English first; without them no retrieval and no transfer.
        held_out: (train, test) of one treebank a language, for language modelling.
        without: sentences on what was not there, for the card to say.
        random_weights: networks with fresh weights (seeds 0, 1, ...), measured beside.
        permutations, draws: of the label-permutation null and of the lexical null.
        minimum: occurrences a concept must have in every parallel treebank to be compared.
        limit: sentences a file that were read, for the card to say (the treebanks carry it).
    """

    kind: ClassVar[str] = "card"
    version: ClassVar[int] = 1

    model: ModelRef
    layers: int = Field(ge=1)
    pooling: WordPooling
    english: EnglishTreebank | None = None
    parallel: tuple[TreebankSpec, ...] = ()
    held_out: tuple[tuple[TreebankSpec, TreebankSpec], ...] = ()
    without: tuple[str, ...] = ()
    random_weights: int = Field(default=3, ge=0)
    permutations: int = Field(default=1000, ge=1)
    draws: int = Field(default=200, ge=1)
    minimum: int = Field(default=10, ge=1)
    max_words: int = 128
    dtype: Dtype = "fp32"
    seed: int = Field(default=0, ge=0)
    limit: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _no_control_of_a_control(self) -> CardSpec:
        if self.model.random_weights is not None:
            raise ValueError("a card is of trained weights; random weights stand beside them")
        return self

    @property
    def label(self) -> str:
        """What the tables call the model: its name, of a folder the last part."""
        return Path(self.model.name).name if Path(self.model.name).is_dir() else self.model.name

    def identity(self) -> dict[str, Any]:
        fields = self.model_dump(mode="json") | {"model": self.model.identity(), "label": self.label}
        fields["english"] = self.english.identity() if self.english is not None else None
        fields["parallel"] = [bank.identity() for bank in self.parallel]
        fields["held_out"] = [[bank.identity() for bank in pair] for pair in self.held_out]
        return fields

    def networks(self) -> list[ModelRef]:
        """The model, then the same with random weights."""
        seeds = range(self.random_weights)
        return [self.model, *(self.model.model_copy(update={"random_weights": seed}) for seed in seeds)]

    def words(self, network: ModelRef, treebank: TreebankSpec, layer: int) -> WordVectorsSpec:
        """The word vectors of one network, treebank and layer."""
        return WordVectorsSpec(
            model=network,
            treebank=treebank,
            layer=layer,
            pooling=self.pooling,
            dtype=self.dtype,
            max_words=self.max_words,
        )

    def probe(self, network: ModelRef, layer: int) -> ConceptSpaceSpec:
        """The UPOS probe of one network and layer."""
        assert self.english is not None
        return ConceptSpaceSpec(
            vectors=self.words(network, self.english.train, layer),
            dev=self.words(network, self.english.dev, layer),
            test=self.words(network, self.english.test, layer),
            space="probe",
            probe=ProbeSettings(seed=self.seed),
        )

    def language_modelling(self, network: ModelRef) -> list[LanguageModellingSpec]:
        """The measurements of one network on the held-out text of each language."""
        return [
            LanguageModellingSpec(
                model=network,
                text=text,
                counted=counted,
                max_words=self.max_words,
                dtype=self.dtype,
                seed=self.seed,
            )
            for counted, text in self.held_out
        ]

    def needs(self) -> Sequence[Spec]:
        wanted: list[Spec] = []
        for network in self.networks():
            wanted += self.language_modelling(network)
            if self.english is not None:
                wanted += [self.probe(network, layer) for layer in range(self.layers + 1)]
        return wanted


class AccuracySpec(Spec):
    """Accuracy and gaps of a meta-alignment, its controls in the same tables.

    Attributes:
        meta: whose predictions are judged.
        random_weights: networks with fresh weights (seeds 0, 1, ...), each with one seed of the map.
        shuffled: whether everything is also trained on shuffled labels, with one seed of the map.
        resamples: replicates of the bootstrap.
    """

    kind: ClassVar[str] = "accuracy"
    version: ClassVar[int] = 1

    meta: MetaSpec
    random_weights: int = Field(default=0, ge=0)
    shuffled: bool = False
    resamples: int = Field(default=1000, ge=100)
    seed: int = Field(default=0, ge=0)

    def arms(self) -> list[tuple[str, MetaSpec]]:
        """Experiments by the name of their arm."""
        found = [("untuned", self.meta)]
        for seed in range(self.random_weights):
            found.append(("random_weights", self.meta.control(random_weights=seed)))
        if self.shuffled:
            found.append(("shuffled", self.meta.control(shuffled=True)))
        return found

    def identity(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude={"meta"}) | {"meta": self.meta.key}

    def needs(self) -> Sequence[Spec]:
        return [meta for _, meta in self.arms()]
