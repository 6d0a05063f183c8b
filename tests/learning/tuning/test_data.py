"""What an arm reads: equal tokens, sides kept apart, and batches that are a function of their number."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.learning.tuning.conftest import ENGLISH, FRENCH, GERMAN
from xviz.corpora.parallel import open_parallel
from xviz.errors import InputError
from xviz.learning.instruction.objective import IGNORED
from xviz.learning.instruction.rows import open_instructions
from xviz.learning.spec import TrainingSpec
from xviz.learning.tuning.apart import normalised, sentences_in, shared_instructions, shared_pairs, without
from xviz.learning.tuning.data import open_data
from xviz.learning.tuning.feed import Feed, Stream
from xviz.learning.tuning.spec import ARMS, TuneSpec, arms
from xviz.models.loading import load
from xviz.models.spec import ModelRef
from xviz.runs.steps import from_json, to_json


def spec_of(model: Path | str, pairs: Path | str, arm: str, **changes) -> TuneSpec:
    fields = {
        "languages": ("eng", "deu", "fra"),
        "batch_tokens": 256,
        "length": 96,
        "dev": 10,
        "training": TrainingSpec(
            steps=4, learning_rate=1e-3, precision="fp32", evaluate_every=2, log_every=1
        ),
    }
    return TuneSpec(model=ModelRef(name=str(model)), pairs=str(pairs), arm=arm, **fields | changes)


def test_sentences_are_the_same_whatever_their_marks_and_width() -> None:
    assert normalised("Don’t  go, ＡＢＣ!") == normalised("dont GO abc")
    assert normalised("कि") != normalised("क")  # a vowel sign is no mark to be dropped
    assert normalised("…") == ""


def test_shared_sentences_leave_the_tuning_in_all_languages(pairs_folder: Path, tmp_path: Path) -> None:
    evaluation = tmp_path / "test.txt"
    evaluation.write_text(f"{GERMAN[3].upper()}\n{ENGLISH[5]}\nSomething else.\n", "utf-8")
    corpus = open_parallel(pairs_folder)
    shared = shared_pairs(corpus, sentences_in(evaluation))
    assert shared == ("4", "6") or set(shared) == {"4", "6"}  # lines count from 1
    left = without(corpus, shared)
    assert len(left) == len(corpus) - 2
    assert not {ENGLISH[3], ENGLISH[5]} & set(left.texts("eng"))
    assert not {GERMAN[3], GERMAN[5]} & set(left.texts("deu"))
    rows = open_instructions("sample", languages=["eng", "deu"])
    assert shared_instructions(rows, {normalised("What do bees make?")}) == ("name-02",)


def test_a_stream_is_a_function_of_the_number_and_loses_nothing() -> None:
    lengths = np.array([3, 4, 5, 6, 7])
    one, other = (Stream(lengths, budget=10, seed=1) for _ in range(2))
    later = other[9]
    batches = [one[i] for i in range(10)]
    assert (batches[9] == later).all()
    assert all(lengths[batch].sum() <= 10 for batch in batches)
    seen = np.concatenate(batches)
    for epoch in range(len(seen) // 5 - 1):
        assert sorted(seen[5 * epoch : 5 * epoch + 5]) == [0, 1, 2, 3, 4]
    with pytest.raises(InputError, match="Nothing is left"):
        Stream(np.array([], dtype=int), budget=10, seed=0)


def test_every_arm_reads_equally_many_tokens(decoders, pairs_folder: Path) -> None:
    model = load(ModelRef(name=str(decoders("llama"))), device="cpu", dtype="fp32")
    read = {}
    for arm in ("mcl", "cit", "both", "shuffled", "monolingual", "translation_lm"):
        spec = spec_of(model.name, pairs_folder, arm)
        data = open_data(spec, model)
        feed = Feed(spec, pairs=data.pairs, rows=data.rows, pad=model.pad, packed=True)
        batches = [feed.batch(i) for i in range(6)]
        read[arm] = sum(batch.tokens for batch in batches) / 6
        again = Feed(spec, pairs=data.pairs, rows=data.rows, pad=model.pad, packed=True).batch(5)
        assert all(torch.equal(again.inputs[name], x) for name, x in batches[5].inputs.items())
    assert max(read.values()) <= 256
    assert min(read.values()) > 0.75 * 256  # within a row of the budget


def test_answers_are_weighed_by_the_tokens_of_the_whole_step(decoders, pairs_folder: Path) -> None:
    model = load(ModelRef(name=str(decoders("llama"))), device="cpu", dtype="fp32")
    training = TrainingSpec(steps=4, learning_rate=1e-3, accumulate=3)
    spec = spec_of(model.name, pairs_folder, "cit", training=training)
    data = open_data(spec, model)
    feed = Feed(spec, rows=data.rows, pad=model.pad, packed=False)
    step = [feed.batch(i) for i in (3, 4, 5)]
    targets = sum(int((batch.inputs["row_labels"] != IGNORED).sum()) for batch in step)
    assert all(float(batch.inputs["row_share"]) == pytest.approx(3 / targets) for batch in step)
    assert [batch.targets for batch in step] == [1, 1, 1]


def test_dev_and_left_out_languages_stay_out_of_training(decoders, pairs_folder: Path) -> None:
    model = load(ModelRef(name=str(decoders("llama"))), device="cpu", dtype="fp32")
    spec = spec_of(model.name, pairs_folder, "both", languages=(), leave_out=("fra",), dev=30)
    data = open_data(spec, model)
    assert data.languages == ("eng", "deu")
    assert list(data.dev_texts) == ["eng", "deu", "fra"]
    assert data.pairs is not None
    assert data.dev_pairs is not None
    trained, judged = set(data.pairs.pairs[:, 1]), set(data.dev_pairs.pairs[:, 1])
    assert trained
    assert judged
    assert not trained & judged
    assert data.facts["directions"].keys() == {"eng-eng", "eng-deu", "deu-eng", "deu-deu"}  # type: ignore[union-attr]
    other = open_data(spec.model_copy(update={"arm": "mcl"}), model)
    assert other.pairs is not None
    assert set(other.pairs.pairs[:, 1]) == trained  # the side hangs on the id alone


def test_one_specification_gives_every_arm(decoders, pairs_folder: Path) -> None:
    base = spec_of(decoders("llama"), pairs_folder, "untuned")
    specs = arms(base, ARMS, seeds=3)
    assert len(specs) == 1 + 6 * 3
    assert len({spec.key for spec in specs}) == len(specs)
    mcl = base.model_copy(update={"arm": "mcl"})
    deeper = base.contrastive.model_copy(update={"layer": 2})
    longer = base.training.model_copy(update={"steps": 9})
    assert base.model_copy(update={"training": longer}).key == base.key  # nothing is trained there
    assert mcl.model_copy(update={"training": longer}).key != mcl.key
    assert mcl.model_copy(update={"contrastive": deeper}).key != mcl.key
    (pairs_folder / "tiny.fra.txt").write_text("\n".join(GERMAN) + "\n", "utf-8")
    fresh = spec_of(decoders("llama"), pairs_folder, "mcl")
    assert fresh.key != mcl.key  # places are contents


def test_translation_rows_take_their_share(decoders, pairs_folder: Path) -> None:
    model = load(ModelRef(name=str(decoders("llama"))), device="cpu", dtype="fp32")
    spec = spec_of(model.name, pairs_folder, "cit", dev=0)
    wanted = spec.instruction.model_copy(update={"translations": 0.25})
    data = open_data(spec.model_copy(update={"instruction": wanted}), model)
    asked = data.facts["translation_rows"]
    assert asked == round(0.25 * len(data.rows))
    last = data.rows[-1]
    answer = model.tokenizer.decode(last.ids[last.own][:-1]).strip()
    question = model.tokenizer.decode(last.ids[1:][~last.own[1:]])
    assert answer in ENGLISH + GERMAN + FRENCH
    assert "Translate into" in question


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"languages": ("eng", "kor")}, "kor is not in the data"),
        ({"languages": (), "leave_out": ("deu", "fra")}, "at least two languages"),
    ],
)
def test_languages_that_do_not_fit_are_said(decoders, pairs_folder: Path, changes: dict, said: str) -> None:
    model = load(ModelRef(name=str(decoders("llama"))), device="cpu", dtype="fp32")
    with pytest.raises(InputError, match=said):
        open_data(spec_of(model.name, pairs_folder, "mcl", **changes), model)


def test_specifications_that_cannot_be_are_refused(pairs_folder: Path) -> None:
    with pytest.raises(ValueError, match="left out"):
        spec_of("m", pairs_folder, "mcl", leave_out=("deu",))
    with pytest.raises(ValueError, match="instructions"):
        spec_of("m", pairs_folder, "cit", instructions=None)


def test_a_specification_survives_the_run_folder(decoders, pairs_folder: Path) -> None:
    spec = spec_of(decoders("llama"), pairs_folder, "both", apart_from=("sample",))
    assert from_json(json.loads(json.dumps(to_json(spec)))).key == spec.key
