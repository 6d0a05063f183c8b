"""A network with the head that predicts pieces: masked for encoders, next for decoders.

From safetensors in the model's own folder, without code of the model, as :mod:`xviz.models.loading` loads
the network without a head.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForMaskedLM

from xviz.errors import InputError, XvizError
from xviz.models.devices import choose_device
from xviz.models.folder import ModelFacts, describe, fingerprint
from xviz.models.loading import LanguageModel, _quiet, load_tokenizer, start_of_sentence
from xviz.models.spec import ModelRef


class NoHead(XvizError):
    """The model cannot predict pieces; the message says why."""


def load_with_head(ref: ModelRef, *, device: str = "auto") -> LanguageModel:
    """A model whose ``network`` gives ``logits`` over the vocabulary, in fp32 and evaluation mode.

    With ``random_weights`` network and head are fresh.

    Raises:
        NoHead: the weights of the folder hold no head, or the tokenizer of an encoder no mask.
        InputError: the folder cannot be used.
    """
    facts = describe(ref)
    tokenizer = load_tokenizer(facts)
    if facts.family == "encoder" and tokenizer.mask_token_id is None:
        raise NoHead("its tokenizer has no mask token")
    network = _trained(facts) if ref.random_weights is None else _random(facts, ref.random_weights)
    device = choose_device(device)
    rows = int(network.get_input_embeddings().weight.shape[0])
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
    configured = network.config.get_text_config().pad_token_id
    if isinstance(configured, int) and 0 <= configured < rows:
        pad = configured  # what the network takes for padding when it counts positions
    network.config.use_cache = False
    return LanguageModel(
        name=ref.name,
        network=network.to(device).eval().requires_grad_(False),
        tokenizer=tokenizer,
        family=facts.family,
        model_type=facts.model_type,
        layers=facts.layers,
        width=facts.width,
        vocabulary=rows,
        max_length=facts.max_length,
        start=start_of_sentence(tokenizer, facts) if facts.family == "decoder" else None,
        pad=int(pad),
        padding_side="right",
        device=device,
        dtype="fp32",
        fingerprint=fingerprint(ref),
    )


def _auto(facts: ModelFacts) -> Any:
    return AutoModelForMaskedLM if facts.family == "encoder" else AutoModelForCausalLM


def _trained(facts: ModelFacts) -> Any:
    try:
        with _quiet():
            network, report = _auto(facts).from_pretrained(
                str(facts.path),
                dtype=torch.float32,
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=True,
                output_loading_info=True,
            )
    except Exception as error:  # many kinds, of several libraries: they all mean the same to the user
        if "Unrecognized configuration class" in str(error):
            raise NoHead(f"transformers has no such head for {facts.model_type}") from error
        first = next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")
        raise InputError(f"The model cannot be loaded with its head ({first}).", file=facts.path) from error
    absent = sorted(name for name in report["missing_keys"] if name.endswith("weight"))
    if absent:  # a bias that is not there starts at 0, a weight at random
        raise NoHead(f"its weights hold no language-modelling head (for instance no {absent[0]})")
    return network


def _random(facts: ModelFacts, seed: int) -> Any:
    with _quiet(), torch.random.fork_rng():
        torch.manual_seed(seed)
        config = AutoConfig.from_pretrained(str(facts.path), local_files_only=True, trust_remote_code=False)
        return _auto(facts).from_config(config, trust_remote_code=False, dtype=torch.float32)
