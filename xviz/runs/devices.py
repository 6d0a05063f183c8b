"""Which devices of this machine a run would take."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

from xviz.models.devices import choose_device


def acceptable(wanted: str) -> list[str]:
    """Names of the devices that serve: for ``auto`` and ``cuda`` every CUDA device, else the one."""
    device = choose_device(wanted)
    if device.startswith("cuda") and wanted in ("auto", "cuda"):
        import torch

        return [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    return [device]


def see_only(device: str, environment: MutableMapping[str, str] = os.environ) -> str:
    """Let this process see no CUDA device but ``device``; returns the name that it then has.

    Must come before CUDA is first used. Everything that takes "the first CUDA device" (accelerate, peft,
    lm-eval) then takes this one.
    """
    kind, _, number = device.partition(":")
    if kind != "cuda":
        return device
    visible = environment.get("CUDA_VISIBLE_DEVICES", "").split(",")
    names = [name for name in visible if name.strip()]
    environment["CUDA_VISIBLE_DEVICES"] = names[int(number)] if names else number
    return "cuda:0"
