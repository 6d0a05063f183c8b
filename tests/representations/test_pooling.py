"""Pooling against naive loops, whatever the padding; what fp16 keeps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from xviz.errors import InputError, XvizError
from xviz.journal import Journal
from xviz.models.loading import load
from xviz.representations.batches import Batch, is_out_of_memory, over_batches, plan_batches
from xviz.representations.pooling import fits_half, half_keeps
from xviz.representations.tokens import tokenise


@pytest.fixture(params=["bert", "xlmr", "llama"])
def model(tiny_models, request):
    return load(str(tiny_models(request.param)), device="cpu", dtype="fp32")


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_words_and_sentences_equal_a_naive_loop(model, treebank, side: str, dtype: torch.dtype):
    model = replace(model, padding_side=side)
    tokens = tokenise(treebank, model)
    order = np.array([3, 0, 6, 5])  # of different lengths
    batch = Batch.of(tokens, order, model)
    longest = int(tokens.lengths[order].max())
    assert batch.ids.shape == batch.mask.shape == (4, longest)
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(4, longest, 5, generator=generator).to(dtype)
    flat = hidden.reshape(-1, 5)

    words = {"first": [], "last": [], "mean": []}
    sentences = {"mean": [], "weighted": [], "last": [], "cls": []}
    for row, sentence in enumerate(order):
        begin, end = tokens.id_bounds[sentence], tokens.id_bounds[sentence + 1]
        shift = longest - (end - begin) if side == "left" else 0
        states = hidden[row, shift : shift + end - begin].float()
        assert batch.ids[row, shift : shift + end - begin].tolist() == tokens.ids[begin:end].tolist()
        assert int(batch.mask[row].sum()) == end - begin
        for word in range(tokens.word_bounds[sentence], tokens.word_bounds[sentence + 1]):
            own = states[tokens.places[tokens.place_bounds[word] : tokens.place_bounds[word + 1]]]
            words["first"].append(own[0])
            words["last"].append(own[-1])
            words["mean"].append(own.mean(0))
        special = torch.from_numpy(tokens.special[begin:end])
        natural = states[~special]
        weights = torch.arange(1, len(natural) + 1).float()
        sentences["mean"].append(natural.mean(0))
        sentences["weighted"].append((weights[:, None] * natural).sum(0) / weights.sum())
        sentences["last"].append(natural[-1])
        sentences["cls"].append(states[0])

    expected_rows = np.concatenate(
        [np.arange(tokens.word_bounds[s], tokens.word_bounds[s + 1]) for s in order]
    )
    assert batch.words().tolist() == expected_rows.tolist()
    for how, expected in words.items():
        found = batch.word_pooling(how).pool(flat).float()
        torch.testing.assert_close(found, torch.stack(expected), rtol=1e-5, atol=1e-6)
    for how, expected in sentences.items():
        found = batch.sentence_pooling(how).pool(flat).float()
        torch.testing.assert_close(found, torch.stack(expected), rtol=1e-5, atol=1e-6)


def test_no_special_token_no_cls(tiny_models, treebank):
    model = load(str(tiny_models("bert")), device="cpu", dtype="fp32")
    tokens = tokenise(treebank, model)
    bare = replace(tokens, special=np.zeros_like(tokens.special))
    with pytest.raises(InputError, match="no cls vector"):
        Batch.of(bare, np.arange(2), model).sentence_pooling("cls")


def test_batches_hold_every_sentence_once_within_the_budget():
    lengths = np.random.default_rng(0).integers(2, 60, size=500)
    batches = plan_batches(lengths, 256)
    assert sorted(np.concatenate(batches).tolist()) == list(range(500))
    assert all(len(batch) * lengths[batch].max() <= 256 for batch in batches)
    tops = [int(lengths[batch].max()) for batch in batches]
    assert tops == sorted(tops, reverse=True)
    assert [len(b) for b in plan_batches(np.array([300, 5]), 256)] == [1, 1]  # a long one stands alone
    assert plan_batches(np.array([], dtype=int), 256) == []
    some = np.array([4, 8, 15])
    assert sorted(np.concatenate(plan_batches(lengths, 64, some)).tolist()) == [4, 8, 15]


class Log(Journal):
    def __init__(self):
        self.lines = []

    def log(self, message: str) -> None:
        self.lines.append(message)


def test_out_of_memory_halves_the_budget_and_keeps_what_was_done():
    lengths = np.full(64, 10)
    seen, done = [], []
    limit = [10_000]

    def work(sentences: np.ndarray) -> np.ndarray:
        seen.append(len(sentences) * 10)
        if len(sentences) * 10 > limit[0]:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return sentences

    log = Log()
    for batch in over_batches(lengths, plan_batches(lengths, 160), work, journal=log):
        done.append(batch)
        limit[0] = 50  # memory gets tight after the first batch
    assert len(done[0]) == 16
    assert all(len(batch) * 10 <= 50 for batch in done[1:])
    assert sorted(np.concatenate(done).tolist()) == list(range(64))
    assert seen[:4] == [160, 160, 80, 40]
    assert len(log.lines) == 2
    assert "80" in log.lines[0]


def test_a_sentence_that_does_not_fit_is_told():
    def work(_sentences):
        raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")

    with pytest.raises(XvizError, match="A sentence of 30 pieces does not fit"):
        list(over_batches(np.array([30, 20]), [np.array([0, 1])], work))


def test_other_errors_pass():
    def work(_sentences):
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        list(over_batches(np.array([3]), [np.array([0])], work))
    assert is_out_of_memory(MemoryError())
    assert not is_out_of_memory(RuntimeError("shapes do not match"))


@pytest.mark.parametrize("scale", [1e-8, 1e-6, 2e-5, 1e-4, 1.0, 1e3, 3e4, 1e6])
def test_what_half_precision_keeps(scale: float):
    generator = torch.Generator().manual_seed(1)
    vectors = torch.randn(200, 64, generator=generator) * scale
    largest, smallest = map(float, fits_half(vectors))
    assert largest == vectors.abs().max().item()
    np.testing.assert_allclose(smallest, vectors.square().mean(1).sqrt().min().item(), rtol=1e-5)
    loss = ((vectors.half().float() - vectors).norm(dim=1) / vectors.norm(dim=1)).max().item()
    if half_keeps(largest, smallest):
        assert loss < 1e-3
    else:
        assert not loss < 4.9e-4  # careful by a factor of two at most (or it is infinite)


def test_a_vector_with_a_few_large_components_is_kept():
    vectors = torch.full((1, 768), 1e-3)
    vectors[0, 5] = 6e4
    assert half_keeps(*map(float, fits_half(vectors)))
    vectors[0, 5] = 7e4
    assert not half_keeps(*map(float, fits_half(vectors)))
    assert not half_keeps(float("nan"), 1.0)
