"""The facts about known models, against networks built from their published configurations (no weights)."""

from __future__ import annotations

import pytest
import torch
from transformers import (
    AutoModel,
    BertConfig,
    BloomConfig,
    CohereConfig,
    Gemma3TextConfig,
    LlamaConfig,
    Qwen3Config,
    XGLMConfig,
    XLMRobertaConfig,
)

from xviz.models.known import KNOWN, known


def xlmr(**fields):
    return XLMRobertaConfig(vocab_size=250002, max_position_embeddings=514, type_vocab_size=1, **fields)


def xglm(width: int, layers: int, heads: int):
    return XGLMConfig(
        vocab_size=256008, d_model=width, ffn_dim=4 * width, num_layers=layers, attention_heads=heads
    )


def bloom(width: int, layers: int, heads: int):
    return BloomConfig(vocab_size=250880, hidden_size=width, n_layer=layers, n_head=heads)


def rotary(kind, vocabulary: int, width: int, inner: int, layers: int, heads: int, groups: int, head: int):
    return kind(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=groups,
        head_dim=head,
    )


LARGE = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096}
CONFIGURATIONS = {
    "bert-base-multilingual-cased": lambda: BertConfig(vocab_size=119547),
    "xlm-roberta-base": xlmr,
    "xlm-roberta-large": lambda: xlmr(**LARGE),
    "facebook/xglm-564M": lambda: xglm(1024, 24, 16),
    "facebook/xglm-1.7B": lambda: xglm(2048, 24, 16),
    "facebook/xglm-7.5B": lambda: xglm(4096, 32, 32),
    "bigscience/bloom-560m": lambda: bloom(1024, 24, 16),
    "bigscience/bloom-1b7": lambda: bloom(2048, 24, 16),
    "bigscience/bloom-7b1": lambda: bloom(4096, 30, 32),
    "meta-llama/Llama-3.2-1B": lambda: rotary(LlamaConfig, 128256, 2048, 8192, 16, 32, 8, 64),
    "meta-llama/Llama-3.2-3B": lambda: rotary(LlamaConfig, 128256, 3072, 8192, 28, 24, 8, 128),
    "Qwen/Qwen3-0.6B": lambda: rotary(Qwen3Config, 151936, 1024, 3072, 28, 16, 8, 128),
    "Qwen/Qwen3-1.7B": lambda: rotary(Qwen3Config, 151936, 2048, 6144, 28, 16, 8, 128),
    "Qwen/Qwen3-4B": lambda: rotary(Qwen3Config, 151936, 2560, 9728, 36, 32, 8, 128),
    "Qwen/Qwen3-8B": lambda: rotary(Qwen3Config, 151936, 4096, 12288, 36, 32, 8, 128),
    "google/gemma-3-1b-pt": lambda: rotary(Gemma3TextConfig, 262144, 1152, 6912, 26, 4, 1, 256),
    "google/gemma-3-4b-pt": lambda: rotary(Gemma3TextConfig, 262208, 2560, 10240, 34, 8, 4, 256),
    "CohereLabs/aya-expanse-8b": lambda: rotary(CohereConfig, 256000, 4096, 14336, 32, 32, 8, 128),
}


@pytest.mark.parametrize("model", KNOWN, ids=lambda model: model.name)
def test_layers_width_and_parameters(model):
    config = CONFIGURATIONS[model.name]()
    with torch.device("meta"):
        network = AutoModel.from_config(config)
    if getattr(network, "pooler", None) is not None:
        network.pooler = None
    assert (config.num_hidden_layers, config.hidden_size) == (model.layers, model.width)
    assert sum(p.numel() for p in network.parameters()) == model.parameters


def test_former_and_present_names():
    assert known("FacebookAI/xlm-roberta-base") is known("xlm-roberta-base") is not None
    assert known("gpt2") is None
    assert len({name for model in KNOWN for name in model.names}) == sum(len(m.names) for m in KNOWN)
