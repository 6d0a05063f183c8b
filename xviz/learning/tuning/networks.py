"""A network with its head, ready to be tuned in full or by LoRA, and written as an ordinary folder.

Weights that the objective can't reach (the layers above k under MCL alone) are frozen: they neither decay nor
wait for a gradient. Which these are is asked of the network and not listed for each family.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoModel, AutoModelForCausalLM, AutoModelForMaskedLM, PreTrainedModel
from transformers.utils import logging as transformers_logging

from xviz.errors import InputError
from xviz.learning.tuning.spec import LoRASettings
from xviz.models.folder import ModelFacts, describe, fingerprint
from xviz.models.loading import LanguageModel, load_tokenizer, start_of_sentence
from xviz.models.spec import ModelRef
from xviz.representations.capture import LayerCapture


@dataclass
class Tuned:
    """``network`` has its head where the folder has one; ``model`` describes the base network inside it."""

    network: PreTrainedModel
    model: LanguageModel
    has_head: bool
    adapted: Any = None
    """The PEFT model around the network, under LoRA."""


def open_to_tune(ref: ModelRef, *, lora: LoRASettings | None = None, seed: int = 0) -> Tuned:
    """Load a network in fp32 with all of its weights, its head included.

    Args:
        ref: a bundled name, a folder or a hub name; trained weights.
        lora: freeze the weights and put low-rank adapters beside every linear layer.
        seed: of the adapters.

    Raises:
        NotHere: the model is not on this machine.
        InputError: its folder can't be used.
    """
    if ref.random_weights is not None:
        raise InputError("Tuning starts from trained weights; leave random_weights out.")
    facts = describe(ref)
    tokenizer = load_tokenizer(facts)
    network, has_head = _with_head(facts)
    network.requires_grad_(True)
    adapted = _adapt(network, lora, seed) if lora is not None else None
    base: Any = network.base_model
    rows = int(network.get_input_embeddings().weight.shape[0])  # type: ignore[arg-type, index]
    pad = network.config.pad_token_id
    if not isinstance(pad, int) or not 0 <= pad < rows:
        pad = int(tokenizer.pad_token_id)  # type: ignore[arg-type]
    model = LanguageModel(
        name=ref.name,
        network=base,
        tokenizer=tokenizer,
        family=facts.family,
        model_type=network.config.model_type,
        layers=facts.layers,
        width=facts.width,
        vocabulary=rows,
        max_length=facts.max_length,
        start=start_of_sentence(tokenizer, facts) if facts.family == "decoder" else None,
        pad=pad,
        padding_side="right",
        device="cpu",
        dtype="fp32",
        fingerprint=fingerprint(ref),
    )
    return Tuned(network, model, has_head, adapted)


def freeze_unreached(tuned: Tuned, layer: int) -> list[str]:
    """Freeze what hidden layer ``layer`` does not depend on; the names of what is still learned.

    Raises:
        InputError: nothing is left to learn (LoRA, and a layer below every adapter).
    """
    learned = {name: p for name, p in tuned.network.named_parameters() if p.requires_grad}
    start = tuned.model.start if tuned.model.start is not None else 0
    ids = torch.tensor([[start, 5, 6, 7]], device=tuned.network.device) % tuned.model.vocabulary
    caught: list[torch.Tensor] = []
    with LayerCapture(tuned.model, [layer]) as capture:
        capture.run(ids, torch.ones_like(ids), lambda _layer, hidden: caught.append(hidden))
    gradients: tuple[torch.Tensor | None, ...] = (None,) * len(learned)
    if caught[0].requires_grad:
        gradients = torch.autograd.grad(caught[0].square().sum(), list(learned.values()), allow_unused=True)
    for p, gradient in zip(learned.values(), gradients, strict=True):
        p.requires_grad_(gradient is not None)
    reached = [name for name, p in learned.items() if p.requires_grad]
    if not reached:
        raise InputError(
            f"Nothing that is learned lies below layer {layer}; choose a higher layer, or tune without LoRA."
        )
    return reached


def write_folder(tuned: Tuned, folder: Path) -> None:
    """Network (adapters merged, fp32, tied weights once) and tokenizer, as transformers reads them."""
    network = tuned.network
    if tuned.adapted is not None:
        network = tuned.adapted.merge_and_unload()
    network.config.use_cache = True
    with _quiet():
        network.cpu().float().save_pretrained(folder)
    tuned.model.tokenizer.save_pretrained(folder)


def _with_head(facts: ModelFacts) -> tuple[PreTrainedModel, bool]:
    kinds: list[tuple[Any, bool]] = [(AutoModel, False)]
    kinds.insert(0, (AutoModelForCausalLM if facts.family == "decoder" else AutoModelForMaskedLM, True))
    try:
        for kind, head in kinds:
            with _quiet():
                network, report = kind.from_pretrained(
                    str(facts.path),
                    dtype=torch.float32,
                    use_safetensors=True,
                    trust_remote_code=False,
                    local_files_only=True,
                    output_loading_info=True,
                )
            if not report["missing_keys"] or not head:  # else the folder has no such head
                network.config.use_cache = False
                return network, head
    except Exception as error:  # many kinds, of several libraries: they all mean the same to the user
        line = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise InputError(f"The model can't be loaded ({line.rstrip('.')}).", file=facts.path) from error
    raise AssertionError("the base network needs no head")


def _adapt(network: PreTrainedModel, lora: LoRASettings, seed: int) -> Any:
    import warnings

    from peft import LoraConfig, get_peft_model  # 5 s to import

    config = LoraConfig(
        r=lora.rank,
        lora_alpha=int(lora.alpha) if float(lora.alpha).is_integer() else lora.alpha,  # type: ignore[arg-type]
        lora_dropout=lora.dropout,
        target_modules=_linear_layers(network),
    )
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # GPT-2's layers are transposed, which peft sees and says
        torch.manual_seed(seed)
        return get_peft_model(network, config)


def _linear_layers(network: PreTrainedModel) -> list[str]:
    """The names of every linear layer inside the base network (not of the head)."""
    inside = {id(module) for module in network.base_model.modules()}
    return [
        name
        for name, module in network.named_modules()
        if id(module) in inside and (isinstance(module, nn.Linear) or type(module).__name__ == "Conv1D")
    ]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Transformers reports what is expected here (a head that is not there), and draws bars."""
    level, bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity(logging.ERROR)
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        if bars:
            transformers_logging.enable_progress_bar()
