"""One tokenizer over all scripts: no unknown tokens, true offsets, the same after it was saved."""

from __future__ import annotations

import pytest
from transformers import AutoTokenizer

from xviz.errors import InputError
from xviz.learning.pretraining.corpus import read_text
from xviz.learning.pretraining.recipe import as_transformers
from xviz.learning.pretraining.spec import TokenizerSpec, preset
from xviz.learning.pretraining.tokenizer import BYTES, SPECIAL, obtain_tokenizer, train_tokenizer

ODD = [
    "Hello (world), it's 2024!",
    "กำลังน้ำใจ ดี",
    "私は学生です。",
    "می‌خواهم بروم",
    "½ ﬁ 龘 🙂 x",
    "e\u0301a",
    "",
]


@pytest.fixture(scope="session")
def tokenizer(text, store):
    return obtain_tokenizer(TokenizerSpec(text=str(text), vocabulary=900), store=store)


def test_no_language_has_unknown_tokens_and_few_bytes(tokenizer, text):
    for language, lines in read_text(text):
        ids = [i for e in tokenizer.encode_batch(lines) for i in e.ids]
        assert ids.count(SPECIAL.index("<unk>")) == 0, language
        assert sum(len(SPECIAL) <= i < len(SPECIAL) + len(BYTES) for i in ids) < 0.05 * len(ids), language
    assert 1 not in tokenizer.encode("ⴰⵎⵓⵔ 𝔘 ꙮ unseen scripts").ids


def test_offsets_give_back_the_text(tokenizer, text):
    for language, lines in read_text(text):
        for line in lines[:30]:
            spans = [line[start:end] for start, end in tokenizer.encode(line).offsets]
            assert all(span and not span.isspace() for span in spans), (language, line)
            covered = {i for start, end in tokenizer.encode(line).offsets for i in range(start, end)}
            assert covered == {i for i, c in enumerate(line) if not c.isspace()}, (language, line)


def test_no_piece_holds_a_letter_and_a_mark_of_punctuation(tokenizer):
    for piece in tokenizer.get_vocab():
        if piece not in SPECIAL and piece not in BYTES:
            bare = piece.removeprefix("▁")
            assert len(bare) <= 1 or all(c.isalpha() or not c.isprintable() or not c.isascii() for c in bare)


@pytest.mark.parametrize("family", ["encoder", "decoder"])
def test_saved_and_read_again_it_is_the_same(tokenizer, text, tmp_path, family):
    spec = preset("nano", family=family, text=text, vocabulary=900)
    as_transformers(tokenizer, spec).save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    lines = ODD + [line for _, lines in read_text(text) for line in lines[:5]]
    for line in lines:
        ids = again(line, return_offsets_mapping=True)["input_ids"]
        own = tokenizer.encode(line).ids
        assert ids == ([2, *own, 3] if family == "encoder" else [2, *own])
    assert again.is_fast
    assert again.model_max_length == spec.network.positions
    assert again.padding_side == "right"
    names = ("pad", "unk", "bos", "eos", "mask", "cls", "sep")
    assert [getattr(again, f"{name}_token_id") for name in names] == [0, 1, 2, 3, 4, 2, 3]
    assert again.decode(again("the dog, 25!")["input_ids"], skip_special_tokens=True) == "the dog, 25!"


def test_a_pair_is_framed_as_in_training(tokenizer, text, tmp_path):
    encoder = as_transformers(tokenizer, preset("nano", family="encoder", text=text))
    a, b = (tokenizer.encode(t).ids for t in ("the dog", "der Hund"))
    assert encoder("the dog", "der Hund")["input_ids"] == [2, *a, 3, *b, 3]


def test_a_vocabulary_too_small_for_the_characters_says_how_many_are_needed(text):
    with pytest.raises(InputError, match=r"vocabulary of 320 is too small.*at least \d+ are needed"):
        train_tokenizer(TokenizerSpec(text=str(text), vocabulary=320))


def test_the_same_text_gives_the_same_tokenizer(text):
    spec = TokenizerSpec(text=str(text), vocabulary=700)
    assert train_tokenizer(spec).to_str() == train_tokenizer(spec).to_str()
