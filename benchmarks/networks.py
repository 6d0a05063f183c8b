"""Small random networks of every family, with a tokenizer trained on the texts at hand.

For tests and for `make bench`, where no trained model may be fetched. They are the real architectures of
transformers, only narrow and shallow; nothing they say about a language means anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    AutoModel,
    BertConfig,
    BloomConfig,
    ElectraConfig,
    Gemma3TextConfig,
    GPT2Config,
    LlamaConfig,
    PreTrainedConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
    XGLMConfig,
    XLMRobertaConfig,
)

FAMILIES = ("bert", "electra", "xlmr", "gpt2", "xglm", "bloom", "llama", "qwen2", "qwen3", "gemma3")
ENCODERS = ("bert", "electra", "xlmr")
MAX_LENGTH = 256


def build_tiny(
    family: str,
    folder: Path,
    texts: Sequence[str],
    seed: int = 0,
    *,
    layers: int = 2,
    width: int = 32,
    heads: int = 4,
    vocabulary: int = 800,
) -> Path:
    """Write a random network of ``family`` and a tokenizer trained on ``texts`` to ``folder``; returns it."""
    tokenizer = TOKENIZERS[family](texts, vocabulary)
    config = _config(family, tokenizer, layers=layers, width=width, heads=heads)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = AutoModel.from_config(config)
        # Freshly initialised layers barely change what they read: with larger weights every layer differs.
        for module in network.modules():
            if isinstance(module, torch.nn.Linear) or type(module).__name__ == "Conv1D":
                torch.nn.init.normal_(module.weight, std=width**-0.5)  # type: ignore[arg-type]
    folder.mkdir(parents=True, exist_ok=True)
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _config(
    family: str, tokenizer: PreTrainedTokenizerFast, *, layers: int, width: int, heads: int
) -> PreTrainedConfig:
    ids = {
        "vocab_size": len(tokenizer),
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    usual = {
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": 4 * width,
        "max_position_embeddings": MAX_LENGTH,
    }
    rotary = usual | {"num_key_value_heads": heads // 2, "head_dim": width // heads}
    if family == "bert":
        return BertConfig(**ids, **usual)
    if family == "electra":
        return ElectraConfig(**ids, **usual, embedding_size=width // 2)
    if family == "xlmr":
        positions = MAX_LENGTH + tokenizer.pad_token_id + 1
        return XLMRobertaConfig(**ids, **usual | {"max_position_embeddings": positions})
    if family == "gpt2":
        return GPT2Config(**ids, n_embd=width, n_layer=layers, n_head=heads, n_positions=MAX_LENGTH)
    if family == "xglm":
        return XGLMConfig(
            **ids,
            d_model=width,
            num_layers=layers,
            attention_heads=heads,
            ffn_dim=4 * width,
            max_position_embeddings=MAX_LENGTH,
        )
    if family == "bloom":
        return BloomConfig(**ids, hidden_size=width, n_layer=layers, n_head=heads)
    if family == "llama":
        return LlamaConfig(**ids, **rotary)
    if family == "qwen2":
        return Qwen2Config(**ids, **{k: v for k, v in rotary.items() if k != "head_dim"})
    if family == "qwen3":
        return Qwen3Config(**ids, **rotary)
    kinds = ["sliding_attention" if layer % 2 == 0 else "full_attention" for layer in range(layers)]
    own = {"sliding_window": 16, "query_pre_attn_scalar": width // heads, "layer_types": kinds}
    return Gemma3TextConfig(**ids, **rotary, **own)


def word_piece(texts: Sequence[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """BERT's: words at spaces and punctuation, ``##`` inside a word, ``[CLS] ... [SEP]``."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))  # type: ignore[call-arg]
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=vocabulary, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")],
    )
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, mask_token="[MASK]", **names)


def _unigram(texts: Sequence[str], vocabulary: int, single: str) -> PreTrainedTokenizerFast:
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace("\u200b", "")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    characters = len(set("".join(texts)))  # each needs a piece of its own
    trainer = trainers.UnigramTrainer(
        vocab_size=max(vocabulary, characters + 400),
        special_tokens=special,
        unk_token="<unk>",
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=single, special_tokens=[(token, tokenizer.token_to_id(token)) for token in ("<s>", "</s>")]
    )
    names = {"pad_token": "<pad>", "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)


def sentence_piece(texts: Sequence[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """XLM-R's: a Unigram model over text whose spaces became ``▁``; ``<s> ... </s>``."""
    return _unigram(texts, vocabulary, "<s> $A </s>")


def sentence_piece_decoder(texts: Sequence[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """XGLM's: as XLM-R's, but ``</s>`` opens a sentence and nothing closes it."""
    return _unigram(texts, vocabulary, "</s> $A")


def byte_level(
    texts: Sequence[str],
    vocabulary: int,
    *,
    special: tuple[str, ...] = ("<|endoftext|>",),
    template: bool = False,
) -> PreTrainedTokenizerFast:
    """GPT-2's, BLOOM's, Llama's and Qwen's: BPE over bytes, so one character may be several pieces."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(special),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    if template:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{special[0]} $A", special_tokens=[(special[0], tokenizer.token_to_id(special[0]))]
        )
    else:
        tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    names = {"eos_token": special[-1]} | ({"bos_token": special[0]} if len(special) > 1 else {})
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)


def _llama(texts: Sequence[str], vocabulary: int) -> PreTrainedTokenizerFast:
    special = ("<|begin_of_text|>", "<|end_of_text|>")
    return byte_level(texts, vocabulary, special=special, template=True)


def _bloom(texts: Sequence[str], vocabulary: int) -> PreTrainedTokenizerFast:
    return byte_level(texts, vocabulary, special=("<s>", "</s>"))


def byte_fallback(texts: Sequence[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """Gemma's: BPE over characters, ``▁`` for a space, bytes for unknown characters; ``<bos> ...``."""
    special = ["<pad>", "<eos>", "<bos>", "<unk>"]
    alphabet = [f"<0x{byte:02X}>" for byte in range(256)]
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    trainer = trainers.BpeTrainer(
        vocab_size=max(vocabulary, 256 + 300),
        special_tokens=special + alphabet,
        limit_alphabet=200,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A", special_tokens=[("<bos>", tokenizer.token_to_id("<bos>"))]
    )
    names = {"pad_token": "<pad>", "unk_token": "<unk>", "bos_token": "<bos>", "eos_token": "<eos>"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)


TOKENIZERS: dict[str, Callable[[Sequence[str], int], PreTrainedTokenizerFast]] = {
    "bert": word_piece,
    "electra": word_piece,
    "xlmr": sentence_piece,
    "gpt2": byte_level,
    "xglm": sentence_piece_decoder,
    "bloom": _bloom,
    "llama": _llama,
    "qwen2": byte_level,
    "qwen3": byte_level,
    "gemma3": byte_fallback,
}
