"""A network in memory, with its tokenizer: the base network without a head, in evaluation mode.

The weights come from safetensors; no code that comes with a model is run; nothing is fetched from a network.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from xviz.errors import InputError
from xviz.models.devices import DtypeChoice, choose_device, choose_dtype
from xviz.models.folder import ModelFacts, describe, fingerprint
from xviz.models.spec import Dtype, Family, ModelRef

SPECIAL = ("bos", "eos", "pad", "cls", "sep")
_TORCH = {"fp32": torch.float32, "bf16": torch.bfloat16}


@dataclass
class LanguageModel:
    """A network that is ready to read sentences.

    Attributes:
        network: the base transformer (no language-modelling head, no pooler).
        tokenizer: gives character offsets for every piece.
        family: ``encoder`` or ``decoder``.
        layers: blocks; hidden layers are numbered 0 (embeddings) to ``layers``.
        max_length: pieces a sentence may have, special tokens included; None: no limit.
        start: id that opens every sentence of a decoder (its own template's, else BOS, else EOS); None for
            encoders, whose tokenizer adds its own special tokens.
        pad: id that fills up shorter sentences; masked, so it only has to be in the vocabulary.
        padding_side: the side on which shorter sentences of a batch are filled up.
        fingerprint: SHA-256 by file; a random network has no weights in it but ``random_weights: seed``.
    """

    name: str
    network: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    family: Family
    model_type: str
    layers: int
    width: int
    vocabulary: int
    max_length: int | None
    start: int | None
    pad: int
    padding_side: str
    device: str
    dtype: Dtype
    fingerprint: dict[str, str]

    @contextlib.contextmanager
    def arithmetic(self) -> Iterator[None]:
        """The context in which the network is called: no gradients, bf16 by autocast on the CPU."""
        with contextlib.ExitStack() as contexts:
            contexts.enter_context(torch.inference_mode())
            if self.dtype == "bf16" and self.device == "cpu":
                contexts.enter_context(torch.autocast("cpu", torch.bfloat16))
            yield


def load(
    ref: ModelRef | str,
    *,
    device: str = "auto",
    dtype: DtypeChoice = "auto",
    padding_side: str = "right",
) -> LanguageModel:
    """Load a model that is on this machine.

    Args:
        ref: a bundled name, a folder or a hub name (see :mod:`xviz.models.folder`). With ``random_weights``
            the same configuration and tokenizer, and freshly initialised weights of that seed.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
        dtype: ``auto``, ``fp32`` or ``bf16`` (:mod:`xviz.models.devices` says what ``auto`` is).
        padding_side: ``right`` or ``left``; it changes no vector.

    Raises:
        NotHere: the model is not on this machine.
        InputError: its folder cannot be used; the sentence says why.
    """
    ref = ref if isinstance(ref, ModelRef) else ModelRef(name=ref)
    facts = describe(ref)
    device = choose_device(device)
    chosen = choose_dtype(dtype, device=device)
    tokenizer = load_tokenizer(facts)
    start = start_of_sentence(tokenizer, facts) if facts.family == "decoder" else None
    weights = _TORCH["fp32" if device == "cpu" else chosen]  # on the CPU bf16 is autocast over fp32 weights
    if ref.random_weights is None:
        network = _trained(facts.path, weights)
    else:
        network = _random(facts.path, weights, ref.random_weights)
    rows = int(network.get_input_embeddings().weight.shape[0])  # type: ignore[index, arg-type]
    pad = network.config.pad_token_id  # what the network takes for padding when it counts positions
    if not isinstance(pad, int) or not 0 <= pad < rows:
        pad = int(tokenizer.pad_token_id)  # type: ignore[arg-type]
    prints = fingerprint(ref)
    if ref.random_weights is not None:
        prints["random_weights"] = str(ref.random_weights)
    return LanguageModel(
        name=ref.name,
        network=network.to(device).eval().requires_grad_(False),  # type: ignore[arg-type]
        tokenizer=tokenizer,
        family=facts.family,
        model_type=network.config.model_type,
        layers=facts.layers,
        width=facts.width,
        vocabulary=rows,
        max_length=facts.max_length,
        start=start,
        pad=pad,
        padding_side=padding_side,
        device=device,
        dtype=chosen,
        fingerprint=prints,
    )


def load_tokenizer(facts: ModelFacts) -> PreTrainedTokenizerBase:
    """The tokenizer of a model folder, with offsets and a padding token.

    Raises:
        InputError: it cannot be read, gives no offsets, or belongs to another model.
    """
    try:
        with _quiet():
            tokenizer = AutoTokenizer.from_pretrained(
                str(facts.path), local_files_only=True, trust_remote_code=False, use_fast=True
            )
    except Exception as error:  # many kinds, of several libraries: they all mean the same to the user
        raise InputError(f"The tokenizer cannot be read ({_first_line(error)}).", file=facts.path) from error
    if not getattr(tokenizer, "is_fast", False):
        raise InputError(
            "This tokenizer gives no character offsets, so its pieces cannot be matched with words; save a "
            "fast one (tokenizer.json) beside the model.",
            file=facts.path,
        )
    _check_vocabulary(tokenizer, facts)
    if tokenizer.pad_token_id is None:
        fill = tokenizer.eos_token or tokenizer.sep_token or tokenizer.bos_token or tokenizer.unk_token
        if fill is None:
            raise InputError(
                "The tokenizer has no token that could fill up a batch (pad or eos).", file=facts.path
            )
        tokenizer.pad_token = fill
    return tokenizer


def start_of_sentence(tokenizer: PreTrainedTokenizerBase, facts: ModelFacts) -> int:
    """The id that opens every sentence of a decoder.

    What the tokenizer's own template puts first (XGLM opens with ``</s>``), else BOS, else EOS. A decoder's
    first position draws massive activations whatever stands there, so a token of no interest goes there.
    """
    encoding = tokenizer.backend_tokenizer.encode("a")  # type: ignore[attr-defined]
    if encoding.ids and encoding.special_tokens_mask[0]:
        return encoding.ids[0]
    for token in (tokenizer.bos_token_id, tokenizer.eos_token_id):
        if isinstance(token, int):
            return token
    raise InputError(
        "The tokenizer of this decoder has neither a BOS nor an EOS token to open sentences with.",
        file=facts.path,
    )


def _check_vocabulary(tokenizer: PreTrainedTokenizerBase, facts: ModelFacts) -> None:
    # Added tokens may lie beyond the embeddings (Gemma 3 1B has one for images), the vocabulary itself not.
    pieces = tokenizer.backend_tokenizer.get_vocab(with_added_tokens=False)  # type: ignore[attr-defined]
    rows = facts.vocabulary
    special = ((name, getattr(tokenizer, f"{name}_token_id", None)) for name in SPECIAL)
    beyond = [f"{name} = {value}" for name, value in special if isinstance(value, int) and value >= rows]
    if not pieces or max(pieces.values()) >= rows or beyond or 2 * len(tokenizer) < rows:
        what = f"ids up to {max(pieces.values(), default=0)}" + (f", {beyond[0]}" if beyond else "")
        raise InputError(
            f"The tokenizer is another model's: it has {len(tokenizer)} pieces ({what}), the network embeds "
            f"{rows}.",
            file=facts.path,
        )


def _trained(folder: Path, dtype: torch.dtype) -> PreTrainedModel:
    try:
        with _quiet():
            network, report = AutoModel.from_pretrained(
                str(folder),
                dtype=dtype,
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=True,
                output_loading_info=True,
            )
    except Exception as error:
        raise InputError(f"The model cannot be loaded ({_first_line(error)}).", file=folder) from error
    network = _base(network)
    names = {name for name, _ in network.named_parameters()}
    missing = sorted(n for n in report["missing_keys"] if any(n.endswith(name) for name in names))
    if missing:
        raise InputError(
            f"The weights lack {len(missing)} of the network's tensors (for instance {missing[0]}): they "
            "belong to another configuration.",
            file=folder,
        )
    if report.get("mismatched_keys"):
        raise InputError("The weights have other shapes than config.json says.", file=folder)
    return network


def _random(folder: Path, dtype: torch.dtype, seed: int) -> PreTrainedModel:
    with _quiet(), torch.random.fork_rng():
        torch.manual_seed(seed)
        config = AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
        network = AutoModel.from_config(config, trust_remote_code=False, dtype=torch.float32)
    return _base(network).to(dtype)  # type: ignore[arg-type, return-value]


def _base(network: Any) -> PreTrainedModel:
    network = getattr(network, "language_model", network)  # Gemma 3 and its kind: the text tower alone
    if getattr(network, "pooler", None) is not None:
        network.pooler = None  # reads one position after the last layer; no representation needs it
    network.config.use_cache = False
    return network


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Transformers reports what is expected here (a head that is left out) as a warning with a table."""
    level, bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity(logging.ERROR)
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        if bars:
            transformers_logging.enable_progress_bar()


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")
