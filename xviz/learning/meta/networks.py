"""The map and what it is compared with: Φ, U and G of paper A, for several seeds at once.

::

    Φ(x) = LeakyReLU_0.2(x W1 + b1) W2 + b2         dropout between the two layers; d -> h -> r
    zero-shot:  p(k | x) = softmax_k( -||Φ(x) - c_k A U||^2 )          U   r x r, from the identity
    few-shot:   p(k | x) = softmax_k( -||Φ(x) G_l - c_k A||^2 )        G_l r x r of language l, likewise

``c_k A`` are the source's prototypes in the space of its probe, and stay fixed. Seeds are a leading axis of
every parameter, and a batched product serves them all; no number of one seed enters another.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from xviz.concepts.probe import scores

SLOPE = 0.2
WIDTHS = {"deprel": 384}
WIDTH = 256


class Phi(nn.Module):
    """Φ for several seeds: two layers, weights initialised as :class:`torch.nn.Linear` initialises them."""

    def __init__(self, dim: int, hidden: int, rank: int, seeds: Sequence[int]):
        super().__init__()
        drawn = [_initial(dim, hidden, rank, seed) for seed in seeds]
        self.W1, self.b1, self.W2, self.b2 = (
            nn.Parameter(torch.stack(parts)) for parts in zip(*drawn, strict=True)
        )

    @property
    def hidden(self) -> int:
        return self.W1.shape[-1]

    def forward(
        self,
        x: Float[Tensor, "seeds rows dim"],
        kept: Float[Tensor, "seeds rows hidden"] | None = None,
    ) -> Float[Tensor, "seeds rows rank"]:
        """``kept``: what dropout multiplies the hidden layer with (0, or 1 over the share that is kept)."""
        h = nn.functional.leaky_relu(torch.baddbmm(self.b1, x, self.W1), SLOPE)
        if kept is not None:
            h = h * kept
        return torch.baddbmm(self.b2, h, self.W2)

    def hash(self) -> str:
        """SHA-256 of all weights: equal exactly where nothing was changed."""
        digest = hashlib.sha256()
        for name, weights in sorted(self.state_dict().items()):
            digest.update(name.encode() + weights.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()


def identities(rank: int, *shape: int) -> nn.Parameter:
    """U or G at the beginning: ``shape`` identity matrices."""
    return nn.Parameter(torch.eye(rank).expand(*shape, rank, rank).clone())


def zero_shot_logits(
    z: Float[Tensor, "seeds rows rank"], space: Float[Tensor, "concepts rank"], U: Float[Tensor, "seeds r r"]
) -> Float[Tensor, "seeds rows concepts"]:
    """``-||z - c_k A U||^2`` up to a constant of the row."""
    return scores(z, space @ U)


def few_shot_logits(
    z: Float[Tensor, "stack rows rank"], space: Float[Tensor, "concepts rank"], G: Float[Tensor, "stack r r"]
) -> Float[Tensor, "stack rows concepts"]:
    """``-||z G - c_k A||^2`` up to a constant of the row."""
    return scores(z @ G, space.expand(len(z), *space.shape))


def word_loss(
    logits: Float[Tensor, "stack rows concepts"],
    codes: Int[Tensor, "stack rows"],
    weight: Float[Tensor, "stack rows"],
) -> Float[Tensor, " stack"]:
    """``-sum_i weight_i log p(code_i | x_i)`` for each of a stack."""
    # padding has weight 0, and any code may stand there
    log_p = logits.log_softmax(-1).gather(-1, codes.clamp(min=0)[..., None])[..., 0]
    return -(weight * log_p).sum(-1)


class Dropout:
    """Dropout with random numbers of its own for each seed, whatever seeds are trained beside it."""

    def __init__(self, rate: float, seeds: Sequence[int]):
        self.rate = rate
        self._rngs = [np.random.Generator(np.random.SFC64([seed, 2])) for seed in seeds]

    def __call__(self, weight: Float[np.ndarray, "seeds episodes rows"], hidden: int) -> Tensor | None:
        """Factors ``[seeds, episodes * rows, hidden]``; random numbers are drawn for rows with weight."""
        if self.rate == 0:
            return None
        kept = np.zeros((len(weight), weight[0].size, hidden), np.float32)
        for s, rng in enumerate(self._rngs):
            rows = np.flatnonzero(weight[s].ravel())
            kept[s, rows] = rng.random((len(rows), hidden), dtype=np.float32) >= self.rate
        return torch.from_numpy(kept).div_(1 - self.rate)


def _initial(dim: int, hidden: int, rank: int, seed: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)

    def uniform(bound: float, *shape: int) -> Tensor:
        return torch.empty(*shape).uniform_(-bound, bound, generator=generator)

    first, second = 1 / math.sqrt(dim), 1 / math.sqrt(hidden)
    return [
        uniform(first, dim, hidden),
        uniform(first, 1, hidden),
        uniform(second, hidden, rank),
        uniform(second, 1, rank),
    ]
