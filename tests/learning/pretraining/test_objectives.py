"""What is asked of a network, and what is not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from xviz.learning.pretraining.corpus import Packed
from xviz.learning.pretraining.networks import build
from xviz.learning.pretraining.objectives import (
    IGNORED,
    CausalLanguageModelling,
    MaskedLanguageModelling,
    causal_batch,
    masked_batch,
)
from xviz.learning.pretraining.spec import NetworkSettings

SPECIAL = {"bos": 2, "eos": 3, "pad": 0, "mask": 4}
VOCABULARY = 100
SIZES = NetworkSettings(layers=2, width=32, heads=2, inner=48, embedding=32, positions=64)


@pytest.fixture(scope="module")
def packed():
    lengths = [5, 9, 12, 3, 14]
    tokens = np.random.default_rng(0).integers(5, VOCABULARY, sum(lengths)).astype(np.uint16)
    bounds = np.concatenate([[0], np.cumsum(lengths)])
    return Packed(tokens=tokens, bounds=bounds, train={}, dev={}, languages={})


def masked(packed, rows, width=32, seed=0, targets=12, share=0.3):
    return masked_batch(
        np.array(rows),
        width,
        packed,
        share=share,
        targets=targets,
        special=SPECIAL,
        vocabulary=range(5, VOCABULARY),
        rng=np.random.default_rng(seed),
    )


def objective(family, embedding=32):
    sizes = SIZES.model_copy(update={"embedding": embedding})
    network = build(family, sizes, vocabulary=VOCABULARY, special=SPECIAL, seed=0)
    return MaskedLanguageModelling(network) if family == "encoder" else CausalLanguageModelling(network)


@pytest.mark.parametrize("rows", [[[0], [1], [2], [4]], [[0, 1], [3, 2]]])
def test_only_tokens_of_the_text_are_guessed_and_their_number_is_fixed(packed, rows):
    plain = [np.concatenate([packed.line(i) for i in row]) for row in rows]
    for seed in range(50):
        batch = masked(packed, rows, seed=seed)
        inputs = batch.inputs
        assert inputs["places"].shape == inputs["labels"].shape == (12,)
        asked = inputs["labels"] != IGNORED
        assert int(asked.sum()) == batch.targets == min(12, round(0.3 * sum(map(len, plain))))
        labels = inputs["labels"][asked]
        assert not torch.isin(labels, torch.tensor(list(SPECIAL.values()))).any()
        assert len(set(inputs["places"][asked].tolist())) == batch.targets
        restored = inputs["input_ids"].flatten().clone()
        restored[inputs["places"][asked]] = labels
        for row, text in zip(restored.reshape(len(rows), -1), plain, strict=True):
            kept = row[~torch.isin(row, torch.tensor([0, 2, 3]))]
            assert kept.tolist() == text.tolist()
        at_rest = torch.ones(inputs["input_ids"].numel(), dtype=bool)
        at_rest[inputs["places"][asked]] = False
        assert SPECIAL["mask"] not in inputs["input_ids"].flatten()[at_rest]


def test_a_pair_is_framed_and_the_second_text_counts_from_0_again(packed):
    inputs = masked(packed, [[3, 0]], width=16, targets=1, share=0.01).inputs
    assert (inputs["input_ids"][0] == 2).nonzero().tolist() == [[0]]
    assert (inputs["input_ids"][0] == 3).nonzero().flatten().tolist() == [4, 10]
    assert inputs["position_ids"][0].tolist() == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5, 0, 0, 0, 0, 0]
    assert inputs["attention_mask"].sum() == 11


def test_four_fifths_are_masked(packed):
    fates = []
    for seed in range(400):
        inputs = masked(packed, [[1], [2], [4]], seed=seed).inputs
        asked = inputs["labels"] != IGNORED
        seen = inputs["input_ids"].flatten()[inputs["places"][asked]]
        fates += torch.where(seen == 4, 0, torch.where(seen == inputs["labels"][asked], 2, 1)).tolist()
    shares = np.bincount(fates) / len(fates)
    assert shares == pytest.approx([0.8, 0.1, 0.1], abs=0.02)


def test_a_state_guesses_the_token_after_it(packed):
    batch = causal_batch(np.array([[0], [3]]), 16, packed, targets=20, special=SPECIAL)
    ids = batch.inputs["input_ids"]
    assert ids[1].tolist()[:6] == [2, *packed.line(3).tolist(), 3, 0]
    asked = batch.inputs["labels"] != IGNORED
    places = batch.inputs["places"][asked]
    assert places.tolist() == [*range(6), *range(16, 20)]
    assert torch.equal(batch.inputs["labels"][asked], ids.flatten()[places + 1])
    assert batch.targets == 10
    assert batch.tokens == 7 + 5


def test_the_causal_loss_is_that_of_transformers(packed):
    causal = objective("decoder").eval()
    batch = causal_batch(np.array([[0], [1], [2]]), 16, packed, targets=48, special=SPECIAL)
    ids, mask = batch.inputs["input_ids"], batch.inputs["attention_mask"]
    reference = causal.network(ids, attention_mask=mask, labels=ids.masked_fill(mask == 0, -100)).loss
    torch.testing.assert_close(causal(**batch.inputs), reference)


@pytest.mark.parametrize("embedding", [32, 16])
def test_the_masked_loss_is_that_of_transformers(packed, embedding):
    cloze = objective("encoder", embedding).eval()
    inputs = masked(packed, [[0], [1], [2]]).inputs
    labels = torch.full((inputs["input_ids"].numel(),), -100)
    asked = inputs["labels"] != IGNORED
    labels[inputs["places"][asked]] = inputs["labels"][asked]
    reference = cloze.network(
        inputs["input_ids"],
        attention_mask=inputs["attention_mask"],
        position_ids=inputs["position_ids"],
        labels=labels.reshape(inputs["input_ids"].shape),
    ).loss
    torch.testing.assert_close(cloze(**inputs), reference)


@pytest.mark.parametrize("family", ["encoder", "decoder"])
def test_padding_does_not_change_the_loss(packed, family):
    asked = objective(family).eval()
    losses = []
    for width in (16, 48):
        if family == "decoder":
            batch = causal_batch(np.array([[0], [2]]), width, packed, targets=96, special=SPECIAL)
        else:
            batch = masked(packed, [[0], [2]], width=width)
        losses.append(asked(**batch.inputs))
    torch.testing.assert_close(*losses)


@pytest.mark.parametrize("family", ["encoder", "decoder"])
def test_loss_and_gradients_are_numbers_and_reach_every_weight(packed, family):
    asked = objective(family)
    batch = (
        causal_batch(np.array([[0], [2]]), 16, packed, targets=32, special=SPECIAL)
        if family == "decoder"
        else masked(packed, [[0], [2]], width=16)
    )
    with torch.autocast("cpu", torch.bfloat16):
        loss = asked(**batch.inputs)
    loss.backward()
    assert torch.isfinite(loss)
    assert loss.item() == pytest.approx(np.log(VOCABULARY), rel=0.15)
    for name, p in asked.named_parameters():
        assert p.grad is not None, name
        assert torch.isfinite(p.grad).all(), name


def test_too_long_texts_are_cut_at_the_width(packed):
    batch = causal_batch(np.array([[4]]), 8, packed, targets=8, special=SPECIAL)
    assert batch.inputs["input_ids"][0].tolist() == [2, *packed.line(4)[:6].tolist(), 3]
