"""The models xviz knows by name: multilingual encoders and decoders that people ask about.

Any other Hugging Face encoder or decoder works as well; this list only saves looking things up. Parameters
are those of the network without its head (tied embeddings counted once), which is what xviz loads; they are
computed from the published configurations.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from xviz.models.spec import Family

BUNDLED_FOLDER = Path(__file__).parent / "mini"
BUNDLED = ("mini-encoder", "mini-decoder")
"""Small models trained by the recipe of this repository, in folders of their own under ``mini/``."""


@dataclass(frozen=True)
class KnownModel:
    """A model of the hub.

    ``name`` is what a user types, ``hub`` the repository's present name where it has moved.
    ``gated``: the licence has to be accepted on the hub before the first download.
    """

    name: str
    family: Family
    layers: int
    width: int
    parameters: int
    licence: str
    gated: bool = False
    hub: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Every repository name under which the weights may lie in the hub's cache."""
        return (self.name,) if self.hub is None else (self.name, self.hub)

    @property
    def gigabytes_bf16(self) -> float:
        """Memory for the weights alone, in GB (10^9 bytes)."""
        return round(2 * self.parameters / 1e9, 1)

    @property
    def gigabytes_fp32(self) -> float:
        """Memory for the weights alone, in GB (10^9 bytes)."""
        return round(4 * self.parameters / 1e9, 1)


_RAIL = "BigScience RAIL 1.0"
_LLAMA = "Llama 3.2 Community License"
_GEMMA = "Gemma Terms of Use"

KNOWN: tuple[KnownModel, ...] = (
    KnownModel(
        "bert-base-multilingual-cased",
        "encoder",
        12,
        768,
        177_262_848,
        "Apache 2.0",
        hub="google-bert/bert-base-multilingual-cased",
    ),
    KnownModel("xlm-roberta-base", "encoder", 12, 768, 277_453_056, "MIT", hub="FacebookAI/xlm-roberta-base"),
    KnownModel(
        "xlm-roberta-large", "encoder", 24, 1024, 558_840_832, "MIT", hub="FacebookAI/xlm-roberta-large"
    ),
    KnownModel("facebook/xglm-564M", "decoder", 24, 1024, 564_463_616, "MIT"),
    KnownModel("facebook/xglm-1.7B", "decoder", 24, 2048, 1_732_907_008, "MIT"),
    KnownModel("facebook/xglm-7.5B", "decoder", 32, 4096, 7_492_771_840, "MIT"),
    KnownModel("bigscience/bloom-560m", "decoder", 24, 1024, 559_214_592, _RAIL),
    KnownModel("bigscience/bloom-1b7", "decoder", 24, 2048, 1_722_408_960, _RAIL),
    KnownModel("bigscience/bloom-7b1", "decoder", 30, 4096, 7_069_016_064, _RAIL),
    KnownModel("meta-llama/Llama-3.2-1B", "decoder", 16, 2048, 1_235_814_400, _LLAMA, gated=True),
    KnownModel("meta-llama/Llama-3.2-3B", "decoder", 28, 3072, 3_212_749_824, _LLAMA, gated=True),
    KnownModel("Qwen/Qwen3-0.6B", "decoder", 28, 1024, 596_049_920, "Apache 2.0"),
    KnownModel("Qwen/Qwen3-1.7B", "decoder", 28, 2048, 1_720_574_976, "Apache 2.0"),
    KnownModel("Qwen/Qwen3-4B", "decoder", 36, 2560, 4_022_468_096, "Apache 2.0"),
    KnownModel("Qwen/Qwen3-8B", "decoder", 36, 4096, 7_568_405_504, "Apache 2.0"),
    KnownModel("google/gemma-3-1b-pt", "decoder", 26, 1152, 999_885_952, _GEMMA, gated=True),
    KnownModel("google/gemma-3-4b-pt", "decoder", 34, 2560, 3_880_263_168, _GEMMA, gated=True),
    KnownModel("CohereLabs/aya-expanse-8b", "decoder", 32, 4096, 8_028_033_024, "CC BY-NC 4.0", gated=True),
)


def known(name: str) -> KnownModel | None:
    """The known model of this name (present or former), else None."""
    return next((model for model in KNOWN if name in model.names), None)
