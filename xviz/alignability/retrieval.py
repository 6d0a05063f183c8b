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

TIE = 1e-12


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
    """Hits of MEXA and of retrieval in both directions, for every language against the pivot.

    One float32 matrix product a language, into the same n x n block, and the largest of its rows and columns.
    Rows in which these are too close for float32 to tell from the cosine of the translation are taken again
    in float64, where a difference under 1e-12 is a tie: rounding decides nothing.
    """
    first = torch.as_tensor(np.asarray(pivot, np.float32), device=device)
    e, n = unit_rows(first, centred=centred), len(first)
    C = torch.empty(n, n, device=first.device)  # C_ij = cos(e_i, l_j)
    row = torch.empty(len(others), n, dtype=torch.bool, device=first.device)
    column = torch.empty_like(row)
    for number, other in enumerate(others):
        second = torch.as_tensor(np.asarray(other, np.float32), device=first.device)
        ls = unit_rows(second, centred=centred)
        torch.mm(e, ls.T, out=C)
        true = C.diagonal().clone()
        C.fill_diagonal_(-torch.inf)
        row[number] = _above(true, C, first, second, centred)
        column[number] = _above(true, C.T, second, first, centred)
    return Hits(
        mexa=(row & column).cpu().numpy(), from_pivot=row.cpu().numpy(), to_pivot=column.cpu().numpy()
    )


def _above(
    true: Float[Tensor, " n"],
    C: Float[Tensor, "n n"],
    x: Float[Tensor, "n dim"],
    y: Float[Tensor, "n dim"],
    centred: bool,
) -> Bool[Tensor, " n"]:
    """Is the cosine of x_i and y_i above those of x_i and every other y_j (row i of C)?"""
    margin = true - C.amax(1)
    rounding = 8 * x.shape[1] ** 0.5 * 2.0**-24  # of a difference of two float32 scalar products
    above = margin > 0
    close = (margin.abs() <= rounding).nonzero()[:, 0]
    if not len(close):
        return above
    u, v = (unit_rows(each.double(), centred=centred) for each in (x, y))
    exact = u[close] @ v.T  # (close, n)
    own = exact.gather(1, close[:, None])
    exact.scatter_(1, close[:, None], -torch.inf)
    above[close] = own[:, 0] - exact.amax(1) > TIE
    return above


def unit_rows(x: Float[Tensor, "*languages n dim"], *, centred: bool) -> Float[Tensor, "*languages n dim"]:
    """Rows of length 1, after taking each language's mean away where ``centred``.

    The mean is taken in float64 and away in two steps, so that a large mean leaves no rounding behind.
    """
    if centred:
        mean = x.mean(-2, keepdim=True, dtype=torch.float64)
        rounded = mean.to(x.dtype)
        x = (x - rounded) - (mean - rounded.double()).to(x.dtype)
    return torch.nn.functional.normalize(x, dim=-1)


def mexa_chance(n: int) -> float:
    """The share expected of vectors that know nothing of each other."""
    return 1 / (2 * n - 1)
