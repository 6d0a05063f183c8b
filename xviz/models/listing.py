"""Every model a user may ask for: bundled, known, and what else lies in the hub's cache. Torch-free."""

from __future__ import annotations

from typing import Any

from xviz.errors import XvizError
from xviz.models.folder import describe, locate
from xviz.models.hub import cached_names
from xviz.models.known import BUNDLED, KNOWN
from xviz.models.spec import Family

BUNDLED_FAMILY: dict[str, Family] = {"mini-encoder": "encoder", "mini-decoder": "decoder"}


def list_models() -> list[dict[str, Any]]:
    """Rows ``name, family, layers, width, parameters, path, available``, and for models of the hub
    ``gigabytes_bf16, gigabytes_fp32, licence, gated``.

    ``available``: the model lies on this machine and xviz can load it; else ``reason`` says why not.
    """
    listed_names = {name for model in KNOWN for name in model.names}
    others = [name for name in cached_names() if name not in listed_names]
    return [
        *(_row(name, {"family": BUNDLED_FAMILY[name]}) for name in BUNDLED),
        *(
            _row(
                model.name,
                {
                    "family": model.family,
                    "layers": model.layers,
                    "width": model.width,
                    "parameters": model.parameters,
                    "gigabytes_bf16": model.gigabytes_bf16,
                    "gigabytes_fp32": model.gigabytes_fp32,
                    "licence": model.licence,
                    "gated": model.gated,
                },
            )
            for model in KNOWN
        ),
        *(_row(name, {}) for name in others),
    ]


def _row(name: str, facts: dict[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {"name": name, "family": None, "layers": None, "width": None, "parameters": None}
    row |= {"path": None, "available": False, **facts}
    try:
        row["path"] = str(locate(name))
        found = describe(name)
    except XvizError as error:
        return row | {"reason": error.message}
    own = {"family": found.family, "layers": found.layers, "width": found.width}
    return row | own | {"parameters": found.parameters, "available": True}
