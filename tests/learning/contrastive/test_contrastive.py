"""The contrastive loss against a naive loop, and the ways of computing it that must change nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tests.learning.tuning.conftest import DECODERS, decoders, one_thread  # noqa: F401
from xviz.learning.contrastive.objective import contrastive_loss, pooling_weights, sentence_vectors
from xviz.learning.contrastive.pairs import draw_pairs, open_pairs, pivot_first, shuffle_pairs
from xviz.learning.tuning.feed import PairItems, pair_tensors
from xviz.learning.tuning.networks import freeze_unreached, open_to_tune
from xviz.learning.tuning.tokens import read_sentences
from xviz.models.loading import load
from xviz.models.spec import ModelRef
from xviz.representations.capture import LayerCapture

TEXTS = [
    "The old house stands.",
    "Das alte Haus steht am Fluss, und niemand wohnt darin.",
    "La maison.",
    "El perro duerme.",
]


def vectors(n: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, 6, generator=generator), torch.randn(n, 6, generator=generator)


def naive(x: torch.Tensor, y: torch.Tensor, tau: float, masked: set[tuple[int, int]] = frozenset()) -> float:
    def cos(a, b):
        return float(a @ b) / math.sqrt(float(a @ a) * float(b @ b))

    total = 0.0
    for i in range(len(x)):
        among = [math.exp(cos(x[i], y[j]) / tau) for j in range(len(y)) if (i, j) not in masked]
        total -= math.log(math.exp(cos(x[i], y[i]) / tau) / sum(among))
    return total / len(x)


def test_the_loss_is_that_of_a_naive_loop() -> None:
    x, y = (v.double() for v in vectors(7))
    assert contrastive_loss(x, y, temperature=0.3).item() == pytest.approx(naive(x, y, 0.3), abs=1e-6)
    both = (naive(x, y, 0.3) + naive(y, x, 0.3)) / 2
    assert contrastive_loss(x, y, temperature=0.3, both=True).item() == pytest.approx(both, abs=1e-6)


def test_its_fixed_points() -> None:
    x, y = vectors(1)
    assert contrastive_loss(x, y).item() == pytest.approx(0, abs=1e-6)
    same = torch.ones(9, 4)
    assert contrastive_loss(same, same).item() == pytest.approx(math.log(9), abs=1e-5)
    x, noise = vectors(8)
    near = x + 0.1 * noise
    permuted = near.roll(1, 0)
    assert contrastive_loss(x, permuted) > contrastive_loss(x, near) + 1


def test_a_repeated_sentence_is_no_negative() -> None:
    x, y = vectors(5)
    keys = torch.tensor([[0, 1, 2, 0, 4], [10, 11, 12, 13, 11]])  # sources 0 and 3, targets 1 and 4 repeat
    masked = {(0, 3), (3, 0), (1, 4), (4, 1)}
    loss = contrastive_loss(x, y, keys, temperature=0.5)
    assert loss.item() == pytest.approx(naive(x, y, 0.5, masked), abs=1e-6)


@pytest.mark.parametrize("pooling", ["last", "mean", "weighted"])
def test_pooling_counts_own_tokens_alone(pooling: str) -> None:
    own = torch.tensor([[False, True, True, True, False, False]])
    hidden = torch.arange(6.0)
    expected = {"last": 3.0, "mean": 2.0, "weighted": (1 * 1 + 2 * 2 + 3 * 3) / 6}[pooling]
    weights = pooling_weights(own, pooling)  # type: ignore[arg-type]
    assert float((weights[0] * hidden).sum()) == pytest.approx(expected)
    assert float(weights.sum()) == pytest.approx(1)


def items_of(model) -> PairItems:
    tokens = [read_sentences(TEXTS, model), read_sentences(TEXTS[::-1], model)]
    return PairItems(draw_pairs(2, range(len(TEXTS))), tokens, np.arange(8).reshape(2, 4))


@pytest.mark.parametrize("family", DECODERS)
@pytest.mark.parametrize("pooling", ["last", "weighted"])
def test_the_side_of_the_padding_changes_no_vector(tiny_models, family: str, pooling: str) -> None:
    found = []
    for side in ("right", "left"):
        model = load(ModelRef(name=str(tiny_models(family))), device="cpu", dtype="fp32", padding_side=side)
        t = pair_tensors(items_of(model), np.arange(4), model.pad, pooling, side=side)  # type: ignore[arg-type]
        with LayerCapture(model, [1]) as capture:
            x = sentence_vectors(capture, t["pair_ids"], t["pair_mask"], t["pair_weights"])
        found.append(x[t["pair_place"]])
    assert torch.allclose(*found, atol=1e-5)
    assert not torch.allclose(found[0][0], found[0][1], atol=1e-3)


@pytest.mark.parametrize("family", DECODERS)
@pytest.mark.parametrize("layer", [0, 1, 2])
def test_the_truncated_pass_has_loss_and_gradients_of_the_full_one(decoders, family: str, layer: int) -> None:  # noqa: F811
    tuned = open_to_tune(ModelRef(name=str(decoders(family))))
    tuned.network.eval()
    items = items_of(tuned.model)
    t = pair_tensors(items, np.arange(4), tuned.model.pad, "last")
    parameters = dict(tuned.network.named_parameters())

    def gradients(vectors: torch.Tensor) -> tuple[float, dict[str, torch.Tensor]]:
        x, y = vectors[t["pair_place"]].chunk(2)
        loss = contrastive_loss(x, y, t["pair_keys"])
        found = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
        return loss.item(), {n: g for n, g in zip(parameters, found, strict=True) if g is not None}

    hidden = tuned.network(
        input_ids=t["pair_ids"], attention_mask=t["pair_mask"], output_hidden_states=True
    ).hidden_states[layer]
    full = gradients((hidden * t["pair_weights"][:, :, None]).sum(1))
    with LayerCapture(tuned.model, [layer]) as capture:
        inputs = (t["pair_ids"], t["pair_mask"], t["pair_weights"])
        truncated = gradients(sentence_vectors(capture, *inputs))
        cached = gradients(sentence_vectors(capture, *inputs, cached=3))
    for other in (truncated, cached):
        assert other[0] == pytest.approx(full[0], abs=1e-5)
        assert set(other[1]) == set(full[1])
        assert all((other[1][n] - g).norm() <= 1e-5 * max(1, g.norm()) for n, g in full[1].items())
    # only the embeddings and the layers up to k are reached
    assert set(freeze_unreached(tuned, layer)) == set(full[1])
    blocks = {
        n.split(".")[i + 1] for n in full[1] for i, p in enumerate(n.split(".")[:-1]) if p in ("layers", "h")
    }
    assert blocks == {str(block) for block in range(layer)}


def test_pairs_are_drawn_from_the_pivot_or_from_all() -> None:
    assert len(draw_pairs(4, range(10))) == 30
    assert len(draw_pairs(4, range(10), pairing="all")) == 60
    assert pivot_first(["deu", "ara", "eng"]) == ("eng", "deu", "ara")


def test_shuffled_pairs_keep_no_translation_and_lose_no_sentence() -> None:
    pairs = draw_pairs(3, range(20))
    shuffled = shuffle_pairs(pairs, seed=1)
    assert (shuffled[:, 1] != shuffled[:, 3]).all()
    assert (shuffled[:, :3] == pairs[:, :3]).all()
    for language in (1, 2):
        assert sorted(shuffled[shuffled[:, 2] == language, 3]) == list(range(20))
    assert (shuffle_pairs(pairs, seed=1) == shuffled).all()
    assert (shuffle_pairs(pairs, seed=2) != shuffled).any()


def test_the_sample_is_a_source_of_pairs() -> None:
    corpus = open_pairs("sample", languages=["eng", "deu"])
    assert corpus.languages == ("eng", "deu")
    assert len(corpus) > 50
