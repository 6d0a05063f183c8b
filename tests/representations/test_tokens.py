"""A treebank as a network reads it: exact pieces in several scripts, and everything that is left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from benchmarks.networks import FAMILIES
from xviz.errors import InputError
from xviz.models.loading import LanguageModel, load
from xviz.representations.stored import Skipped
from xviz.representations.tokens import tokenise


@pytest.fixture
def model_of(tiny_models):
    return lambda family: load(str(tiny_models(family)), device="cpu", dtype="fp32")


def with_tokenizer(model: LanguageModel, tokenizer: Tokenizer, **names) -> LanguageModel:
    """The same network with a vocabulary that a test has chosen (it is only asked for ids)."""
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)
    return replace(model, tokenizer=fast, vocabulary=len(fast))


def pieces_of(tokens, model: LanguageModel) -> list[list[str]]:
    out = []
    for sentence in range(len(tokens)):
        ids = tokens.ids[tokens.id_bounds[sentence] : tokens.id_bounds[sentence + 1]]
        for word in range(tokens.word_bounds[sentence], tokens.word_bounds[sentence + 1]):
            places = tokens.places[tokens.place_bounds[word] : tokens.place_bounds[word + 1]]
            out.append(model.tokenizer.convert_ids_to_tokens(ids[places].tolist()))
    return out


def word_pieces(*pieces: str) -> Tokenizer:
    vocabulary = {piece: i for i, piece in enumerate(("[PAD]", "[UNK]", "[CLS]", "[SEP]", *pieces))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


def sentence_pieces(*pieces: str) -> Tokenizer:
    scores = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((p, -1.0) for p in pieces)]
    tokenizer = Tokenizer(models.Unigram(scores, unk_id=3))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace("\u200b", "")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    return tokenizer


def test_words_of_one_two_and_five_pieces_and_repeated_words(model_of, make_treebank):
    tokenizer = word_pieces("the", "un", "##do", "c", "##r", "##o", "##w", "##s", ",")
    model = with_tokenizer(model_of("bert"), tokenizer, unk_token="[UNK]")
    words = ["the", "undo", ",", "the", "crows", "undo"]
    tokens = tokenise(make_treebank([("the undo, the crows undo", words)]), model)
    assert pieces_of(tokens, model) == [
        ["the"],
        ["un", "##do"],
        [","],
        ["the"],
        ["c", "##r", "##o", "##w", "##s"],
        ["un", "##do"],
    ]
    assert tokens.words["subwords"].tolist() == [1, 2, 1, 1, 5, 2]
    assert tokens.words["form"].tolist() == words
    assert tokens.note()["fertility"] == 2.0
    assert tokens.sentences["pieces"].tolist() == [12]
    assert tokens.lengths.tolist() == [14]
    assert tokens.special.nonzero()[0].tolist() == [0, 13]


def test_chinese_with_a_piece_over_two_words(model_of, make_treebank):
    model = with_tokenizer(model_of("xlmr"), sentence_pieces("▁", "我们", "的家", "很", "远", "。"))
    treebank = make_treebank([("我们的家很远。", ["我们", "的", "家", "很", "远", "。"])])
    tokens = tokenise(treebank, model)
    assert pieces_of(tokens, model) == [["我们"], ["的家"], ["的家"], ["很"], ["远"], ["。"]]
    assert tokens.words["shared"].tolist() == [False, False, True, False, False, False]
    assert tokens.note()["shared"] == 1 / 6
    assert tokens.note()["fertility"] == 5 / 6  # a borrowed piece is counted once
    assert tokens.sentences["pieces"].tolist() == [6]  # "▁" is read by the network and belongs to no word


def test_thai_arabic_and_vietnamese(model_of, make_treebank):
    tokenizer = sentence_pieces(
        "▁", "▁บ้าน", "หลัง", "เก่า", "▁ال", "بيت", "▁قديم", "▁Ngôi", "▁nhà", "▁c", "ũ", "."
    )
    model = with_tokenizer(model_of("xlmr"), tokenizer)
    treebank = make_treebank(
        [
            ("บ้านหลังเก่า", ["บ้าน", "หลังเก่า"]),
            ("البيت قديم.", ["ال+بيت", "قديم", "."]),
            ("Ngôi nhà cũ.", ["Ngôi nhà", "cũ", "."]),
        ]
    )
    tokens = tokenise(treebank, model)
    assert pieces_of(tokens, model) == [
        ["▁บ้าน"],
        ["หลัง", "เก่า"],
        ["▁ال", "بيت"],
        ["▁ال", "بيت"],
        ["▁قديم"],
        ["."],
        ["▁Ngôi", "▁nhà"],
        ["▁c", "ũ"],
        ["."],
    ]
    assert not tokens.words["shared"].any()  # words of one multiword token do not borrow


def test_bytes_of_chinese_characters(model_of, make_treebank):
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {piece: i for i, piece in enumerate(["<|endoftext|>", *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    model = replace(with_tokenizer(model_of("gpt2"), tokenizer, eos_token="<|endoftext|>"), start=0)
    tokens = tokenise(make_treebank([("好 a", ["好", "a"])]), model)
    assert tokens.words["subwords"].tolist() == [3, 1]
    assert pieces_of(tokens, model) == [["å", "¥", "½"], ["a"]]
    assert tokens.special.nonzero()[0].tolist() == [0]
    assert tokens.ids[0] == 0


def test_the_maltese_letter_is_no_mark_of_a_space(model_of, make_treebank):
    model = with_tokenizer(model_of("bert"), word_pieces("Ġ", "##nien"), unk_token="[UNK]")
    tokens = tokenise(make_treebank([("Ġnien", ["Ġnien"])]), model)
    assert pieces_of(tokens, model) == [["Ġ", "##nien"]]


def test_special_tokens_in_the_text_are_text(model_of, make_treebank):
    for family, text in (("xglm", "a </s> b"), ("gpt2", "<|endoftext|> b"), ("bert", "[SEP] b")):
        model = model_of(family)
        tokens = tokenise(make_treebank([(text, text.split())]), model)
        assert tokens.special.sum() == (2 if family == "bert" else 1)
        assert len(tokens.words) == len(text.split())


@pytest.mark.parametrize("family", FAMILIES)
def test_a_decoder_begins_with_its_opening_token_exactly_once(model_of, treebank, family: str):
    model = model_of(family)
    tokens = tokenise(treebank, model)
    for sentence in range(len(tokens)):
        ids = tokens.ids[tokens.id_bounds[sentence] : tokens.id_bounds[sentence + 1]]
        special = tokens.special[tokens.id_bounds[sentence] : tokens.id_bounds[sentence + 1]]
        if model.family == "decoder":
            assert special.nonzero()[0].tolist() == [0]
            assert (ids == model.start).nonzero()[0].tolist() == [0]
        else:
            assert special.nonzero()[0].tolist() == [0, len(ids) - 1]
    assert (tokens.places > 0).all()  # position 0 never enters a word vector
    assert len(tokens.words) == len(treebank.words)
    assert not tokens.skipped


def test_settings_stored_with_a_tokenizer_neither_cut_nor_fill(model_of, treebank):
    model = model_of("bert")
    free = tokenise(treebank, model)
    backend = model.tokenizer.backend_tokenizer
    backend.enable_truncation(max_length=5)
    backend.enable_padding(length=64)
    tokens = tokenise(treebank, model)
    assert tokens.ids.tolist() == free.ids.tolist()
    assert backend.truncation["max_length"] == 5
    assert backend.padding["length"] == 64
    assert not backend.encode_special_tokens


def test_what_is_left_out_is_named(model_of, make_treebank):
    long_words = ["a"] * 12
    long_pieces = "z" * 400
    treebank = make_treebank(
        [
            (" ".join(long_words), long_words),
            (f"b {long_pieces}", ["b", long_pieces]),
            ("b", ["b"]),
            ("\u200b", ["\u200b"]),
            ("a \u200b b", ["a", "\u200b", "b"]),
        ]
    )
    tokenizer = sentence_pieces("▁", "a", "b", "z")
    tokens = tokenise(treebank, with_tokenizer(model_of("xlmr"), tokenizer), max_words=10)
    assert tokens.skipped == (
        Skipped("s1", "12 words, over the limit of 10"),
        Skipped("s2", "403 pieces, over the 256 the model reads"),
        Skipped("s4", "the tokenizer leaves no piece for any of its words"),
        Skipped("s5", "the tokenizer leaves no piece for this word", index=2, form="\u200b"),
    )
    assert tokens.sentences["sent_id"].tolist() == ["s3", "s5"]
    assert tokens.sentences["sentence"].tolist() == [2, 4]
    assert tokens.words["form"].tolist() == ["b", "a", "b"]
    assert tokens.words["index"].tolist() == [1, 1, 3]
    assert tokens.word_bounds.tolist() == [0, 1, 3]
    counted = len(tokens.sentences) + sum(skip.index is None for skip in tokens.skipped)
    assert counted == len(treebank)


def test_nothing_is_left(model_of, make_treebank):
    tokens = tokenise(make_treebank([("a b", ["a", "b"])]), model_of("bert"), max_words=1)
    assert len(tokens) == len(tokens.words) == 0
    assert tokens.note()["words"] == 0


def test_unknown_words_are_counted(model_of, make_treebank):
    model = with_tokenizer(model_of("bert"), word_pieces("a", "b"), unk_token="[UNK]")
    tokens = tokenise(make_treebank([("a b x", ["a", "b", "x"])]), model)
    assert tokens.words["unknown"].tolist() == [False, False, True]
    assert tokens.note()["unknown"] == 1 / 3


def test_an_id_without_an_embedding(model_of, make_treebank):
    model = model_of("bert")
    model.tokenizer.add_tokens([AddedToken("xyzzy", normalized=False)])
    assert len(tokenise(make_treebank([("a", ["a"])]), model)) == 1
    with pytest.raises(InputError, match="no embedding for the id that its tokenizer gives 'xyzzy'"):
        tokenise(make_treebank([("xyzzy", ["xyzzy"])]), model)


@pytest.mark.data
@pytest.mark.parametrize(
    ("family", "language"),
    [("bert", "Arabic"), ("bert", "Chinese"), ("xlmr", "Thai"), ("gpt2", "Thai"), ("gemma3", "Japanese")],
)
def test_every_word_of_real_treebanks_is_accounted_for(model_of, data_dir: Path, family: str, language: str):
    from xviz.corpora.reader import read_treebank
    from xviz.corpora.spec import TreebankSpec

    name = f"UD_{language}-PUD"
    file = next((data_dir / "ud" / name).glob("*-ud-test.conllu"))
    treebank = read_treebank(TreebankSpec(name=name, language="und", files=(str(file),), split="test"))
    model = model_of(family)
    tokens = tokenise(treebank, model, max_words=40)
    sentences = {skip.sent_id for skip in tokens.skipped if skip.index is None}
    dropped = [skip for skip in tokens.skipped if skip.index is not None]
    read = treebank.sentences[~treebank.sentences["sent_id"].isin(sentences)]
    assert len(read) == len(tokens)
    assert len(tokens.words) + len(dropped) == read["length"].sum()
    if family != "bert":
        return  # whose normaliser changes no character, so that pieces spell the word
    owner, spelled_alone = np.repeat(np.arange(len(tokens)), np.diff(tokens.word_bounds)), 0
    for word in np.flatnonzero(~(tokens.words["shared"] | tokens.words["unknown"]).to_numpy())[:500]:
        ids = tokens.ids[tokens.id_bounds[owner[word]] : tokens.id_bounds[owner[word] + 1]]
        places = tokens.places[tokens.place_bounds[word] : tokens.place_bounds[word + 1]]
        spelled = "".join(model.tokenizer.convert_ids_to_tokens(ids[places].tolist())).replace("##", "")
        row = tokens.words.iloc[word]
        text = f" {treebank.sentences['text'].iloc[row['sentence']]} "
        alone = text[row["start"]].isspace() and text[row["end"] + 1].isspace()  # else a piece may reach over
        spelled_alone += alone
        assert not alone or spelled == "".join(text[row["start"] + 1 : row["end"] + 1].split())
    assert spelled_alone > (0 if language == "Chinese" else 200)
