"""Held-out concepts: does a rotation fitted on the other concepts carry this one to its counterpart?

For two languages with prototypes ``a_1..a_K`` and ``b_1..b_K`` in one network (our definition, METHODS.md
section 3; robust to K < d, where a rotation fitted on all concepts would always fit):

1. Both are centred, scaled to unit norm, and written in a **shared basis**: the first r <= min(8, K - 2)
   principal axes of the 2K centred prototypes together. Which concept matches which plays no part in it.
2. For every k, the rotation R_k that best maps the other concepts of a (centred on their mean) onto their
   counterparts in b (orthogonal Procrustes, Schoenemann 1966).
3. The **image** of the left-out concept is ``(a_k - mean_a) R_k + mean_b`` with the means of the others. It
   is a *hit* where ``b_k`` is nearer to it than every other concept of b.

The score of a pair is the share of hits in both directions; by chance it is about 1/K. By concept
(:mod:`xviz.alignability.pair`): the residual ``||image_k - b_k|| / ||b_k - mean_b||`` (0: carried exactly;
about 1 or more: the mean of the language would have served as well) and the nearest concept of b.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from xviz.alignability.permutation import _threads
from xviz.errors import InputError

RANK = 8
BLOCK_BYTES = 64 << 20


@dataclass(frozen=True)
class Images:
    """Where held-out concepts of a fall among the concepts of b.

    ``distances[..., k, j]``: from the image of a's concept k to b's concept j, in the shared basis, spaces of
    unit norm; ``residual[..., k]``: see the module.
    """

    distances: Float[Tensor, "*stack concepts concepts"]
    residual: Float[Tensor, "*stack concepts"]

    @property
    def nearest(self) -> Int[Tensor, "*stack concepts"]:
        return self.distances.argmin(-1)

    @property
    def hits(self) -> Bool[Tensor, "*stack concepts"]:
        own = torch.arange(self.distances.shape[-1], device=self.distances.device)
        return self.nearest == own


def shared_basis(
    a: Float[Tensor, "*stack concepts dim"], b: Float[Tensor, "*stack concepts dim"], *, rank: int = RANK
) -> tuple[Float[Tensor, "*stack concepts rank"], Float[Tensor, "*stack concepts rank"]]:
    """Both spaces, centred and of unit norm, on the first principal axes of the two together.

    Raises:
        InputError: fewer than 3 concepts, or spaces of different width (of different networks).
    """
    if a.shape[-2] < 3:
        raise InputError(f"Leaving a concept out needs at least 3 shared concepts; there are {a.shape[-2]}.")
    if a.shape[-1] != b.shape[-1]:
        raise InputError(
            f"Held-out concepts share a basis, so both spaces must be of one network; their widths are "
            f"{a.shape[-1]} and {b.shape[-1]}."
        )
    x, y = _unit(a), _unit(b)
    both = torch.cat([x, y], -2)  # (*stack, 2K, dim)
    concepts, rank = a.shape[-2], min(rank, a.shape[-2] - 2, a.shape[-1])
    if both.shape[-1] <= both.shape[-2]:
        _, axes = torch.linalg.eigh(both.mT @ both)
        scores = both @ axes[..., -rank:]
    else:  # the same scores from 2K x 2K products
        values, vectors = torch.linalg.eigh(both @ both.mT)
        scores = vectors[..., -rank:] * values[..., None, -rank:].clamp_min(0).sqrt()
    return scores[..., :concepts, :], scores[..., concepts:, :]


def images(a: Float[Tensor, "*stack concepts rank"], b: Float[Tensor, "*stack concepts rank"]) -> Images:
    """Held-out images of all concepts of ``a`` in ``b`` (both centred, in a shared basis)."""
    return _images(a, b, _rotations(a, b, fast=False))


def _rotations(
    a: Float[Tensor, "*stack concepts rank"], b: Float[Tensor, "*stack concepts rank"], *, fast: bool
) -> Float[Tensor, "*stack concepts rank rank"]:
    """R_k for every k: the orthogonal factor of the cross product of the other concepts.

    Leaving concept k out of centred spaces takes ``K/(K-1) a_k b_k^T`` from their cross product, so all K
    come from one product. ``fast`` takes them from eigenvectors of ``M^T M``: half the time, right to about
    1e-6, which is enough for a null distribution.
    """
    grow = a.shape[-2] / (a.shape[-2] - 1)
    cross = (a.mT @ b)[..., None, :, :] - grow * a[..., :, None] * b[..., None, :]  # (*stack, K, r, r)
    if fast:
        values, v = torch.linalg.eigh(cross.mT @ cross)
        floor = 1e-20 * values[..., -1:].clamp_min(1e-300)
        return (cross @ v * values.clamp_min(floor).rsqrt()[..., None, :]) @ v.mT
    u, _, vh = torch.linalg.svd(cross)
    return u @ vh


def _images(
    a: Float[Tensor, "*stack concepts rank"],
    b: Float[Tensor, "*stack concepts rank"],
    rotations: Float[Tensor, "*stack concepts rank rank"],
) -> Images:
    """The means of the others are ``-a_k/(K-1)`` and ``-b_k/(K-1)``, since both spaces are centred."""
    grow = a.shape[-2] / (a.shape[-2] - 1)
    image = (grow * a[..., None, :] @ rotations)[..., 0, :] - b / (a.shape[-2] - 1)
    distances = torch.cdist(image, b, compute_mode="donot_use_mm_for_euclid_dist")
    own = distances.diagonal(dim1=-2, dim2=-1)
    return Images(distances, own / (grow * b.norm(dim=-1)))


def retrieval(
    a: Float[Tensor, "*stack concepts rank"], b: Float[Tensor, "*stack concepts rank"], *, fast: bool = False
) -> Float[Tensor, "*stack"]:
    """Share of concepts that are hits, a to b and b to a, in blocks among the threads at hand.

    The way back takes the transposed rotations. ``fast``: for null distributions.
    """
    stack, left, right = a.shape[:-2], a.flatten(0, -3), b.flatten(0, -3)
    out = torch.empty(len(left), dtype=torch.float64, device=a.device)
    step = max(1, BLOCK_BYTES // (8 * 4 * left.shape[-2] * left.shape[-1] ** 2))

    def block(start: int) -> None:
        part = slice(start, start + step)
        x, y = left[part], right[part]
        rotations = _rotations(x, y, fast=fast)
        there, back = _images(x, y, rotations), _images(y, x, rotations.mT)
        out[part] = torch.cat([there.hits, back.hits], -1).double().mean(-1)

    with ThreadPoolExecutor(max_workers=_threads(a)) as pool:
        list(pool.map(block, range(0, len(left), step)))
    return out.reshape(stack)


def retrieval_null(
    a: Float[Tensor, "*stack concepts rank"],
    b: Float[Tensor, "*stack concepts rank"],
    renamings: Int[np.ndarray, "count concepts"],
) -> Float[Tensor, "count *stack"]:
    """:func:`retrieval` under each renaming of the concepts of ``b``; the shared basis does not change."""
    parts = [
        retrieval(a, b[..., torch.from_numpy(renaming).to(b.device), :], fast=True) for renaming in renamings
    ]
    return torch.stack(parts)


def _unit(x: Float[Tensor, "*stack concepts dim"]) -> Float[Tensor, "*stack concepts dim"]:
    x = x.double() - x.double().mean(-2, keepdim=True)
    return x / x.flatten(-2).norm(dim=-1)[..., None, None]
