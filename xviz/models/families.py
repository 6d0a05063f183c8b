"""Encoder or decoder? Torch-free: what a configuration says, and what transformers holds."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from typing import Any

from xviz.errors import InputError
from xviz.models.spec import Family

# fmt: off
ENCODERS = frozenset({
    "albert", "bert", "camembert", "convbert", "deberta", "deberta-v2", "distilbert", "electra", "ernie",
    "eurobert", "flaubert", "longformer", "luke", "megatron-bert", "mobilebert", "modernbert", "mpnet",
    "nomic_bert", "rembert", "roberta", "roberta-prelayernorm", "roformer", "squeezebert", "xlm",
    "xlm-roberta", "xlm-roberta-xl", "xmod",
})
DECODERS = frozenset({
    "apertus", "bloom", "cohere", "cohere2", "falcon", "gemma", "gemma2", "gemma3", "gemma3_text", "glm",
    "gpt2", "gpt_bigcode", "gpt_neo", "gpt_neox", "gptj", "granite", "helium", "llama", "ministral",
    "mistral", "mixtral", "mpt", "olmo", "olmo2", "olmo3", "openai-gpt", "opt", "phi", "phi3",
    "qwen2", "qwen3", "qwen3_moe", "smollm3", "stablelm", "starcoder2", "xglm",
})
# Their positions start after the id of the padding token, so some rows of the table are never used.
POSITIONS_AFTER_PADDING = frozenset({
    "camembert", "longformer", "mpnet", "roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl",
    "xmod",
})
# fmt: on


def family_of(config: dict[str, Any], folder: Path) -> Family:
    """``encoder`` or ``decoder``; encoder-decoders and models that need code of their own are refused."""
    model_type = config["model_type"]
    if config.get("is_encoder_decoder"):
        raise InputError(
            f"{model_type} is an encoder-decoder; xviz reads encoders (BERT, XLM-R, ...) and decoders "
            "(BLOOM, Llama, ...).",
            file=folder,
        )
    if not _in_transformers(model_type):
        why = (
            "it brings code of its own, which xviz does not run" if "auto_map" in config else "it is unknown"
        )
        raise InputError(f"The architecture {model_type!r} is not part of transformers: {why}.", file=folder)
    if model_type in DECODERS or config.get("is_decoder"):
        return "decoder"
    if model_type in ENCODERS:
        return "encoder"
    names = " ".join(config.get("architectures") or ())
    if "ForCausalLM" in names or "LMHead" in names:
        return "decoder"
    if "ForMaskedLM" in names or "ForPreTraining" in names:
        return "encoder"
    raise InputError(f"xviz cannot tell whether {model_type!r} is an encoder or a decoder.", file=folder)


@functools.cache
def _in_transformers(model_type: str) -> bool:
    spec = importlib.util.find_spec("transformers")  # finds the package without importing it
    if spec is None or not spec.submodule_search_locations:
        return False
    models = Path(spec.submodule_search_locations[0]) / "models"
    name = model_type.replace("-", "_")
    if any((models / place).is_dir() for place in (name, name.removesuffix("_text"))):
        return True
    # A few names differ from the folder (openai-gpt, ...): the list is in transformers itself.
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    return model_type in CONFIG_MAPPING_NAMES
