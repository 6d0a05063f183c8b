"""Tiny networks that keep their heads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch


@pytest.fixture(scope="session")
def tiny_with_head(tiny_models, tmp_path_factory) -> Callable[[str], Path]:
    """``tiny_with_head("bert")``: the tiny network of a family with a fresh language-modelling head."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForMaskedLM, AutoTokenizer

    made: dict[str, Path] = {}
    place = tmp_path_factory.mktemp("heads")

    def folder_of(family: str) -> Path:
        if family not in made:
            base, folder = tiny_models(family), place / family
            auto = AutoModelForMaskedLM if family in ("bert", "xlmr", "electra") else AutoModelForCausalLM
            with torch.random.fork_rng():
                torch.manual_seed(7)
                network = auto.from_config(AutoConfig.from_pretrained(base))
                for module in network.modules():  # larger weights, so that predictions differ by place
                    if isinstance(module, torch.nn.Linear):
                        torch.nn.init.normal_(module.weight, std=0.3)
            network.save_pretrained(folder)
            AutoTokenizer.from_pretrained(base).save_pretrained(folder)
            made[family] = folder
        return made[family]

    return folder_of
