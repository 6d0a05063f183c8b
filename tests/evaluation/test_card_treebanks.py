"""Which treebanks a card chooses, and what it says where there are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from xviz.corpora.folder import SAMPLE, choose
from xviz.corpora.tables import open_treebank
from xviz.errors import InputError
from xviz.evaluation.card.treebanks import NO_ENGLISH, NO_HELD_OUT, NO_PARALLEL, card_spec
from xviz.store import Store

LINES = "# sent_id = {}\n# text = hi\n1\thi\thi\tINTJ\t_\t_\t0\troot\t_\t_\n\n"


def bank(data: Path, name: str, prefix: str, **sentences: int) -> None:
    folder = data / f"UD_{name}"
    folder.mkdir(parents=True)
    for split, n in sentences.items():
        text = "".join(LINES.format(f"{name}-{split}-{i}") for i in range(n))
        (folder / f"{prefix}-ud-{split}.conllu").write_text(text, "utf-8")


@pytest.fixture
def model(tiny_models) -> str:
    return str(tiny_models("bert"))


def test_pud_is_taken_before_the_sample_and_english_comes_first(tmp_path, model) -> None:
    for name, prefix in (("Arabic-PUD", "ar_pud"), ("English-PUD", "en_pud"), ("Thai-PUD", "th_pud")):
        bank(tmp_path, name, prefix, test=2)
    (tmp_path / "UD_German-Sample").symlink_to(SAMPLE / "UD_German-Sample")
    spec = card_spec(model, tmp_path)
    assert [b.name for b in spec.parallel] == ["UD_English-PUD", "UD_Arabic-PUD", "UD_Thai-PUD"]
    assert spec.without == (NO_ENGLISH,)


def test_one_treebank_a_language_is_held_out_the_one_with_most_training_text(tmp_path, model) -> None:
    bank(tmp_path, "Persian-Seraji", "fa_seraji", train=3, test=2)
    bank(tmp_path, "Persian-PerDT", "fa_perdt", train=9, test=2)
    bank(tmp_path, "Czech-PUD", "cs_pud", test=2)
    spec = card_spec(model, tmp_path)
    assert [(a.name, a.split, b.split) for a, b in spec.held_out] == [("UD_Persian-PerDT", "train", "test")]
    assert set(spec.without) == {NO_ENGLISH, NO_PARALLEL}


def test_english_ewt_is_the_usual_one_another_where_it_is_not_there_and_a_named_one_must_be(
    tmp_path, model
) -> None:
    bank(tmp_path, "English-Atis", "en_atis", train=2, dev=2, test=2)
    assert card_spec(model, tmp_path).english.train.name == "UD_English-Atis"
    bank(tmp_path, "English-EWT", "en_ewt", train=2, dev=2, test=2)
    assert card_spec(model, tmp_path).english.dev.name == "UD_English-EWT"
    assert card_spec(model, tmp_path, english="english-atis").english.test.name == "UD_English-Atis"
    bank(tmp_path, "Thai-TUD", "th_tud", train=2, dev=2, test=2)
    with pytest.raises(InputError, match="not English"):
        card_spec(model, tmp_path, english="Thai-TUD")
    with pytest.raises(InputError, match="GUM"):
        card_spec(model, tmp_path, english="English-GUM")


def test_nothing_to_measure_on_is_said(tmp_path, model) -> None:
    bank(tmp_path, "Thai-PUD", "th_pud", test=2)
    assert set(card_spec(model, tmp_path).without) == {NO_ENGLISH, NO_PARALLEL, NO_HELD_OUT}


def test_a_limit_keeps_the_same_sentences_in_every_language_and_no_limit_no_new_key(tmp_path) -> None:
    store = Store(tmp_path)
    kept = []
    for name in ("German-Sample", "Turkish-Sample"):
        (whole,) = choose("sample", [name], split="all")
        some = whole.model_copy(update={"limit": 7})
        assert "limit" not in whole.identity()
        assert some.key != whole.key
        read = open_treebank(some, store=store)
        assert len(read) == 7
        assert read.words["sentence"].max() == 6
        everything = open_treebank(whole, store=store).sentences["sent_id"].to_list()
        assert read.sentences["sent_id"].to_list() == [
            i for i in everything if i in set(read.sentences["sent_id"])
        ]
        kept.append(set(read.sentences["sent_id"]))
    assert kept[0] == kept[1]
