"""The weights of a model as files: which they are, and what their headers say. Torch-free.

Safetensors only: a pickle can run any code while it is read.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from xviz.errors import InputError

PICKLED = ("pytorch_model*.bin", "*.pt", "*.pth", "*.ckpt")
OTHER_WEIGHTS = ("*.h5", "*.msgpack", "*.gguf", "*.onnx")
# Tensors that belong to a head, a vision tower or a table computed at load time, not to the base network.
HEADS = (
    "lm_head",
    "cls.",
    "pooler",
    "classifier",
    "qa_outputs",
    "score.",
    "discriminator_predictions",
    "generator_predictions",
    "generator_lm_head",
    "vision_tower",
    "multi_modal_",
)
TABLES = ("position_ids", ".attn.bias", "masked_bias", "inv_freq")


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a model folder (one, or the shards that its index names).

    Raises:
        InputError: there are none, or only weights of another kind, or a shard is missing.
    """
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if single.is_file():
        return [single]
    if index.is_file():
        shards = sorted(set(read_json(index).get("weight_map", {}).values()))
        missing = [name for name in shards if not (folder / name).is_file()]
        if missing or not shards:
            names = ", ".join(missing[:3]) or "any"
            raise InputError(f"The index of the weights names files that are not there: {names}.", file=index)
        return [folder / name for name in shards]
    if any(folder.glob("adapter_*.safetensors")):
        raise InputError(
            "This folder holds an adapter, not a model: merge it into its base model and save that.",
            file=folder,
        )
    pickled = [path.name for pattern in PICKLED for path in sorted(folder.glob(pattern))]
    if pickled:
        raise InputError(
            f"The weights are pickled ({pickled[0]}), and a pickle can run any code, so xviz reads "
            "safetensors only; convert them once where you trust them: "
            "`AutoModel.from_pretrained(folder).save_pretrained(folder)` with transformers.",
            file=folder,
        )
    others = [path.name for pattern in OTHER_WEIGHTS for path in sorted(folder.glob(pattern))]
    found = f" (it has {others[0]}, which xviz does not read)" if others else ""
    raise InputError(f"The folder has no weights: model.safetensors is missing{found}.", file=folder)


def count_parameters(files: Iterable[Path]) -> int:
    """Parameters of the base network, from the headers of its safetensors files."""
    shapes = {name: facts["shape"] for path in files for name, facts in read_header(path).items()}
    return sum(
        math.prod(shape)
        for name, shape in shapes.items()
        if not any(part in name for part in HEADS) and not name.endswith(TABLES)
    )


def read_header(path: Path) -> dict[str, dict[str, Any]]:
    """Name, dtype, shape and place of every tensor in a safetensors file.

    Raises:
        InputError: the file is cut off or something else than safetensors.
    """
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length + 8 > size:
                raise ValueError("the header is longer than the file")
            header = json.loads(file.read(length))
        header.pop("__metadata__", None)
        end = 8 + length + max((facts["data_offsets"][1] for facts in header.values()), default=0)
    except (ValueError, struct.error, KeyError, TypeError, AttributeError) as error:
        with path.open("rb") as file:
            pointer = file.read(23) == b"version https://git-lfs"
        hint = (
            "only a Git LFS pointer: run `git lfs pull`"
            if pointer
            else "no safetensors file, or a broken one"
        )
        raise InputError(f"The weights are {hint}.", file=path) from error
    if end > size:
        raise InputError(f"The weights are cut off: {end} bytes expected, {size} found.", file=path)
    return header


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file."""
    try:
        value = json.loads(path.read_text("utf-8"))
    except (ValueError, OSError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else None
        raise InputError("The file is not valid JSON.", file=path, line=line) from error
    if not isinstance(value, dict):
        raise InputError("The file holds no JSON object.", file=path)
    return value
