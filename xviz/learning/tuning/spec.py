"""What determines a tuned network: model, data, arm, objectives, training. Torch-free.

One specification serves every arm (METHODS.md section 5), so that arms differ in their objective and in
nothing else:

- ``untuned``: the network as it is;
- ``mcl``: multilingual contrastive learning on translation pairs;
- ``cit``: cross-lingual instruction tuning;
- ``both``: their weighted sum;

and the controls

- ``shuffled``: ``mcl`` whose pairs were permuted within each pair of languages, so that no pair translates;
- ``monolingual``: ``cit`` whose answers are in the language of the question;
- ``translation_lm``: language modelling on the same translation pairs, concatenated.

Centring each language without training, and random weights, need no tuning: they are rows of the evaluation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from xviz.errors import InputError
from xviz.learning.spec import TrainingSpec
from xviz.models.spec import ModelRef
from xviz.store import Spec, fingerprint_of_file

Arm = Literal["untuned", "mcl", "cit", "both", "shuffled", "monolingual", "translation_lm"]
ARMS: tuple[Arm, ...] = Arm.__args__  # type: ignore[attr-defined]
CONTRASTIVE: tuple[Arm, ...] = ("mcl", "both", "shuffled")
INSTRUCTED: tuple[Arm, ...] = ("cit", "both", "monolingual")
PAIRED: tuple[Arm, ...] = (*CONTRASTIVE, "translation_lm")
TunedPooling = Literal["last", "mean", "weighted"]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ContrastiveSettings(_Settings):
    """Multilingual contrastive learning (defaults: paper B)."""

    layer: int = Field(default=1, ge=0)
    """Hidden layer whose vectors are drawn together; only the layers up to it are run."""
    pooling: TunedPooling = "last"
    temperature: float = Field(default=0.05, gt=0)
    directions: Literal["one", "both"] = "one"
    """Each source finds its target, or each target its source as well (the mean of the two losses)."""
    pairing: Literal["pivot", "all"] = "pivot"
    """Pairs of the first language with every other, or of every language with every other."""
    weight: float = Field(default=1.0, gt=0)
    cached: int | None = Field(default=None, ge=1)
    """Sentences a chunk of gradient caching; None runs a batch at once."""


class InstructionSettings(_Settings):
    """Cross-lingual instruction tuning (defaults: paper B)."""

    crossing: float = Field(default=0.5, ge=0, le=1)
    """Share of the rows whose answer is in another language than the question."""
    weight: float = Field(default=1.5, gt=0)
    translations: float = Field(default=0.0, ge=0, lt=1)
    """Share of the rows that are translations of the pairs' sentences, the pivot on one side."""
    packed: bool = True
    """Several rows a sequence, apart from one another, where the network can; else a row a sequence."""


class LoRASettings(_Settings):
    """Low-rank adaptation of every linear layer (Hu et al., 2021), merged into the weights in the end."""

    rank: int = Field(default=8, ge=1)
    alpha: float = Field(default=16.0, gt=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)


class TuneSpec(Spec):
    """One tuned network.

    Attributes:
        pairs: line-aligned text, a TSV file, a folder of parallel treebanks, or ``sample`` (its train part).
        instructions: a folder of ``<language>.jsonl``, or ``sample``.
        languages: those that are tuned on, the pivot first; empty: all that the data have, English first.
        leave_out: languages that take no part, so that they can be met for the first time afterwards.
        apart_from: what will be measured on; its sentences are taken out of the tuning, and counted.
        dev: percentage of the sentences (by hash of their id) that is never trained on.
        length: longest row, in tokens; longer ones are left out, and counted.
        batch_tokens: what a batch and process holds, so that all arms see equally many tokens a step.
            ``both`` gives one half to each objective.
        checkpointing: compute activations again instead of keeping them (slower, needs less memory).
        keep: the weights of the last step, or those that were best on dev.
    """

    kind: ClassVar[str] = "tuned"
    version: ClassVar[int] = 1

    model: ModelRef
    arm: Arm
    pairs: str | None = "sample"
    instructions: str | None = "sample"
    languages: tuple[str, ...] = ()
    leave_out: tuple[str, ...] = ()
    apart_from: tuple[str, ...] = ()
    dev: int = Field(default=5, ge=0, le=50)
    length: int = Field(default=512, ge=8)
    batch_tokens: int = Field(default=2048, ge=32)
    contrastive: ContrastiveSettings = ContrastiveSettings()
    instruction: InstructionSettings = InstructionSettings()
    lora: LoRASettings | None = None
    checkpointing: bool = False
    keep: Literal["last", "best"] = "last"
    training: TrainingSpec = TrainingSpec(steps=5000, learning_rate=1e-5, warmup=0.03, evaluate_every=500)

    @field_validator("languages", "leave_out")
    @classmethod
    def _codes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        from xviz.corpora.languages import iso639_3

        try:
            return tuple(dict.fromkeys(iso639_3(language) for language in value))
        except InputError as error:
            raise ValueError(error.message) from None

    @model_validator(mode="after")
    def _whole(self) -> TuneSpec:
        both = sorted(set(self.languages) & set(self.leave_out))
        if both:
            raise ValueError(f"{', '.join(both)} is tuned on and left out; take it out of one of the two")
        if self.arm in PAIRED and self.pairs is None:
            raise ValueError(f"the arm {self.arm} wants translation pairs")
        if self.arm in INSTRUCTED and self.instructions is None:
            raise ValueError(f"the arm {self.arm} wants instructions")
        if self.keep == "best" and not self.dev:
            raise ValueError("the best weights on dev want a dev part")
        return self

    @property
    def contrasts(self) -> bool:
        return self.arm in CONTRASTIVE

    @property
    def instructs(self) -> bool:
        return self.arm in INSTRUCTED

    @property
    def paired(self) -> bool:
        return self.arm in PAIRED

    @property
    def crossing(self) -> float:
        """The share of cross-lingual rows in this arm."""
        return 0.0 if self.arm == "monolingual" else self.instruction.crossing

    def identity(self) -> dict[str, Any]:
        """Places are contents; of ``untuned`` nothing is trained, so the training does not count."""
        untrained = {"training", "lora", "checkpointing", "keep", "batch_tokens"}
        fields = self.model_dump(mode="json", exclude=untrained if self.arm == "untuned" else None)
        return fields | {
            "model": self.model.identity(),
            "pairs": _contents(self.pairs),
            "instructions": _instructions(self.instructions),
            "apart_from": [_contents(place) for place in self.apart_from],
        }


def arms(spec: TuneSpec, wanted: Sequence[Arm], *, seeds: int) -> list[TuneSpec]:
    """The same for every arm and seed, counted on from the seed of ``spec``; ``untuned`` is there once."""
    first = spec.training.seed
    chosen = []
    for arm in dict.fromkeys(wanted):
        for seed in range(first, first + (1 if arm == "untuned" else seeds)):
            training = spec.training.model_copy(update={"seed": seed})
            # not model_copy: every arm is validated against its own data
            chosen.append(TuneSpec(**{**dict(spec), "arm": arm, "training": training}))
    return chosen


def _contents(place: str | None) -> dict[str, str]:
    from xviz.learning.tuning.apart import files_in

    return {file.name: fingerprint_of_file(file) for file in files_in(place)} if place else {}


def _instructions(place: str | None) -> str:
    from xviz.learning.instruction.rows import open_instructions

    return open_instructions(place).fingerprint if place else ""
