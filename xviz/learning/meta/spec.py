"""Which meta-alignment: a source, languages that train the map, languages that are met for the first time.

Torch-free. A :class:`MetaSpec` determines the predictions of every method on the test words of the source and
of each target language; accuracy and gaps are read off them (:mod:`xviz.evaluation.accuracy`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from xviz.concepts.spec import ProbeSettings
from xviz.corpora.spec import TreebankSpec
from xviz.models.spec import Dtype, ModelRef
from xviz.representations.spec import WordPooling, WordVectorsSpec
from xviz.store import Spec

Standardise = Literal["language", "source", "none"]
Method = Literal[
    "majority",
    "lookup",
    "direct",
    "probe",
    "pooled",
    "rotation",
    "in_language",
    "in_language_few_shot",
    "meta_zero_shot",
    "meta_few_shot",
]
METHODS: tuple[Method, ...] = Method.__args__  # type: ignore[attr-defined]
FEW_SHOT: tuple[Method, ...] = ("rotation", "in_language_few_shot", "meta_few_shot")
SHOTS = (1, 5, 10, 20, 50, 100)


class Sides(BaseModel):
    """Train, dev and test of one treebank. Of a target, train is where its few sentences are drawn."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    train: TreebankSpec
    dev: TreebankSpec
    test: TreebankSpec

    @property
    def name(self) -> str:
        return self.train.name

    @property
    def language(self) -> str:
        return self.train.language

    def identity(self) -> dict[str, Any]:
        return {side: getattr(self, side).identity() for side in ("train", "dev", "test")}


class MetaTraining(BaseModel):
    """How the map is trained (defaults: paper A; :data:`PRESETS` has what serves small networks).

    Attributes:
        hidden: width of the hidden layer; None: 384 for relations, else 256.
        episodes: a language and epoch.
        episodes_a_step: episodes of different languages whose losses are averaged before an update.
        support, query: sentences of an episode (the support grows by one for each missing concept).
        adapt_epochs, adapt_learning_rate, adapt_weight_decay, adapt_batch: of the G of a new language.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    hidden: int | None = Field(default=None, ge=1)
    dropout: float = Field(default=0.33, ge=0, lt=1)
    episodes: int = Field(default=50, ge=1)
    epochs: int = Field(default=50, ge=1)
    episodes_a_step: int = Field(default=1, ge=1)
    support: int = Field(default=10, ge=1)
    query: int = Field(default=30, ge=1)
    learning_rate: float = Field(default=5e-5, gt=0)
    weight_decay: float = Field(default=1e-4, ge=0)
    adapt_epochs: int = Field(default=50, ge=1)
    adapt_learning_rate: float = Field(default=1e-4, gt=0)
    adapt_weight_decay: float = Field(default=1e-6, ge=0)
    adapt_batch: int = Field(default=8, ge=1)


PRESETS: Mapping[str, MetaTraining] = {
    "paper_a": MetaTraining(),
    "in_context": MetaTraining(episodes=10, epochs=100, learning_rate=5e-4, weight_decay=1e-4),  # paper A
    "small": MetaTraining(
        episodes=20,
        epochs=12,
        episodes_a_step=4,
        query=10,
        learning_rate=1e-3,
        adapt_learning_rate=3e-3,
    ),
}


class MetaDesign(BaseModel):
    """What is compared, how often it is repeated, and from which random numbers.

    Attributes:
        methods: rows of the table (see :mod:`xviz.learning.meta.experiment`).
        shots: sentences of the target that few-shot methods see, as far as its train side has them.
        draws: times that such sentences are drawn.
        seeds: times that the map is trained (initial weights, episodes, dropout), all at once.
        with_source: whether episodes of the source language train the map as well [ours]. The pivot of a gap
            is then judged in a language that the map has seen, as it is for the probe.
        shuffled: a control: the labels of every train and dev side are shuffled; test labels stay true.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    training: MetaTraining = PRESETS["small"]
    probe: ProbeSettings = ProbeSettings(standardise=False)
    methods: tuple[Method, ...] = METHODS
    shots: tuple[int, ...] = SHOTS
    draws: int = Field(default=5, ge=1)
    seeds: int = Field(default=5, ge=1)
    with_source: bool = True
    shuffled: bool = False
    seed: int = Field(default=0, ge=0)

    @field_validator("shots")
    @classmethod
    def _rising(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if any(shots < 1 for shots in value):
            raise ValueError("shots are numbers of sentences, from 1 (what sees none is zero-shot)")
        return tuple(sorted(set(value)))

    @field_validator("probe")
    @classmethod
    def _standardised_before(cls, value: ProbeSettings) -> ProbeSettings:
        return value.model_copy(update={"standardise": False})


class MetaSpec(Spec):
    """Predictions of every method of :class:`MetaDesign` for one network, layer and choice of languages.

    Attributes:
        source: whose prototypes are the targets of the map.
        training: languages whose episodes train the map; their dev sides choose its epoch.
        targets: languages that take no part in training or validation.
        standardise: vectors of each language by its own mean and standard deviation (``language``: of its
            train side, whose labels are not looked at), by those of the source, or not at all.
    """

    kind: ClassVar[str] = "meta"
    version: ClassVar[int] = 1

    model: ModelRef
    layer: int = Field(ge=0)
    pooling: WordPooling
    dtype: Dtype = "fp32"
    max_words: int = 128
    concepts: str = "upos"
    root: Literal["drop", "zero"] = "drop"
    source: Sides
    training: tuple[Sides, ...] = Field(min_length=1)
    targets: tuple[Sides, ...] = Field(min_length=1)
    standardise: Standardise = "language"
    design: MetaDesign = MetaDesign()

    @model_validator(mode="after")
    def _targets_take_no_part(self) -> MetaSpec:
        taught = {sides.language for sides in (self.source, *self.training)}
        both = sorted({sides.language for sides in self.targets} & taught)
        if both:
            raise ValueError(
                f"a target takes no part in training, and {', '.join(both)} is given for both; "
                "take it out of one of the two"
            )
        names = [sides.name for sides in self.languages()]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} is given twice")
        return self

    def languages(self) -> tuple[Sides, ...]:
        """Source, training languages, targets."""
        return (self.source, *self.training, *self.targets)

    def vectors(self, treebank: TreebankSpec) -> WordVectorsSpec:
        """The word vectors of one side."""
        return WordVectorsSpec(
            model=self.model,
            treebank=treebank,
            layer=self.layer,
            pooling=self.pooling,
            dtype=self.dtype,
            max_words=self.max_words,
        )

    def identity(self) -> dict[str, Any]:
        fields = self.model_dump(mode="json") | {"model": self.model.identity()}
        fields["source"] = self.source.identity()
        for name in ("training", "targets"):
            fields[name] = [sides.identity() for sides in getattr(self, name)]
        return fields

    def needs(self) -> Sequence[Spec]:
        return [
            self.vectors(side) for sides in self.languages() for side in (sides.train, sides.dev, sides.test)
        ]

    def control(self, *, seeds: int = 1, draws: int = 1, **changed: Any) -> MetaSpec:
        """The same with shuffled labels (``shuffled=True``) or fresh weights (``random_weights=seed``)."""
        design = self.design.model_copy(
            update={"seeds": seeds, "draws": draws, "shuffled": changed.pop("shuffled", False)}
        )
        model = self.model.model_copy(update=changed)
        return self.model_copy(update={"design": design, "model": model})
