"""From treebank to stored vectors: against a sentence at a time, in every family; nothing twice or lost."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.networks import FAMILIES
from xviz.errors import Cancelled, InputError, NotHere, XvizError
from xviz.journal import Journal
from xviz.models.loading import load
from xviz.models.spec import ModelRef
from xviz.representations import batches
from xviz.representations import extract as extracting
from xviz.representations.capture import LayerCapture
from xviz.representations.extract import extract
from xviz.representations.opened import open_representations, open_vectors
from xviz.representations.spec import WordVectorsSpec
from xviz.representations.tokens import tokenise
from xviz.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def ask(tiny_models, treebank_spec):
    """``ask(family, treebank, layers=..., pooling=...)``: the specifications of word vectors."""

    def specs(family, treebank, *, layers=(0, 1, 2), pooling="first", dtype="fp32", max_words=128, **model):
        return [
            WordVectorsSpec(
                model=ModelRef(name=str(tiny_models(family)), **model),
                treebank=treebank_spec(treebank),
                max_words=max_words,
                layer=layer,
                pooling=pooling,
                dtype=dtype,
            )
            for layer in layers
        ]

    return specs


def loaded(spec, **options):
    return load(spec.model, device="cpu", dtype=spec.dtype, **options)


def one_sentence_at_a_time(model, treebank, layer: int, pooling: str) -> np.ndarray:
    """The definition: tokenise one sentence, run it alone, pick the pieces of each word by their letters."""
    rows = []
    for sentence, text in enumerate(treebank.sentences["text"]):
        encoding = model.tokenizer(
            text, return_offsets_mapping=True, add_special_tokens=model.family == "encoder"
        )
        ids, offsets = list(encoding["input_ids"]), list(encoding["offset_mapping"])
        if model.family == "decoder":
            ids, offsets = [model.start, *ids], [(0, 0), *offsets]
        with model.arithmetic():
            states = model.network(input_ids=torch.tensor([ids]), output_hidden_states=True).hidden_states
        states = states[layer][0].float().numpy()
        tokens = model.tokenizer.convert_ids_to_tokens(ids)
        words = treebank.words[treebank.words["sentence"] == sentence]
        for word in words.itertuples():
            own = [
                i
                for i, (start, end) in enumerate(offsets)
                if tokens[i] not in ("▁", "Ġ")
                and (letters := [c for c in range(start, end) if not text[c].isspace()])
                and word.start <= letters[0] < word.end
            ]
            if not own:
                own = [i for i, (start, end) in enumerate(offsets) if start <= word.start < end][-1:]
            part = states[own]
            rows.append({"first": part[0], "last": part[-1], "mean": part.mean(0)}[pooling])
    return np.stack(rows)


def relative(found: np.ndarray, expected: np.ndarray) -> float:
    difference = np.linalg.norm(found.astype(np.float64) - expected, axis=1)
    return float((difference / np.linalg.norm(expected, axis=1)).max())


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("family", FAMILIES)
def test_equals_a_sentence_at_a_time(ask, store, treebank, family: str, side: str):
    pooling = {"bert": "first", "xlmr": "mean", "gpt2": "mean", "bloom": "first"}.get(family, "last")
    specs = ask(family, treebank, pooling=pooling)
    model = loaded(specs[0], padding_side=side)
    done = extract(model, treebank, specs, store=store, token_budget=64)
    assert (done.sentences, done.words, done.skipped) == (8, len(treebank.words), ())
    assert done.forward_passes > 1
    assert not done.stored
    representations = open_representations(specs[0], store=store)
    assert representations.words["form"].tolist() == treebank.words["form"].tolist()
    for layer in range(3):
        vectors = representations.vectors(layer)
        assert vectors.shape == (len(treebank.words), 32)
        assert vectors.dtype == np.float16
        assert not vectors.flags.writeable
        expected = one_sentence_at_a_time(model, treebank, layer, pooling)
        assert relative(vectors, expected) < 1e-3


@pytest.mark.parametrize("family", ["bert", "llama"])
def test_batches_of_one_and_of_64_agree(
    ask, tmp_path: Path, make_treebank, treebank, family: str, monkeypatch
):
    monkeypatch.setattr(extracting, "half_keeps", lambda *_: False)  # keep what was computed, in fp32
    texts = [
        (treebank.sentences["text"][i], treebank.words.loc[treebank.words["sentence"] == i, "form"].tolist())
        for i in (0, 2, 3, 4, 6)
    ]
    many = make_treebank(texts * 13)
    specs = ask(family, many, layers=(0, 1, 2), pooling="mean")
    model = loaded(specs[0])
    found = []
    for name, budget in (("one", 1), ("many", 64 * 64)):
        store = Store(tmp_path / name)
        done = extract(model, many, specs, store=store, token_budget=budget)
        assert done.forward_passes == (65 if name == "one" else 1)
        found.append([open_vectors(spec, store=store) for spec in specs])
    for one, other in zip(*found, strict=True):
        assert one.dtype == np.float32
        assert relative(one, np.asarray(other, dtype=np.float64)) < 1e-4


def test_a_second_request_loads_and_computes_nothing(ask, store, treebank):
    specs = ask("bert", treebank)
    first = extract(lambda: loaded(specs[0]), lambda: treebank, specs, store=store)

    def never():
        raise AssertionError("nothing was missing")

    second = extract(never, never, specs, store=store)
    assert (second.forward_passes, second.stored) == (0, True)
    assert (second.sentences, second.words, second.device) == (first.sentences, first.words, "cpu")
    assert first.note["fertility"] == second.note["fertility"] > 1


def test_only_missing_layers_are_computed(ask, store, treebank, monkeypatch):
    asked = []
    original = extracting.fill_files

    def watch(model, tokens, folders, **options):
        asked.append(sorted(spec.layer for spec in folders))
        return original(model, tokens, folders, **options)

    monkeypatch.setattr(extracting, "fill_files", watch)
    specs = ask("bert", treebank)
    model = loaded(specs[0])
    extract(model, treebank, [specs[1]], store=store)
    extract(model, treebank, specs, store=store)
    assert asked == [[1], [0, 2]]
    representations = open_representations(specs[0], store=store)
    assert representations.layers() == [0, 1, 2]
    with pytest.raises(NotHere, match=r"layer 7 of UD_Test-Hand .* have not been computed yet"):
        representations.vectors(7)


def test_word_and_sentence_vectors_of_several_poolings_from_one_pass(ask, store, treebank):
    words = [*ask("bert", treebank, pooling="first"), *ask("bert", treebank, pooling="mean", layers=(2,))]
    sentences = [words[0].sentences(pooling) for pooling in ("mean", "last", "weighted", "cls")]
    sentences = [spec.model_copy(update={"layer": 2}) for spec in sentences]
    model = loaded(words[0])
    done = extract(model, treebank, [*words, *sentences], store=store)
    assert done.forward_passes == 1
    representations = open_representations(words[0], store=store)
    assert representations.sentences["sent_id"].tolist() == treebank.sentences["sent_id"].tolist()
    for row, text in enumerate(treebank.sentences["text"]):
        encoding = model.tokenizer(text, return_tensors="pt")
        with model.arithmetic():
            states = model.network(**encoding, output_hidden_states=True).hidden_states[2][0].numpy()
        inner = states[1:-1]
        weights = np.arange(1, len(inner) + 1)[:, None]
        expected = {
            "mean": inner.mean(0),
            "last": inner[-1],
            "weighted": (weights * inner).sum(0) / weights.sum(),
            "cls": states[0],
        }
        for pooling, vector in expected.items():
            found = representations.sentence_vectors(2, pooling=pooling)[row].astype(np.float64)
            assert np.linalg.norm(found - vector) < 1e-3 * np.linalg.norm(vector)


def amplify(model, factor: float, text: str | None = None) -> None:
    """Multiply what the first block writes: in every sentence, or in the one that is ``text``."""
    layer = model.network.encoder.layer[0]
    mark = None
    if text is not None:
        with LayerCapture(model, [1]) as capture, model.arithmetic():
            ids = model.tokenizer(text, return_tensors="pt")["input_ids"]
            seen = []
            capture.run(ids, torch.ones_like(ids), lambda _, hidden: seen.append(hidden[0, 0, 0].item()))
            (mark,) = seen

    def hook(_block, _args, output):
        here = torch.ones(len(output)) > 0 if mark is None else (output[:, 0, 0] - mark).abs() < 1e-4
        return output * torch.where(here, factor, 1.0)[:, None, None]

    layer.register_forward_hook(hook)


@pytest.mark.parametrize("factor", [1e6, 1e-6])
@pytest.mark.parametrize("text", [None, "Ja."])
def test_a_layer_that_fp16_cannot_keep_is_kept_in_fp32(ask, tmp_path, treebank, factor, text):
    specs = ask("bert", treebank)
    plain = one_sentence_at_a_time(loaded(specs[0]), treebank, 1, "first")
    sentence = treebank.sentences["text"].to_numpy()[treebank.words["sentence"]]
    expected = plain * np.where((sentence == text) | (text is None), factor, 1.0)[:, None]
    lengths = tokenise(treebank, loaded(specs[0])).lengths
    for budget in (40, 4096):
        model = loaded(specs[0])
        amplify(model, factor, text)
        store = Store(tmp_path / f"{budget}")
        done = extract(model, treebank, specs, store=store, token_budget=budget)
        # In small batches the short sentence comes after others were written in fp16: a second pass is made.
        passes = len(batches.plan_batches(lengths, budget))
        assert done.forward_passes == passes * (2 if text and passes > 1 else 1)
        stored = [open_vectors(spec, store=store) for spec in specs]
        assert [vectors.dtype for vectors in stored] == [np.float16, np.float32, np.float16]
        assert relative(stored[1], expected) < 1e-4
        assert done.words == len(treebank.words)


def test_no_numbers_is_an_error(ask, store, treebank):
    specs = ask("bert", treebank)
    model = loaded(specs[0])
    amplify(model, float("nan"))
    with pytest.raises(XvizError, match="no numbers at layer 1"):
        extract(model, treebank, specs, store=store)
    assert store.find(specs[0]) is None  # of one pass all is kept or nothing


def test_sentences_that_are_left_out(ask, store, make_treebank):
    long = [f"w{i}" for i in range(9)]
    treebank = make_treebank([("a b", ["a", "b"]), (" ".join(long), long), ("c" * 600, ["c" * 600])])
    specs = ask("gpt2", treebank, max_words=8)
    done = extract(loaded(specs[0]), treebank, specs, store=store)
    assert [skip.sent_id for skip in done.skipped] == ["s2", "s3"]
    assert done.sentences + len(done.skipped) == len(treebank)
    assert done.skipped[0].reason == "9 words, over the limit of 8"
    assert "over the 256 the model reads" in done.skipped[1].reason
    representations = open_representations(specs[0], store=store)
    assert representations.skipped == done.skipped
    assert len(representations.vectors(2)) == len(representations.words) == 2
    table = store.find(specs[0].table())
    assert json.loads(table.file("skipped.json").read_text())[0]["sent_id"] == "s2"


def test_a_treebank_of_which_nothing_is_left(ask, store, make_treebank):
    treebank = make_treebank([("a b", ["a", "b"])])
    specs = ask("bert", treebank, max_words=1)
    done = extract(loaded(specs[0]), treebank, specs, store=store)
    assert (done.sentences, done.words) == (0, 0)
    assert open_vectors(specs[1], store=store).shape == (0, 32)


def test_out_of_memory_halves_and_goes_on(ask, store, treebank, monkeypatch):
    specs = ask("bert", treebank)
    model = loaded(specs[0])
    expected = [one_sentence_at_a_time(model, treebank, layer, "first") for layer in range(3)]
    original = type(model.network).forward

    def tight(self, input_ids, **rest):
        if input_ids.numel() > 60:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return original(self, input_ids=input_ids, **rest)

    monkeypatch.setattr(type(model.network), "forward", tight)
    monkeypatch.setattr(batches.gc, "collect", lambda: None)
    extract(model, treebank, specs, store=store, token_budget=100_000)
    for spec, layer in zip(specs, expected, strict=True):
        assert relative(open_vectors(spec, store=store), layer) < 1e-3


def test_a_stop_keeps_nothing_and_leaves_no_lock(ask, store, treebank):
    class Stop(Journal):
        def stop_requested(self) -> bool:
            return True

    specs = ask("bert", treebank)
    with pytest.raises(Cancelled):
        extract(loaded(specs[0]), treebank, specs, store=store, journal=Stop())
    assert [entry.kind for entry in store.entries()] == ["words"]
    assert extract(loaded(specs[0]), treebank, specs, store=store).forward_passes == 1


def test_random_weights_and_arithmetic_have_keys_of_their_own(ask, store, treebank):
    trained, seeded = ask("bert", treebank)[2], ask("bert", treebank, random_weights=1)[2]
    coarse = ask("bert", treebank, dtype="bf16")[2]
    assert len({trained.key, seeded.key, coarse.key}) == 3
    for spec in (trained, seeded, coarse):
        extract(loaded(spec), treebank, [spec], store=store)
    one, other, third = (open_vectors(s, store=store).astype(np.float64) for s in (trained, seeded, coarse))
    assert relative(one, other) > 0.5
    assert 1e-5 < relative(third, one) < 0.05


def test_requests_that_do_not_fit(ask, store, treebank, make_treebank):
    specs = ask("bert", treebank)
    model = loaded(specs[0])
    with pytest.raises(InputError, match=r"no layer 9: .* has layers 0 .the embeddings. to 2"):
        extract(model, treebank, ask("bert", treebank, layers=(9,)), store=store)
    with pytest.raises(ValueError, match="is not the one"):
        extract(model, treebank, ask("electra", treebank), store=store)
    with pytest.raises(ValueError, match="loaded in fp32"):
        extract(model, treebank, ask("bert", treebank, dtype="bf16"), store=store)
    other = make_treebank([("a", ["a"])])
    with pytest.raises(ValueError, match="one request is for one"):
        extract(model, treebank, [*specs, *ask("bert", other)], store=store)
    decoder = ask("gpt2", treebank)[0]
    with pytest.raises(InputError, match="decoder has no cls vector"):
        extract(loaded(decoder), treebank, [decoder.sentences("cls")], store=store)
    assert store.entries() == []


def test_a_full_disk(ask, store, treebank, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("xviz.representations.vector_file.os.pwrite", full)
    specs = ask("bert", treebank)
    with pytest.raises(XvizError, match="disk is full"):
        extract(loaded(specs[0]), treebank, specs, store=store)
    monkeypatch.undo()
    assert all(store.find(spec) is None for spec in specs)


def test_the_kinds_of_word_pooling_differ(ask, store, treebank):
    found = []
    for pooling in ("first", "last", "mean"):
        (spec,) = ask("gpt2", treebank, layers=(1,), pooling=pooling)
        extract(loaded(spec), treebank, [spec], store=store)
        found.append(open_vectors(spec, store=store))
    representations = open_representations(spec, store=store)
    single = representations.words["subwords"].to_numpy() == 1
    assert 0 < single.sum() < len(single)
    for one, other in ((0, 1), (0, 2)):
        equal = (np.abs(found[one].astype(float) - found[other]) < 1e-2).all(axis=1)
        assert equal[single].all()
        assert not equal[~single].any()


def test_threads_that_write_beside_an_accelerator_keep_the_same(ask, tmp_path, treebank, monkeypatch):
    specs = [*ask("bert", treebank, pooling="mean"), *ask("bert", treebank, pooling="last")]
    model = loaded(specs[0])
    alone, together = Store(tmp_path / "alone"), Store(tmp_path / "together")
    extract(model, treebank, specs, store=alone, token_budget=30)
    writers = extracting._Writers
    monkeypatch.setattr(extracting, "_Writers", lambda _threads: writers(4))
    monkeypatch.setattr(extracting, "JOBS_WAITING", 5)
    extract(model, treebank, specs, store=together, token_budget=30)
    for spec in specs:
        one, other = (store.find(spec).file("vectors.npy").read_bytes() for store in (alone, together))
        assert one == other

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("xviz.representations.vector_file.os.pwrite", full)
    with pytest.raises(XvizError, match="disk is full"):
        extract(model, treebank, specs, store=Store(tmp_path / "full"), token_budget=30)
