"""A model as files: where it lies, what its fingerprint is, what its configuration says. Torch-free.

A model is a bundled name (``mini-encoder``), a local folder, or a repository of the Hugging Face hub whose
snapshot lies in the hub's cache on this machine. Weights are read from safetensors only, and no code that
comes with a model is ever run.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xviz.errors import InputError, NotHere
from xviz.models.families import POSITIONS_AFTER_PADDING, family_of
from xviz.models.hub import cached_snapshot, how_to_get
from xviz.models.known import BUNDLED, BUNDLED_FOLDER
from xviz.models.spec import Family, ModelRef
from xviz.models.weights import count_parameters, read_json, weight_files
from xviz.store import fingerprint_of_file

CONFIG = "config.json"
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "sentencepiece.bpe.model",
    "spiece.model",
    "tokenizer.model",
)
VOCABULARIES = frozenset(TOKENIZER_FILES) - {
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "merges.txt",
}


@dataclass(frozen=True)
class ModelFacts:
    """What a model's configuration says about it (``None``: it does not say).

    ``max_length``: subwords a sentence may have, special tokens included. ``parameters``: of the network
    without its head, counted from the headers of the safetensors files.
    """

    name: str
    path: Path
    model_type: str
    family: Family
    layers: int
    width: int
    vocabulary: int
    max_length: int | None
    parameters: int | None


def locate(ref: ModelRef | str) -> Path:
    """The folder in which a model lies on this machine.

    Raises:
        NotHere: the model is not on this machine; the message says how to bring it here.
        InputError: the name is a path at which there is no folder, or no possible name at all.
    """
    ref = _ref(ref)
    if ref.name in BUNDLED:
        folder = BUNDLED_FOLDER / ref.name
        if (folder / CONFIG).is_file():
            return folder
        raise NotHere(f"The bundled model {ref.name} is not in this copy of xviz (expected in {folder}).")
    folder = Path(ref.name).expanduser()
    if folder.is_dir():
        return folder.resolve()
    if folder.exists():
        raise InputError(
            "A model is a folder with config.json and weights, not a single file.", file=ref.name
        )
    if ref.name.startswith(("/", ".", "~")) or ref.name.count("/") > 1 or not ref.name:
        raise InputError(f"There is no folder {ref.name!r}.")
    snapshot = cached_snapshot(ref)
    if snapshot is not None:
        return snapshot
    raise NotHere(
        f"The model {ref.name!r} is not on this machine: it is neither a bundled model, nor a folder, nor in "
        f"the Hugging Face cache. {how_to_get(ref.name)}"
    )


def tokenizer_files(folder: Path) -> list[Path]:
    """The files that determine the tokenizer.

    Raises:
        InputError: there is no tokenizer.
    """
    if not any((folder / name).is_file() for name in VOCABULARIES):
        raise InputError(
            "The folder has no tokenizer (tokenizer.json is missing): save the model's tokenizer beside it.",
            file=folder,
        )
    return [folder / name for name in TOKENIZER_FILES if (folder / name).is_file()]


def fingerprint(ref: ModelRef | str) -> dict[str, str]:
    """SHA-256 of configuration, tokenizer files and weights, by file name.

    With ``random_weights`` the folder's weights do not count: the network is made from its configuration.
    """
    ref = _ref(ref)
    folder = locate(ref)
    files = [_config_file(folder), *tokenizer_files(folder)]
    if ref.random_weights is None:
        files += weight_files(folder)
    return {path.name: fingerprint_of_file(path) for path in files}


def describe(ref: ModelRef | str) -> ModelFacts:
    """Facts about a model from its configuration and the headers of its weights; nothing is loaded.

    Raises:
        InputError: no weights or only pickled ones, no tokenizer, a broken configuration, an
            encoder-decoder, or a model that would run its own code.
    """
    ref = _ref(ref)
    folder = locate(ref)
    config = read_config(folder)
    family = family_of(config, folder)
    tokenizer_files(folder)
    parameters = None if ref.random_weights is not None else count_parameters(weight_files(folder))
    text = {**config, **config.get("text_config", {})}
    model_type = str(config["model_type"])

    def fact(*names: str) -> int | None:
        value = next((text[name] for name in names if isinstance(text.get(name), int)), None)
        return value if value is not None else _default_fact(folder, names[0])

    layers = fact("num_hidden_layers", "n_layer", "num_layers", "n_layers")
    width = fact("hidden_size", "n_embd", "n_embed", "d_model", "dim")
    vocabulary = fact("vocab_size")
    if layers is None or width is None or vocabulary is None:
        raise InputError(
            "config.json does not say how many layers, dimensions and pieces it has.", file=folder
        )
    lengths = (text.get(n) for n in ("max_position_embeddings", "n_positions", "seq_length", "n_ctx"))
    length = next((n for n in lengths if isinstance(n, int) and n > 0), None)
    if length is not None and model_type in POSITIONS_AFTER_PADDING:
        length -= int(text.get("pad_token_id", 1)) + 1
    return ModelFacts(ref.name, folder, model_type, family, layers, width, vocabulary, length, parameters)


def chosen_layers(wanted: str | Iterable[int], facts: ModelFacts) -> tuple[int, ...]:
    """The layers that ``all``, ``0,3,7`` or ``0-4,12`` (or numbers) name, in rising order.

    Raises:
        InputError: a layer that the model does not have, or something that is no layer.
    """
    span = f"{facts.name} has layers 0 (the embeddings) to {facts.layers}"
    if wanted == "all":
        return tuple(range(facts.layers + 1))
    layers: set[int] = set()
    for part in wanted.split(",") if isinstance(wanted, str) else map(str, wanted):
        first, dash, last = part.strip().partition("-")
        if not (first.isdecimal() and (last.isdecimal() or not dash)):
            raise InputError(f"{part.strip()!r} is no layer; {span}: write all, 0,3,7 or 0-4.")
        layers.update(range(int(first), int(last or first) + 1))
    beyond = [layer for layer in sorted(layers) if layer > facts.layers]
    if beyond:
        raise InputError(f"There is no layer {beyond[0]}: {span}.")
    if not layers:
        raise InputError(f"No layer was named; {span}.")
    return tuple(sorted(layers))


def read_config(folder: Path) -> dict[str, Any]:
    """``config.json`` of a model folder."""
    config = read_json(_config_file(folder))
    if not isinstance(config.get("model_type"), str):
        raise InputError(
            "config.json does not name a model_type, so this is no Hugging Face transformer.", file=folder
        )
    return config


def _ref(ref: ModelRef | str) -> ModelRef:
    return ref if isinstance(ref, ModelRef) else ModelRef(name=ref)


def _config_file(folder: Path) -> Path:
    path = folder / CONFIG
    if not path.is_file():
        raise InputError("The folder has no config.json, so it is no Hugging Face model.", file=folder)
    return path


def _default_fact(folder: Path, name: str) -> int | None:
    # Some published configurations leave out what equals the default of their class (Gemma 3).
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return getattr(config.get_text_config(), name, None)
