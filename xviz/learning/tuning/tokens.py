"""Sentences and rows as the network reads them: token ids, and which of them count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int
from tokenizers import Encoding, Tokenizer

from xviz.errors import InputError
from xviz.models.loading import LanguageModel


@dataclass(frozen=True)
class Tokens:
    """One sentence or row. ``own`` marks what counts: of a sentence the tokens that are no special ones, of a
    row those that are to be guessed."""

    ids: Int[np.ndarray, " length"]
    own: Bool[np.ndarray, " length"]

    def __len__(self) -> int:
        return len(self.ids)


def read_sentences(texts: Sequence[str], model: LanguageModel) -> list[Tokens]:
    """Sentences with the special tokens of the family: a decoder's start, an encoder's own."""
    read = []
    for encoding in _encode(texts, model, special=model.start is None):
        ids = np.array(encoding.ids, dtype=np.int64)
        own = ~np.array(encoding.special_tokens_mask, dtype=bool)
        if model.start is not None:
            ids, own = np.insert(ids, 0, model.start), np.insert(own, 0, False)
        read.append(Tokens(ids, own))
    return read


def read_rows(prompts: Sequence[str], outputs: Sequence[str], model: LanguageModel) -> list[Tokens]:
    """``start prompt output end-of-text``; what is to be guessed is the output and the end of text.

    Prompt and output are cut into tokens together, as they would be met; a token belongs to the output if it
    reaches beyond the prompt. An empty prompt makes all of a text to be guessed (language modelling).

    Raises:
        InputError: the tokenizer has no end-of-text token to learn to stop by.
    """
    end = model.tokenizer.eos_token_id
    if not isinstance(end, int) or model.start is None:
        raise InputError(f"{model.name} has no end-of-text token, so it can't learn where an answer ends.")
    texts = [f"{p} {o}" if p else o for p, o in zip(prompts, outputs, strict=True)]
    read = []
    for prompt, encoding in zip(prompts, _encode(texts, model, special=False), strict=True):
        ids = np.array([model.start, *encoding.ids, end], dtype=np.int64)
        beyond = [stop > len(prompt) for _, stop in encoding.offsets]
        read.append(Tokens(ids, np.array([False, *beyond, True])))
    return read


def _encode(texts: Sequence[str], model: LanguageModel, *, special: bool) -> list[Encoding]:
    backend: Tokenizer = model.tokenizer.backend_tokenizer  # type: ignore[attr-defined]
    before = backend.truncation, backend.padding, backend.encode_special_tokens
    backend.no_truncation()
    backend.no_padding()
    backend.encode_special_tokens = True  # "</s>" in a text is text
    try:
        return backend.encode_batch(list(texts), add_special_tokens=special)
    finally:
        truncation, padding, backend.encode_special_tokens = before
        if truncation is not None:
            backend.enable_truncation(**truncation)
        if padding is not None:
            backend.enable_padding(**padding)
