"""The two networks, built from configurations that transformers knows (no code of their own).

- **encoder**: ModernBERT's (Warner et al., 2024): a BERT with the norm before each block, rotary positions,
  gated feed-forward; every layer attends to the whole text. Where the embeddings are to be narrower than the
  layers (factorised, so that a vocabulary for many scripts costs little), ELECTRA's (Clark et al., 2020).
- **decoder**: Llama's (Touvron et al., 2023): norm before each block, rotary positions, gated feed-forward;
  input and output embeddings are tied.

No dropout: a small network on little text underfits, and without it attention takes its fast path.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import (
    ElectraConfig,
    ElectraForMaskedLM,
    LlamaConfig,
    LlamaForCausalLM,
    ModernBertConfig,
    ModernBertForMaskedLM,
    PreTrainedModel,
)

from xviz.learning.pretraining.spec import Family, NetworkSettings


def build(
    family: Family, sizes: NetworkSettings, *, vocabulary: int, special: dict[str, int], seed: int
) -> PreTrainedModel:
    """A network with random weights; the same seed gives the same weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return (
            _encoder(sizes, vocabulary, special)
            if family == "encoder"
            else _decoder(sizes, vocabulary, special)
        )


def output_layer(network: PreTrainedModel) -> nn.Module:
    """What turns a hidden state into logits over the vocabulary."""
    if isinstance(network, ElectraForMaskedLM):
        return nn.Sequential(network.generator_predictions, network.generator_lm_head)
    if isinstance(network, ModernBertForMaskedLM):
        return nn.Sequential(network.head, network.decoder)
    return network.get_output_embeddings()


def _encoder(sizes: NetworkSettings, vocabulary: int, special: dict[str, int]) -> PreTrainedModel:
    common: dict[str, Any] = {
        "vocab_size": vocabulary,
        "hidden_size": sizes.width,
        "num_hidden_layers": sizes.layers,
        "num_attention_heads": sizes.heads,
        "intermediate_size": sizes.inner,
        "max_position_embeddings": sizes.positions,
        "pad_token_id": special["pad"],
        "bos_token_id": special["bos"],
        "eos_token_id": special["eos"],
    }
    if sizes.embedding == sizes.width:
        frame: dict[str, Any] = {
            "cls_token_id": special["bos"],
            "sep_token_id": special["eos"],
            "layer_types": ["full_attention"] * sizes.layers,
        }
        return ModernBertForMaskedLM(ModernBertConfig(**common, **frame))
    no_dropout: dict[str, Any] = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    return ElectraForMaskedLM(ElectraConfig(**common, **no_dropout, embedding_size=sizes.embedding))


def _decoder(sizes: NetworkSettings, vocabulary: int, special: dict[str, int]) -> LlamaForCausalLM:
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=sizes.width,
        num_hidden_layers=sizes.layers,
        num_attention_heads=sizes.heads,
        intermediate_size=sizes.inner,
        max_position_embeddings=sizes.positions,
        tie_word_embeddings=True,
        attention_dropout=0.0,
        pad_token_id=special["pad"],
        bos_token_id=special["bos"],
        eos_token_id=special["eos"],
    )
    return LlamaForCausalLM(config)
