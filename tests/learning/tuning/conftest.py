"""Tiny networks with their output layers, and tiny data, for the tests of tuning."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

DECODERS = ("llama", "gpt2", "xglm", "bloom", "qwen2", "gemma3")


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def decoders(tiny_models, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """``decoders("llama")``: a tiny random network of a family, with its head tied to the embeddings."""
    place = tmp_path_factory.mktemp("decoders")

    @functools.cache
    def folder_of(family: str) -> Path:
        base = tiny_models(family)
        config = AutoConfig.from_pretrained(base)
        config.tie_word_embeddings = True
        for name in ("attn_pdrop", "embd_pdrop", "resid_pdrop", "dropout", "attention_dropout", "layerdrop"):
            if hasattr(config, name):
                setattr(config, name, 0.0)
        torch.manual_seed(0)
        network = AutoModelForCausalLM.from_config(config)
        network.save_pretrained(place / family)
        AutoTokenizer.from_pretrained(base).save_pretrained(place / family)
        return place / family

    return folder_of


ENGLISH = [
    f"The {a} {b} sleeps in the {c}."
    for a in ("old", "red")
    for b in ("dog", "cat", "cow")
    for c in ("house", "field")
]
GERMAN = [
    f"{a} {b} schläft {c}."
    for a in ("Alt", "Rot")
    for b in ("Hund", "Katze", "Kuh")
    for c in ("im Haus", "im Feld")
]
FRENCH = [
    f"{b} {a} dort {c}."
    for a in ("vieux", "rouge")
    for b in ("Chien", "Chat", "Vache")
    for c in ("à la maison", "au champ")
]


@pytest.fixture
def pairs_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pairs"
    folder.mkdir()
    for iso, texts in (("eng", ENGLISH), ("deu", GERMAN), ("fra", FRENCH)):
        (folder / f"tiny.{iso}.txt").write_text("\n".join(texts) + "\n", "utf-8")
    return folder
