"""One tokenizer over all scripts: a unigram language model over pieces (Kudo, 2018), bytes for the rest.

- Text is NFKC, except that Thai and Lao AM stay one character.
- Words are cut at white space, and each begins with ``▁``; letters with their marks stay together, each
  digit and each other character stands alone (after a ``▁`` of its own, if it begins a word). So no piece
  crosses from a word into its punctuation, and offsets never hold a space.
- Only characters that make up ``coverage`` of some language's text are in the vocabulary. What is left is
  spelled in UTF-8 bytes (``<0xE4>``), so there are no unknown tokens.

The pieces are learned from equally many characters of every language.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from xviz.errors import InputError
from xviz.journal import SILENT, Journal
from xviz.learning.pretraining.corpus import read_text
from xviz.learning.pretraining.spec import TokenizerSpec
from xviz.store import Store

PAD, UNK, BOS, EOS, MASK = "<pad>", "<unk>", "<s>", "</s>", "<mask>"
SPECIAL = (PAD, UNK, BOS, EOS, MASK)
BYTES = tuple(f"<0x{value:02X}>" for value in range(256))
LONGEST_PIECE = 16

_WORD = r"▁?[\p{L}\p{M}\p{Cf}]+|▁?[^\p{L}\p{M}\p{Cf}▁]|▁"


def obtain_tokenizer(spec: TokenizerSpec, *, store: Store, journal: Journal = SILENT) -> Tokenizer:
    """The tokenizer of ``spec``: its file, or from the store, or trained now (minutes for 60 languages)."""
    if spec.file is not None:
        return Tokenizer.from_file(spec.file)

    def write(folder: Path) -> None:
        train_tokenizer(spec, journal=journal).save(str(folder / "tokenizer.json"))

    return Tokenizer.from_file(str(store.obtain(spec, write, journal=journal).file("tokenizer.json")))


def train_tokenizer(spec: TokenizerSpec, *, journal: Journal = SILENT) -> Tokenizer:
    """Learn the pieces.

    Raises:
        InputError: no text, or a vocabulary too small for the characters.
    """
    journal.stage("Training the tokenizer")
    normalizer = _normalizer()
    alphabet: set[str] = set()
    sample: list[str] = []
    for language, lines in read_text(Path(spec.text)):
        order = np.random.default_rng([spec.seed, *language.encode()]).permutation(len(lines))
        drawn, size = [], 0
        for i in order:
            drawn.append(normalizer.normalize_str(lines[i]))
            size += len(drawn[-1])
            if size >= spec.sample:
                break
        alphabet |= _frequent_characters(drawn, spec.coverage)
        sample += drawn
    room = spec.vocabulary - len(SPECIAL) - len(BYTES)
    if len(alphabet) + 1 > room:
        raise InputError(
            f"A vocabulary of {spec.vocabulary} is too small: the text has {len(alphabet)} frequent "
            f"characters; at least {len(alphabet) + 1 + spec.vocabulary - room} are needed.",
            file=spec.text,
        )
    sample = ["".join(c if c in alphabet else " " for c in line) for line in sample]

    draft = Tokenizer(models.Unigram())
    draft.pre_tokenizer = _pre_tokenizer()
    draft.train_from_iterator(
        sample,
        trainers.UnigramTrainer(
            vocab_size=room + 1,  # with the unknown token, which it insists on
            special_tokens=[UNK],
            unk_token=UNK,
            max_piece_length=LONGEST_PIECE,
            show_progress=False,
        ),
    )
    learned = _in_order(json.loads(draft.to_str())["model"]["vocab"])
    rare = min(score for _, score in learned) - 10.0
    vocabulary = [(token, 0.0) for token in SPECIAL] + [(byte, rare) for byte in BYTES] + learned

    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=SPECIAL.index(UNK), byte_fallback=True))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = _pre_tokenizer()
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace("▁", "always")])
    tokenizer.add_special_tokens(list(SPECIAL))
    return tokenizer


def with_frame(tokenizer: Tokenizer, family: str) -> Tokenizer:
    """Add what stands around a text: ``<s> … </s>`` for an encoder, ``<s> …`` for a decoder."""
    frames = {
        "encoder": (f"{BOS} $A {EOS}", f"{BOS} $A {EOS} $B {EOS}"),
        "decoder": (f"{BOS} $A", f"{BOS} $A $B"),
    }
    single, pair = frames[family]
    framed = Tokenizer.from_str(tokenizer.to_str())
    framed.post_processor = processors.TemplateProcessing(
        single=single,
        pair=pair,
        special_tokens=[(token, framed.token_to_id(token)) for token in (BOS, EOS)],
    )
    return framed


def _in_order(vocabulary: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """The learned pieces, the likeliest first, without what chance left in them.

    The trainer adds up in the order of its threads, breaks ties by chance, and gives the characters that it
    would have dropped scores that fall in an order of chance: they all get that of the rarest longer piece.
    """
    learned = [(piece, score) for piece, score in vocabulary if piece != UNK]
    least = min((score for piece, score in learned if len(piece) > 1), default=-math.inf)
    return sorted(
        ((piece, round(max(score, least), 6)) for piece, score in learned),
        key=lambda item: (-item[1], item[0]),
    )


def _normalizer() -> normalizers.Normalizer:
    am = [normalizers.Replace("\u0e4d\u0e32", "\u0e33"), normalizers.Replace("\u0ecd\u0eb2", "\u0eb3")]
    return normalizers.Sequence([normalizers.NFKC(), *am])


def _pre_tokenizer() -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=False),
            pre_tokenizers.Split(Regex(_WORD), behavior="isolated"),
        ]
    )


def _frequent_characters(lines: list[str], coverage: float) -> set[str]:
    """The most frequent characters that together make up ``coverage`` of the text."""
    counts = Counter(c for line in lines for c in line if not c.isspace())
    wanted, covered, frequent = coverage * sum(counts.values()), 0, set()
    for character, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        if covered >= wanted:
            break
        frequent.add(character)
        covered += count
    return frequent
