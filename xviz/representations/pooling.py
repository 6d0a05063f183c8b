"""Subwords to words and to sentences, on the device, for a whole batch at once.

Word vectors: the hidden state of the ``first`` or ``last`` piece of a word, or the ``mean`` over its pieces.
Sentence vectors, over the pieces t = 1..n of a sentence that are no special tokens (BOS, CLS, SEP, padding):

- ``mean``: (1/n) sum_t h_t
- ``weighted``: sum_t t h_t / sum_t t (position-weighted; Muennighoff 2022, used by MEXA)
- ``last``: h_n
- ``cls``: the first special token (encoders only)

Nothing depends on the padding, hence not on its side or on the other sentences of the batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

HALF_LARGEST = 65504.0
HALF_SMALLEST_NORMAL = 2.0**-14


@dataclass(frozen=True)
class Selection:
    """One position a vector: ``places`` are rows of the batch's hidden states laid end to end."""

    places: Int[Tensor, " vectors"]

    def pool(self, hidden: Float[Tensor, "positions dim"]) -> Float[Tensor, "vectors dim"]:
        return hidden.index_select(0, self.places)


@dataclass(frozen=True)
class WeightedSum:
    """Several positions a vector: those from ``bounds[v]`` on, up to the next vector's, times ``weights``."""

    places: Int[Tensor, " members"]
    bounds: Int[Tensor, " vectors"]
    weights: Float[Tensor, " members"]

    def pool(self, hidden: Float[Tensor, "positions dim"]) -> Float[Tensor, "vectors dim"]:
        hidden = hidden.float()  # sums in fp32 whatever the network computes in
        if hidden.device.type == "mps":  # which has no embedding_bag
            counts = torch.diff(self.bounds, append=self.bounds.new_tensor([len(self.places)]))
            owner = torch.repeat_interleave(torch.arange(len(counts), device=hidden.device), counts)
            rows = hidden.index_select(0, self.places) * self.weights[:, None]
            return hidden.new_zeros(len(counts), hidden.shape[1]).index_add_(0, owner, rows)
        return torch.nn.functional.embedding_bag(
            self.places, hidden, self.bounds, mode="sum", per_sample_weights=self.weights
        )


Pooling = Selection | WeightedSum


def fits_half(vectors: Float[Tensor, "vectors dim"]) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """What decides whether fp16 keeps these vectors: (largest component, smallest root mean square).

    See :func:`half_keeps`; both are left on the device, so that asking does not wait for it.
    """
    largest = vectors.abs().amax()
    smallest = torch.linalg.vector_norm(vectors, dim=1, dtype=torch.float32).amin()
    return largest.float(), smallest / vectors.shape[1] ** 0.5


def half_keeps(largest: float, smallest: float) -> bool:
    """Whether every vector survives fp16 with a relative error (in the norm) below 1e-3.

    Half precision rounds normal numbers with a relative error of at most 2^-11 = 4.9e-4, and those below
    2^-14 with an absolute one of at most 2^-25. So ‖v − fp16(v)‖ <= 2^-11 ‖v‖ + 2^-25 √d, which is below
    1e-3 ‖v‖ where the root mean square of v is at least 2^-14 and nothing exceeds 65504. The rule looks at
    each vector alone, so the answer for a layer depends on no batch.
    """
    return largest <= HALF_LARGEST and smallest >= HALF_SMALLEST_NORMAL
