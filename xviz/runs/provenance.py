"""How a result was made: code, packages, seeds, keys, machine. Nothing in here determines the result."""

from __future__ import annotations

import functools
import os
import platform
import re
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from xviz import __version__
from xviz.runs.processes import host
from xviz.store import Spec

PACKAGES = (
    "torch",
    "transformers",
    "tokenizers",
    "accelerate",
    "peft",
    "numpy",
    "scipy",
    "scikit-learn",
    "umap-learn",
    "pandas",
    "lm_eval",
)


def provenance(wanted: Iterable[Spec], *, device: str) -> dict[str, Any]:
    """What is known before the work begins; :func:`at_the_end` adds the rest."""
    specs = list(wanted)
    return {
        "xviz": __version__,
        "commit": commit(),
        "python": platform.python_version(),
        "packages": packages(),
        "platform": platform.platform(),
        "host": host(),
        "device": device,
        "threads": os.environ.get("OMP_NUM_THREADS") or os.cpu_count(),
        "keys": [f"{spec.kind}/{spec.key}" for spec in specs],
        "fingerprints": sorted({text for spec in specs for text in _fingerprints(spec.identity())}),
        "seeds": sorted({seed for spec in specs for seed in _seeds(spec.model_dump(mode="json"))}),
    }


def at_the_end(seconds: float) -> dict[str, Any]:
    """Duration and peak memory (bytes; of the graphics card where torch was used on one)."""
    facts: dict[str, Any] = {"seconds": round(seconds, 2), "peak_memory": peak_memory()}
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        facts["peak_memory_gpu"] = torch.cuda.max_memory_allocated()
        facts["gpu"] = torch.cuda.get_device_name()
    return facts


def peak_memory() -> int | None:
    """The largest resident size that this process ever had, in bytes."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@functools.cache
def packages() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


@functools.cache
def commit() -> str | None:
    """The commit of the checkout that is running, read from its .git; None outside of one."""
    git = Path(__file__).resolve().parents[2] / ".git"
    try:
        head = (git / "HEAD").read_text("utf-8").strip()
        if not head.startswith("ref: "):
            return head
        branch = head.removeprefix("ref: ")
        if (git / branch).is_file():
            return (git / branch).read_text("utf-8").strip()
        packed = (git / "packed-refs").read_text("utf-8").splitlines()
        return next((line.split()[0] for line in packed if line.endswith(f" {branch}")), None)
    except OSError:
        return None


def _fingerprints(value: Any) -> Iterable[str]:
    """Every SHA-256 within the identity of a specification: of weights, tokenizers, treebanks."""
    if isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _fingerprints(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _fingerprints(inner)


def _seeds(value: Any) -> Iterable[int]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name == "seed" and isinstance(inner, int):
                yield inner
            elif name == "seeds" and isinstance(inner, list | tuple):
                yield from (seed for seed in inner if isinstance(seed, int))
            else:
                yield from _seeds(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _seeds(inner)
