"""What determines a pretrained network: text, tokenizer, network, batches, training. Torch-free."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from xviz.errors import InputError
from xviz.learning.spec import TrainingSpec
from xviz.store import Spec, fingerprint_of_file

Family = Literal["encoder", "decoder"]

WEIGHTS, TOKENIZER = "model.safetensors", "tokenizer.json"
WIDTHS = (16, 24, 32, 48, 64, 96, 128, 192)
"""Lengths that rows are padded to. Few widths keep the shapes of matrices constant, which processors like."""


class Settings(BaseModel):
    """A part of a specification."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NetworkSettings(Settings):
    """Sizes. An encoder whose ``embedding`` differs from its ``width`` has factorised embeddings."""

    layers: int = Field(default=6, ge=1)
    width: int = Field(default=256, ge=8)
    heads: int = Field(default=4, ge=1)
    inner: int = Field(default=1024, ge=8)
    """Width inside the feed-forward layers."""
    embedding: int = Field(default=128, ge=8)
    positions: int = Field(default=512, ge=16)
    """Longest input, in tokens."""
    embeddings: Literal["spectral", "random"] = "spectral"
    """What the embeddings start as: a factorisation of counts (see ``embeddings.py``), or noise."""


class BatchSettings(Settings):
    """What a batch is made of."""

    tokens: int = Field(default=2304, ge=16)
    """Tokens a batch, padding included; a multiple of every width it is cut into."""
    longest: int = Field(default=128, ge=16)
    """Longest row of one text, in tokens; longer lines are cut."""
    alpha: float = Field(default=0.5, ge=0, le=1)
    """Languages are drawn in proportion to (their tokens)^alpha: 0 all alike, 1 as the text is."""
    masked: float = Field(default=0.3, gt=0, lt=1)
    """Share of a batch's tokens to be guessed (encoders)."""
    masked_pairs: float = Field(default=0.3, gt=0, lt=1)
    """The same in batches of translation pairs."""
    pairs: float = Field(default=0.0, ge=0, lt=1)
    """Share of the batches that hold concatenated translations (encoders, where a pairs folder is given)."""


class TokenizerSpec(Spec):
    """One tokenizer over all languages of a folder of text."""

    kind: ClassVar[str] = "tokenizer"
    version: ClassVar[int] = 1

    text: str
    """Folder of ``<language>.txt``, a sentence a line."""
    vocabulary: int = Field(default=20_000, ge=300, le=65_535)
    sample: int = Field(default=150_000, ge=1)
    """Characters of each language that the pieces are learned from."""
    coverage: float = Field(default=0.995, gt=0, le=1)
    """Share of each language's characters that get a piece of their own; the others are spelled in bytes."""
    seed: int = Field(default=0, ge=0)
    file: str | None = None
    """A finished ``tokenizer.json``, taken as it is; nothing is learned then."""

    def identity(self) -> dict[str, Any]:
        if self.file is not None:
            return {"file": fingerprint_of_file(Path(self.file))}
        return self.model_dump(mode="json", exclude={"text", "file"}) | {"text": fingerprints(self.text)}


class PackedSpec(Spec):
    """A folder of text, or of translations, as token numbers."""

    kind: ClassVar[str] = "packed-text"
    version: ClassVar[int] = 1

    folder: str
    paired: bool
    """Whether ``folder`` holds translations rather than text."""
    dev: int = Field(default=100, ge=0)
    """Lines of each language (of each file of translations: a tenth at most) that are kept for dev."""
    tokenizer: TokenizerSpec

    def identity(self) -> dict[str, Any]:
        return {
            "folder": fingerprints(self.folder, recursive=self.paired),
            "paired": self.paired,
            "dev": self.dev,
            "tokenizer": self.tokenizer.identity(),
        }


class PretrainSpec(Spec):
    """A network trained on a folder of text, from nothing or onwards. :func:`preset` fills in sizes."""

    kind: ClassVar[str] = "pretrain"
    version: ClassVar[int] = 1

    family: Family
    preset: str
    text: str
    """Folder of ``<language>.txt``, a sentence a line."""
    pairs: str | None = None
    """Folder of line-aligned ``<set>.<language>.txt``, tab-separated ``<set>.<language>-<language>.tsv``."""
    start: str | None = None
    """Model folder whose weights (and tokenizer) training goes on from; the schedule begins anew."""
    tokenizer: TokenizerSpec
    network: NetworkSettings
    batches: BatchSettings
    training: TrainingSpec

    def identity(self) -> dict[str, Any]:
        places = {"text", "pairs", "start", "tokenizer", "preset"}
        begun = {"start": fingerprint_of_file(Path(self.start) / WEIGHTS)} if self.start else {}
        return (
            self.model_dump(mode="json", exclude=places)
            | begun
            | {
                "text": fingerprints(self.text),
                "pairs": fingerprints(self.pairs, recursive=True) if self.pairs else None,
                "tokenizer": self.tokenizer.identity(),
            }
        )


