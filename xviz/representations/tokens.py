"""A treebank as a network reads it: pieces, the pieces of every word, and what has to be left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int
from tokenizers import Encoding, Tokenizer

from xviz.corpora.treebank import Treebank
from xviz.errors import InputError
from xviz.models.loading import LanguageModel
from xviz.representations.alignment import Alignment, align
from xviz.representations.stored import Skipped


@dataclass(frozen=True)
class TokenisedTreebank:
    """The sentences that the network reads.

    ``sentences`` (one row each): ``sentence`` (row in the treebank), ``sent_id``, ``text``, ``length``
    (words), ``pieces`` (special tokens not counted). ``words`` (one row a vector): the columns of the
    treebank's words, ``subwords`` (pieces it is made of), ``unknown`` (one of them is the unknown token),
    ``shared`` (its piece is another word's as well).

    ``ids[id_bounds[i]:id_bounds[i + 1]]`` are the ids of sentence i, special tokens included, and ``special``
    marks those. ``places[place_bounds[w]:place_bounds[w + 1]]`` are positions of the pieces of word w in its
    sentence. Words of sentence i: ``word_bounds[i]:word_bounds[i + 1]``.
    """

    sentences: pd.DataFrame
    words: pd.DataFrame
    skipped: tuple[Skipped, ...]
    ids: Int[np.ndarray, " ids"]
    special: Bool[np.ndarray, " ids"]
    id_bounds: Int[np.ndarray, " sentences+1"]
    places: Int[np.ndarray, " owned"]
    place_bounds: Int[np.ndarray, " words+1"]
    word_bounds: Int[np.ndarray, " sentences+1"]

    def __len__(self) -> int:
        return len(self.id_bounds) - 1

    @property
    def lengths(self) -> Int[np.ndarray, " sentences"]:
        """Ids a sentence, special tokens included: what a batch has to hold."""
        return np.diff(self.id_bounds)

    def note(self) -> dict[str, Any]:
        """What stands beside every score: fertility, and shares (0 to 1) of unknown and shared words.

        Fertility is pieces a word, the pieces of a multiword token divided among its words.
        """
        n = max(len(self.words), 1)
        same_token = ["sentence", "start", "end"]
        tokens = self.words.drop_duplicates(same_token)
        return {
            "sentences": len(self),
            "words": len(self.words),
            "fertility": float(tokens.loc[~tokens["shared"], "subwords"].sum() / n),
            "unknown": float(self.words["unknown"].sum() / n),
            "shared": float(self.words["shared"].sum() / n),
        }


def tokenise(treebank: Treebank, model: LanguageModel, *, max_words: int = 128) -> TokenisedTreebank:
    """Pieces of every sentence of a treebank, matched with its words.

    Left out, and named in ``skipped``: sentences of more than ``max_words`` words, sentences of more pieces
    than the network can read, sentences and words of which the tokenizer leaves nothing.

    Raises:
        InputError: the tokenizer gives an id that the network has no embedding for.
    """
    lengths = treebank.sentences["length"].to_numpy()
    names = treebank.sentences["sent_id"].astype(str).to_list()
    reasons: dict[int, str] = {
        int(row): f"{lengths[row]} words, over the limit of {max_words}"
        for row in np.flatnonzero(lengths > max_words)
    }
    rows = np.flatnonzero(lengths <= max_words)
    texts = treebank.sentences["text"].to_numpy()[rows].tolist()
    encodings = _encode(texts, model)
    sizes = np.fromiter((len(e) for e in encodings), dtype=np.int64, count=len(encodings))
    sizes += model.start is not None
    if model.max_length is not None:
        for i in np.flatnonzero(sizes > model.max_length):
            reasons[int(rows[i])] = f"{sizes[i]} pieces, over the {model.max_length} the model reads"
        fits = sizes <= model.max_length
        rows, encodings = rows[fits], [e for e, fit in zip(encodings, fits, strict=True) if fit]

    pieces = _Pieces.of(encodings, model)
    words, alignment = _align(treebank, rows, pieces)
    counts = alignment.counts
    has_words = np.bincount(words["sentence"].to_numpy()[counts > 0], minlength=len(lengths)) > 0
    for row in rows[~has_words[rows]]:
        reasons[int(row)] = "the tokenizer leaves no piece for any of its words"
    dropped = words[(counts == 0) & has_words[words["sentence"].to_numpy()]]
    skipped = [Skipped(names[row], reason) for row, reason in sorted(reasons.items())]
    skipped += [
        Skipped(names[w.sentence], "the tokenizer leaves no piece for this word", int(w.index), str(w.form))
        for w in dropped.itertuples(index=False)
    ]
    return _assemble(treebank, rows, has_words, pieces, words, alignment, tuple(skipped), model)


@dataclass(frozen=True)
class _Pieces:
    """The pieces of all sentences, one row each, special tokens included."""

    sentence: Int[np.ndarray, " pieces"]  # row among the sentences that are read
    ids: Int[np.ndarray, " pieces"]
    start: Int[np.ndarray, " pieces"]
    end: Int[np.ndarray, " pieces"]
    special: Bool[np.ndarray, " pieces"]
    blank: Bool[np.ndarray, " pieces"]
    bounds: Int[np.ndarray, " sentences+1"]

    @classmethod
    def of(cls, encodings: Sequence[Encoding], model: LanguageModel) -> _Pieces:
        extra = int(model.start is not None)
        sizes = np.fromiter((len(e) for e in encodings), dtype=np.int64, count=len(encodings))
        bounds = np.concatenate(([0], np.cumsum(sizes + extra)))
        total = int(bounds[-1])
        opening = np.zeros(total, dtype=bool)
        if extra:
            opening[bounds[:-1]] = True
        text = ~opening

        def column(values: Any, dtype: Any, filled: int) -> np.ndarray:
            out = np.full(total, filled, dtype=dtype)
            out[text] = np.fromiter(chain.from_iterable(values), dtype=dtype, count=int(sizes.sum()))
            return out

        ids = column((e.ids for e in encodings), np.int64, model.start if model.start is not None else 0)
        special = column((e.special_tokens_mask for e in encodings), bool, 1)
        spans = np.fromiter(
            chain.from_iterable(chain.from_iterable(e.offsets for e in encodings)),
            dtype=np.int64,
            count=2 * int(sizes.sum()),
        )
        start, end = np.zeros(total, dtype=np.int64), np.zeros(total, dtype=np.int64)
        start[text], end[text] = spans[0::2], spans[1::2]
        if total and ids.max() >= model.vocabulary:
            piece = model.tokenizer.convert_ids_to_tokens(int(ids.max()))
            raise InputError(
                f"{model.name} has no embedding for the id that its tokenizer gives {piece!r}: it is "
                "another model's tokenizer."
            )
        sentence = np.repeat(np.arange(len(encodings)), sizes + extra)
        return cls(sentence, ids, start, end, special, special | _is_blank(ids, model), bounds)


def _encode(texts: list[str], model: LanguageModel) -> list[Encoding]:
    backend: Tokenizer = model.tokenizer.backend_tokenizer  # type: ignore[attr-defined]
    before = backend.truncation, backend.padding, backend.encode_special_tokens
    backend.no_truncation()
    backend.no_padding()
    backend.encode_special_tokens = True  # "</s>" in a treebank is text
    try:
        return backend.encode_batch(texts, add_special_tokens=model.start is None)
    finally:
        truncation, padding, backend.encode_special_tokens = before
        if truncation is not None:
            backend.enable_truncation(**truncation)
        if padding is not None:
            backend.enable_padding(**padding)


def _is_blank(ids: Int[np.ndarray, " pieces"], model: LanguageModel) -> Bool[np.ndarray, " pieces"]:
    """Pieces that stand for space alone (``▁``, ``Ġ``): told by what they decode to, for ``Ġ`` is a letter in
    Maltese."""
    unique, inverse = np.unique(ids, return_inverse=True)
    backend: Tokenizer = model.tokenizer.backend_tokenizer  # type: ignore[attr-defined]
    texts = backend.decode_batch([[int(i)] for i in unique], skip_special_tokens=False)
    return np.array([not text.strip() for text in texts], dtype=bool)[inverse]


def _align(treebank: Treebank, rows: np.ndarray, pieces: _Pieces) -> tuple[pd.DataFrame, Alignment]:
    place = np.full(len(treebank), -1, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    sentence = treebank.words["sentence"].to_numpy()
    words = treebank.words[place[sentence] >= 0].reset_index(drop=True)
    alignment = align(
        treebank.sentences["text"].to_numpy()[rows].tolist(),
        place[words["sentence"].to_numpy()],
        words["start"].to_numpy(),
        words["end"].to_numpy(),
        pieces.sentence,
        pieces.start,
        pieces.end,
        pieces.blank,
    )
    return words, alignment


def _assemble(
    treebank: Treebank,
    rows: np.ndarray,
    has_words: np.ndarray,
    pieces: _Pieces,
    words: pd.DataFrame,
    alignment: Alignment,
    skipped: tuple[Skipped, ...],
    model: LanguageModel,
) -> TokenisedTreebank:
    kept = rows[has_words[rows]]
    in_kept = has_words[rows][pieces.sentence] if len(rows) else np.zeros(0, dtype=bool)
    sizes = np.diff(pieces.bounds)[has_words[rows]]
    counts = alignment.counts
    with_vector = counts > 0
    first_of_sentence = np.repeat(pieces.bounds[:-1], np.diff(pieces.bounds))
    places = alignment.pieces - first_of_sentence[alignment.pieces]  # position within the sentence
    unknown_id = model.tokenizer.unk_token_id
    unknown = np.zeros(len(words), dtype=bool)
    if isinstance(unknown_id, int) and unknown_id not in (model.start, model.tokenizer.eos_token_id):
        owner = np.repeat(np.arange(len(words)), counts)
        unknown[owner[pieces.ids[alignment.pieces] == unknown_id]] = True
    table = words.assign(subwords=counts.astype(np.int32), unknown=unknown, shared=alignment.shared)
    table = table[with_vector].reset_index(drop=True)
    natural = np.bincount(pieces.sentence[~pieces.special], minlength=len(rows))[has_words[rows]]
    sentences = treebank.sentences.iloc[kept].reset_index(drop=True)
    sentences.insert(0, "sentence", kept.astype(np.int32))
    sentences["pieces"] = natural.astype(np.int32)
    words_each = np.bincount(table["sentence"].to_numpy(), minlength=len(treebank))[kept]
    return TokenisedTreebank(
        sentences=sentences,
        words=table,
        skipped=skipped,
        ids=pieces.ids[in_kept],
        special=pieces.special[in_kept],
        id_bounds=np.concatenate(([0], np.cumsum(sizes))),
        places=places,
        place_bounds=np.concatenate(([0], np.cumsum(counts[with_vector]))),
        word_bounds=np.concatenate(([0], np.cumsum(words_each))),
    )
