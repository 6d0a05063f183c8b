"""Do translations find each other? MEXA and retrieval accuracy of parallel sentences.

For n parallel sentences with pivot vectors ``e_i`` and vectors ``l_j`` of another language, let
``C_ij = cos(e_i, l_j)``.

- **MEXA** (Kargaran et al. 2024): the share of i with ``C_ii`` above every ``C_ij`` and every ``C_ji``,
  j != i. Chance is 1/(2n-1).
- **Retrieval** from the pivot: the share of i whose nearest ``l_j`` is ``l_i``. Chance is 1/n.

Both fall as n grows, so n belongs to the number. ``centred`` takes the mean of each language away first: a
constant offset between languages alone takes MEXA from .79 to .003 and centring restores it (METHODS.md
section 5). A tie is not a hit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

BLOCK_BYTES = 256 << 20


@dataclass(frozen=True)
class Hits:
    """For each language and sentence: is it a hit? Means over sentences are the scores."""

    mexa: Bool[np.ndarray, "languages sentences"]
    from_pivot: Bool[np.ndarray, "languages sentences"]
    to_pivot: Bool[np.ndarray, "languages sentences"]


def retrieve(
    pivot: Float[np.ndarray, "sentences dim"],
    others: Float[np.ndarray, "languages sentences dim"],
    *,
    centred: bool = False,
    device: str | torch.device = "cpu",
) -> Hits:
    """Hits of MEXA and of retrieval in both directions, for every language against the pivot at once.

    The similarities of as many languages as fit in 256 MB are held at a time, in float32.
    """
    e = unit_rows(torch.as_tensor(np.asarray(pivot, np.float32), device=device), centred=centred)
    n = len(e)
    step = max(1, BLOCK_BYTES // (4 * n * n))
    parts = []
    for start in range(0, len(others), step):
        block = np.asarray(others[start : start + step], np.float32)
        ls = unit_rows(torch.as_tensor(block, device=device), centred=centred)
        C = e @ ls.mT  # (languages, n, n): C[l, i, j] = cos(e_i, l_j)
        true = C.diagonal(dim1=-2, dim2=-1).clone()  # (languages, n)
        C.diagonal(dim1=-2, dim2=-1).fill_(-torch.inf)
        parts.append((true > C.amax(2), true > C.amax(1)))  # nearest in its row, in its column
    row = torch.cat([part[0] for part in parts]).cpu().numpy()
    column = torch.cat([part[1] for part in parts]).cpu().numpy()
    return Hits(mexa=row & column, from_pivot=row, to_pivot=column)


def unit_rows(x: Float[Tensor, "*languages n dim"], *, centred: bool) -> Float[Tensor, "*languages n dim"]:
    """Rows of length 1, after taking each language's mean away where ``centred``."""
    if centred:
        x = x - x.mean(-2, keepdim=True)
    return torch.nn.functional.normalize(x, dim=-1)


def mexa_chance(n: int) -> float:
    """The share expected of vectors that know nothing of each other."""
    return 1 / (2 * n - 1)