PRESETS: dict[str, dict[str, Any]] = {
    "mini": {
        "vocabulary": 20_000,
        "encoder": {
            "network": {"layers": 6, "width": 256, "heads": 4, "inner": 384, "embedding": 256},
            "batches": {"pairs": 0.35},
            "training": {"learning_rate": 2e-3},
        },
        "decoder": {
            "network": {"layers": 6, "width": 256, "heads": 4, "inner": 704, "embedding": 256},
            "batches": {},
            "training": {"learning_rate": 2e-3},
        },
        "minutes": 120.0,
    },
    "nano": {
        "vocabulary": 2_000,
        "encoder": {
            "network": {"layers": 2, "width": 64, "heads": 2, "inner": 128, "embedding": 64},
            "batches": {"tokens": 768, "pairs": 0.3},
            "training": {"learning_rate": 3e-3},
        },
        "decoder": {
            "network": {"layers": 2, "width": 64, "heads": 2, "inner": 128, "embedding": 64},
            "batches": {"tokens": 768},
            "training": {"learning_rate": 3e-3},
        },
        "minutes": 1.0,
    },
}
"""Sizes by name: ``mini`` is bundled with xviz, ``nano`` serves trials and tests."""


def preset(
    name: str,
    *,
    family: Family,
    text: str | Path,
    pairs: str | Path | None = None,
    start: str | Path | None = None,
    steps: int | None = None,
    tokens: int | None = None,
    minutes: float | None = None,
    seed: int = 0,
    vocabulary: int | None = None,
    network: dict[str, Any] | None = None,
    batches: dict[str, Any] | None = None,
    training: dict[str, Any] | None = None,
) -> PretrainSpec:
    """The specification of a preset, with a budget, a seed and whatever else is to differ from it.

    Args:
        name: ``mini`` or ``nano``.
        family: ``encoder`` (masked) or ``decoder`` (causal; sees no pairs).
        text: folder of ``<language>.txt``.
        pairs: folder of translations (encoders only).
        start: a folder that this recipe wrote before, to go on from.
        steps, tokens, minutes: the budget, at most one of them; default: the preset's minutes.
        seed: of tokenizer sample, batches, initial weights.
        vocabulary: pieces of the tokenizer.
        network, batches, training: fields that replace the preset's.

    Raises:
        InputError: an unknown preset, a folder that is not there, or pairs for a decoder.
    """
    if name not in PRESETS:
        raise InputError(f"There is no preset {name!r}; there are {', '.join(PRESETS)}.")
    if family not in ("encoder", "decoder"):
        raise InputError(f"A family is encoder or decoder, not {family!r}.")
    if family == "decoder" and pairs is not None:
        raise InputError("A decoder is pretrained on text alone; leave the pairs out.")
    for folder in (text, pairs, start):
        if folder is not None and not Path(folder).is_dir():
            raise InputError("There is no such folder.", file=folder)
    if start is not None:
        for file in (Path(start) / WEIGHTS, Path(start) / TOKENIZER):
            if not file.is_file():
                raise InputError("This is no model folder to go on from.", file=file)
    chosen, sizes = PRESETS[name], PRESETS[name][family]
    budget = {"steps": steps, "tokens": tokens, "minutes": minutes}
    if not any(budget.values()):
        budget["minutes"] = chosen["minutes"]
    return PretrainSpec(
        family=family,
        preset=name,
        text=str(text),
        pairs=str(pairs) if pairs is not None else None,
        start=str(start) if start is not None else None,
        tokenizer=TokenizerSpec(
            text=str(text),
            vocabulary=vocabulary or chosen["vocabulary"],
            seed=seed,
            file=str(Path(start) / TOKENIZER) if start is not None else None,
        ),
        network=NetworkSettings(**sizes["network"] | (network or {})),
        batches=BatchSettings(**sizes["batches"] | (batches or {})),
        training=TrainingSpec(**{"seed": seed} | sizes["training"] | budget | (training or {})),
    )


def fingerprints(folder: str | Path, *, recursive: bool = False) -> dict[str, str]:
    """SHA-256 of every ``.txt`` and ``.tsv`` file of a folder, by its path in the folder.

    Raises:
        InputError: no such folder.
    """
    place = Path(folder)
    if not place.is_dir():
        raise InputError("There is no such folder.", file=place)
    files = sorted(place.rglob("*") if recursive else place.glob("*"))
    return {
        file.relative_to(place).as_posix(): fingerprint_of_file(file)
        for file in files
        if file.suffix in (".txt", ".tsv") and file.is_file()
    }
