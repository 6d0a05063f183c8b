"""The Hugging Face hub: what its cache on this machine holds, and how the rest comes here. Torch-free."""

from __future__ import annotations

from pathlib import Path

from xviz.errors import InputError, NotHere
from xviz.models.known import known
from xviz.models.spec import ModelRef

WANTED_FILES = ["*.json", "*.safetensors", "*.txt", "*.model"]  # no pickles, no code


def cached_snapshot(ref: ModelRef) -> Path | None:
    """The folder of a model in the hub's cache, or None; looks at this machine only."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    for name in _names(ref.name):
        try:
            found = try_to_load_from_cache(name, "config.json", revision=ref.revision)
        except HFValidationError as error:
            raise InputError(f"{ref.name!r} is neither a folder nor a possible name of a model.") from error
        if isinstance(found, str):
            return Path(found).parent
    return None


def cached_names() -> list[str]:
    """Names of the models of which a configuration lies in the hub's cache."""
    from huggingface_hub.constants import HF_HUB_CACHE

    folders = Path(HF_HUB_CACHE).glob("models--*")
    with_config = (folder for folder in folders if any(folder.glob("snapshots/*/config.json")))
    return sorted(folder.name.removeprefix("models--").replace("--", "/", 1) for folder in with_config)


def download(ref: ModelRef) -> Path:
    """Bring configuration, tokenizer and safetensors weights of a model from the hub into its cache.

    Raises:
        NotHere: no network, no such model, or a licence that has not been accepted.
    """
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(ref.name, revision=ref.revision, allow_patterns=WANTED_FILES))
    except Exception as error:  # the hub's client raises many kinds, of several libraries
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise NotHere(f"{ref.name!r} could not be downloaded ({reason}). {how_to_get(ref.name)}") from error


def how_to_get(name: str) -> str:
    """One sentence for a reader whose machine lacks the model."""
    model = known(name)
    licence = ""
    if model and model.gated:
        licence = " (accept its licence on huggingface.co and log in with `hf auth login` first)"
    return (
        f"With a network, run `hf download {name}`{licence}; without one, copy its folder here and give the "
        "folder's path."
    )


def _names(name: str) -> tuple[str, ...]:
    model = known(name)
    return model.names if model else (name,)
