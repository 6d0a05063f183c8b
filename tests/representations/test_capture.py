"""Hidden layers that are handed over equal ``output_hidden_states`` exactly, in every family."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AlbertConfig, AlbertModel, DistilBertConfig, DistilBertModel

from benchmarks.networks import FAMILIES
from xviz.models.loading import load
from xviz.representations.batches import Batch
from xviz.representations.capture import TESTED, LayerCapture, blocks_of
from xviz.representations.tokens import tokenise


def reference(model, batch):
    options = {}
    if model.padding_side == "left" and model.model_type not in ("xlm-roberta", "bloom"):
        options["position_ids"] = (batch.mask.cumsum(1) - 1).clamp(min=0)
    with model.arithmetic():
        output = model.network(
            input_ids=batch.ids, attention_mask=batch.mask, output_hidden_states=True, **options
        )
    assert torch.equal(output.hidden_states[-1], output.last_hidden_state)
    return output.hidden_states


def captured(model, batch, layers):
    found = {}
    with LayerCapture(model, layers) as capture, model.arithmetic():
        capture.run(batch.ids, batch.mask, lambda layer, hidden: found.__setitem__(layer, hidden.clone()))
        assert capture.passes == 1
    return found


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_layer_is_exactly_a_hidden_state(tiny_models, treebank, family: str, dtype: str, side: str):
    model = load(str(tiny_models(family)), device="cpu", dtype=dtype, padding_side=side)
    batch = Batch.of(tokenise(treebank, model), np.arange(4), model)
    expected = reference(model, batch)
    found = captured(model, batch, range(3))
    assert list(found) == [0, 1, 2]
    assert all(torch.equal(found[layer], expected[layer]) for layer in range(3))


@pytest.mark.parametrize("family", FAMILIES)
def test_the_network_stops_after_the_last_wanted_layer(tiny_models, treebank, family: str):
    model = load(str(tiny_models(family)), device="cpu", dtype="fp32")
    batch = Batch.of(tokenise(treebank, model), np.arange(2), model)
    expected = reference(model, batch)
    ran = []
    blocks = blocks_of(model)
    handles = [b.register_forward_hook(lambda *_, i=i: ran.append(i)) for i, b in enumerate(blocks)]
    assert torch.equal(captured(model, batch, [1])[1], expected[1])
    assert ran == [0]
    assert torch.equal(captured(model, batch, [0])[0], expected[0])
    assert ran == [0]
    for handle in handles:
        handle.remove()
    # and nothing of it is left behind in the network
    assert all(torch.equal(a, b) for a, b in zip(expected, reference(model, batch), strict=True))


def test_the_tested_families_are_those_of_the_tests(tiny_models):
    types = {load(str(tiny_models(family)), device="cpu", dtype="fp32").model_type for family in FAMILIES}
    assert types == TESTED


@pytest.mark.parametrize("architecture", ["distilbert", "albert"])
def test_a_family_that_is_not_listed(tiny_models, treebank, tmp_path: Path, architecture: str):
    source = load(str(tiny_models("bert")), device="cpu", dtype="fp32")
    torch.manual_seed(0)
    if architecture == "albert":  # one shared block: no list to hang hooks on
        config = AlbertConfig(
            vocab_size=source.vocabulary,
            embedding_size=16,
            hidden_size=32,
            num_attention_heads=4,
            intermediate_size=64,
            num_hidden_layers=3,
        )
        AlbertModel(config).save_pretrained(tmp_path)
    else:
        config = DistilBertConfig(
            vocab_size=source.vocabulary,
            dim=32,
            n_heads=4,
            hidden_dim=64,
            n_layers=3,
            max_position_embeddings=256,
        )
        DistilBertModel(config).save_pretrained(tmp_path)
    source.tokenizer.save_pretrained(tmp_path)
    model = load(str(tmp_path), device="cpu", dtype="fp32")
    assert model.layers == 3
    assert (blocks_of(model) is None) == (architecture == "albert")
    batch = Batch.of(tokenise(treebank, model), np.arange(3), model)
    with model.arithmetic():
        expected = model.network(
            input_ids=batch.ids, attention_mask=batch.mask, output_hidden_states=True
        ).hidden_states
    found = captured(model, batch, [0, 2, 3])
    assert all(torch.equal(found[layer], expected[layer]) for layer in (0, 2, 3))


@pytest.mark.parametrize("family", FAMILIES)
def test_padding_changes_nothing_that_is_read(tiny_models, treebank, family: str):
    model = load(str(tiny_models(family)), device="cpu", dtype="fp32")
    tokens = tokenise(treebank, model)
    order = np.array([6, 0])  # the shortest beside a long one
    length = int(tokens.lengths[6])
    alone = captured(model, Batch.of(tokens, order[:1], model), [2])[2][0]
    right = captured(model, Batch.of(tokens, order, model), [2])[2][0, :length]
    left_model = replace(model, padding_side="left")
    left = captured(left_model, Batch.of(tokens, order, left_model), [2])[2][0, -length:]
    for padded in (right, left):
        assert ((padded - alone).norm(dim=1) / alone.norm(dim=1)).max() < 1e-4
