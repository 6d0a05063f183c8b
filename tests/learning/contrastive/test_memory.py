"""Gradient caching keeps the activations of a chunk, whatever the batch."""

from __future__ import annotations

import pytest
import torch

from tests.learning.tuning.conftest import decoders, one_thread  # noqa: F401
from xviz.learning.contrastive.objective import contrastive_loss, pooling_weights, sentence_vectors
from xviz.learning.tuning.networks import open_to_tune
from xviz.models.spec import ModelRef
from xviz.representations.capture import LayerCapture


def kept_for_the_gradient(capture: LayerCapture, sentences: int, cached: int | None) -> int:
    """Numbers that the graph of the vectors holds on to, the weights left out."""
    ids = torch.randint(4, 200, (sentences, 16), generator=torch.Generator().manual_seed(0))
    kept: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        if not isinstance(tensor, torch.nn.Parameter) and not tensor.is_leaf:
            kept[tensor.data_ptr()] = tensor.numel()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        mask = torch.ones_like(ids)
        x = sentence_vectors(capture, ids, mask, pooling_weights(mask.bool(), "last"), cached=cached)
    contrastive_loss(*x.chunk(2)).backward()
    return sum(kept.values())


def test_memory_does_not_grow_with_the_batch(decoders) -> None:  # noqa: F811
    tuned = open_to_tune(ModelRef(name=str(decoders("llama"))))
    with LayerCapture(tuned.model, [2]) as capture:
        plain = [kept_for_the_gradient(capture, n, None) for n in (8, 32)]
        cached = [kept_for_the_gradient(capture, n, 8) for n in (8, 32)]
    assert plain[1] == pytest.approx(4 * plain[0], rel=0.1)
    assert max(cached) < plain[0] / 10
