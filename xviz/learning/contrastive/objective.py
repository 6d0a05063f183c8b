"""Multilingual contrastive learning (MCL; Li et al., 2023; METHODS.md section 5).

For B translation pairs with sentence vectors x_i and y_i:

    L = -(1/B) sum_i log( exp(cos(x_i, y_i)/tau) / sum_j exp(cos(x_i, y_j)/tau) )

- **Sentence vector**: hidden layer k, pooled over the tokens that are no special ones (``last``, ``mean``,
  ``weighted`` by position, as in :mod:`xviz.representations.pooling`), so padding changes nothing.
- **Only the layers up to k are run**; loss and gradients are those of the full pass.
- **Negatives** are the other targets of the batch, over all processes. A target that repeats the text of the
  true one, or belongs to a source that repeats this one, is no negative and is masked.
- **Gradient caching** (Gao et al., 2021): the vectors of a large batch are computed in chunks whose
  activations are thrown away and computed again, chunk by chunk, for the gradient. Memory then grows with the
  chunk and not with the batch; loss and gradients stay the same.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.distributed.nn.functional import all_gather
from torch.nn.functional import cross_entropy, normalize, pad
from torch.utils.checkpoint import checkpoint

from xviz.learning.tuning.spec import TunedPooling
from xviz.representations.capture import LayerCapture


def pooling_weights(
    own: Bool[Tensor, "sentences length"], pooling: TunedPooling
) -> Float[Tensor, "sentences length"]:
    """What each position weighs in the sentence vector; rows sum to 1, ``own`` marks tokens that count."""
    place = own.cumsum(1) * own  # 1, 2, ... n over the tokens that count
    if pooling == "last":
        weights = (place == place.amax(1, keepdim=True)) & own
    elif pooling == "mean":
        weights = own
    else:
        weights = place
    return weights.float() / weights.sum(1, keepdim=True)


def sentence_vectors(
    capture: LayerCapture,
    ids: Int[Tensor, "sentences length"],
    mask: Int[Tensor, "sentences length"],
    weights: Float[Tensor, "sentences length"],
    *,
    cached: int | None = None,
) -> Float[Tensor, "sentences dim"]:
    """Pooled vectors of the layer that ``capture`` hands over, with gradients, running no layer above it.

    Args:
        capture: of the network and of one layer; entered, and not left before the gradient is taken.
        cached: sentences a chunk; None keeps all activations.
    """

    def encode(ids: Tensor, mask: Tensor, weights: Tensor) -> Tensor:
        caught: list[Tensor] = []
        capture.run(ids, mask, lambda _layer, hidden: caught.append(hidden))
        return (caught[0].float() * weights[:, :, None]).sum(1)

    if cached is None:
        return encode(ids, mask, weights)
    parts = []
    for chunk in zip(ids.split(cached), mask.split(cached), weights.split(cached), strict=True):
        kept = chunk[1].any(0)  # a chunk is as long as its longest sentence
        first, last = int(kept.nonzero()[0]), int(kept.nonzero()[-1]) + 1
        trimmed = [x[:, first:last] for x in chunk]
        if torch.is_grad_enabled():
            parts.append(checkpoint(encode, *trimmed, use_reentrant=False))
        else:
            parts.append(encode(*trimmed))
    return torch.cat(parts)


def contrastive_loss(
    x: Float[Tensor, "pairs dim"],
    y: Float[Tensor, "pairs dim"],
    keys: Int[Tensor, "2 pairs"] | None = None,
    *,
    temperature: float = 0.05,
    both: bool = False,
    alone: bool = False,
) -> Float[Tensor, ""]:
    """The mean loss of a batch in nats, gathered over processes where there are several.

    Args:
        keys: numbers that are equal where texts are (of sources, of targets); None: no text is repeated.
        both: the mean of the losses source to target and target to source.
        alone: gather nothing; every process has a loss of its own (each measures dev for itself).

    Each process returns its own pairs' share, scaled so that the mean over processes (as gradients are
    averaged) is the loss of one process with all pairs.
    """
    if keys is None:
        keys = torch.arange(x.shape[0], device=x.device).expand(2, -1)
    with torch.autocast(x.device.type, enabled=False):
        x, y = normalize(x.float(), dim=-1), normalize(y.float(), dim=-1)
        (all_x, all_y, all_keys), start, total, world = _gathered(x, y, keys, alone)
        true = torch.arange(start, start + len(x), device=x.device)
        same = (keys[0][:, None] == all_keys[0]) | (keys[1][:, None] == all_keys[1])
        same[torch.arange(len(x), device=x.device), true] = False

        def nll(queries: Tensor, answers: Tensor) -> Tensor:
            scores = (queries @ answers.T / temperature).masked_fill(same, -torch.inf)
            return cross_entropy(scores, true, reduction="sum")

        loss = (nll(x, all_y) + nll(y, all_x)) / 2 if both else nll(x, all_y)
        return loss * (world / total)


def _gathered(
    x: Float[Tensor, "pairs dim"], y: Float[Tensor, "pairs dim"], keys: Int[Tensor, "2 pairs"], alone: bool
) -> tuple[tuple[Tensor, Tensor, Tensor], int, int, int]:
    """Vectors and keys of all processes (gradients flow back), the first own row, all rows, processes."""
    if alone or not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return (x, y, keys), 0, len(x), 1
    world, rank = dist.get_world_size(), dist.get_rank()
    sizes = [torch.zeros((), dtype=torch.int64, device=x.device) for _ in range(world)]
    dist.all_gather(sizes, torch.tensor(len(x), device=x.device))
    counts = [int(size) for size in sizes]
    fill = max(counts) - len(x)  # processes may hold unequally many pairs

    def together(rows: Tensor) -> Tensor:
        parts = all_gather(pad(rows, (0, 0, 0, fill)).contiguous())
        return torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)])

    everyones = [torch.zeros(2, max(counts), dtype=keys.dtype, device=x.device) for _ in range(world)]
    dist.all_gather(everyones, pad(keys, (0, fill)).contiguous())
    all_keys = torch.cat([part[:, :count] for part, count in zip(everyones, counts, strict=True)], dim=1)
    return (together(x), together(y), all_keys), sum(counts[:rank]), sum(counts), world
