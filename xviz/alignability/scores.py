"""How alike are two concept spaces over the same K concepts? RSA, Procrustes, debiased linear CKA.

All scores are computed for stacks of spaces at once, in float64. Raw values mislead: independent Gaussian
spaces reach a Procrustes fit of .75 at K = 17, d = 32 (METHODS.md section 3), so none of these is shown
without its nulls.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from scipy.stats import rankdata
from torch import Tensor

from xviz.errors import InputError

Dissimilarity = Literal["euclidean", "cosine", "correlation"]
Correlation = Literal["spearman", "pearson", "kendall"]


def dissimilarities(
    spaces: Float[Tensor, "*stack concepts dim"], metric: Dissimilarity = "euclidean"
) -> Float[Tensor, "*stack pairs"]:
    """Dissimilarity of every two concepts: the upper triangle, row by row, K(K-1)/2 long.

    As ``scipy.spatial.distance.pdist``: euclidean distance, 1 - cosine, 1 - Pearson correlation. Distances
    are taken from Gram matrices of centred spaces, which keeps a batch in one matrix product.
    """
    if metric == "euclidean":
        return squared_distances(spaces).sqrt()
    x = _enough(spaces).double()
    if metric == "correlation":
        x = x - x.mean(-1, keepdim=True)
    x = torch.nn.functional.normalize(x, dim=-1)
    row, column = torch.triu_indices(x.shape[-2], x.shape[-2], offset=1)
    return (1 - x @ x.mT)[..., row, column]


def squared_distances(spaces: Float[Tensor, "*stack concepts dim"]) -> Float[Tensor, "*stack pairs"]:
    """Squared euclidean distance of every two concepts, in the order of :func:`dissimilarities`."""
    x = _enough(spaces).double()
    x = x - x.mean(-2, keepdim=True)
    gram = x @ x.mT
    own = gram.diagonal(dim1=-2, dim2=-1)
    row, column = torch.triu_indices(x.shape[-2], x.shape[-2], offset=1)
    return (own[..., row] + own[..., column] - 2 * gram[..., row, column]).clamp_min(0)


def _enough(spaces: Float[Tensor, "*stack concepts dim"]) -> Float[Tensor, "*stack concepts dim"]:
    if spaces.shape[-2] < 3:
        raise InputError(f"Comparing spaces needs at least 3 shared concepts; there are {spaces.shape[-2]}.")
    return spaces


def crossvalidated(
    a: Float[Tensor, "*stack concepts dim"], b: Float[Tensor, "*stack concepts dim"]
) -> Float[Tensor, "*stack pairs"]:
    """Squared euclidean distances from two halves of the data: ``(a_k - a_l) . (b_k - b_l)``.

    Where the errors of the halves are independent, its expectation is the distance of the true prototypes
    (Walther et al. 2016; as "crossnobis" without whitening): the noise that ``1/n_k`` puts into distances is
    not in it. May be negative.
    """
    x = a.double() - a.double().mean(-2, keepdim=True)
    y = b.double() - b.double().mean(-2, keepdim=True)
    gram = x @ y.mT
    gram = (gram + gram.mT) / 2
    own = gram.diagonal(dim1=-2, dim2=-1)
    row, column = torch.triu_indices(gram.shape[-1], gram.shape[-1], offset=1)
    return own[..., row] + own[..., column] - 2 * gram[..., row, column]


def rsa(
    a: Float[Tensor, "*stack languages_a pairs"],
    b: Float[Tensor, "*stack languages_b pairs"],
    correlation: Correlation = "spearman",
) -> Float[Tensor, "*stack languages_a languages_b"]:
    """Representational similarity analysis: correlation of every triangle of ``a`` with every one of ``b``.

    Kriegeskorte et al. (2008). Spearman with mean ranks for ties; Kendall's tau-b. Equal to ``scipy.stats``.
    """
    return _direction(a, correlation) @ _direction(b, correlation).mT


def _direction(triangles: Float[Tensor, "*n pairs"], correlation: Correlation) -> Float[Tensor, "*n width"]:
    """The unit vector whose scalar products are the correlations."""
    x = triangles.double()
    if correlation == "kendall":  # tau-b is the cosine of the signs of all differences
        i, j = torch.triu_indices(x.shape[-1], x.shape[-1], offset=1)
        x = (x[..., i] - x[..., j]).sign()
    else:
        if correlation == "spearman":
            x = torch.from_numpy(np.asarray(rankdata(x.cpu().numpy(), axis=-1))).to(x.device)
        x = x - x.mean(-1, keepdim=True)
    return torch.nn.functional.normalize(x, dim=-1)


def procrustes(
    a: Float[Tensor, "*stack concepts dim_a"], b: Float[Tensor, "*stack concepts dim_b"]
) -> Float[Tensor, "*stack"]:
    """Procrustes fit, 1 - disparity of ``scipy.spatial.procrustes`` (paper A).

    Both spaces are centred and scaled to unit Frobenius norm; with the best orthogonal map and scale the fit
    is the square of the nuclear norm of ``a^T b``. It is taken from K x K factors of the Gram matrices, so
    the width of the spaces does not matter, and they may have different widths.
    """
    product = factor(a).mT @ factor(b)  # (*stack, rank, rank), the singular values of a^T b
    return torch.linalg.svdvals(product).sum(-1).square()


def factor(x: Float[Tensor, "*stack concepts dim"]) -> Float[Tensor, "*stack concepts rank"]:
    """A centred space of unit norm: the same geometry in at most K - 1 dimensions.

    ``R^T`` of ``x^T = Q R``, half the time of singular vectors.
    """
    x = x.double()
    x = x - x.mean(-2, keepdim=True)
    x = x / x.flatten(-2).norm(dim=-1)[..., None, None]
    if x.shape[-1] < x.shape[-2]:
        return x
    triangular = torch.linalg.qr(x.mT, mode="r").R
    return triangular.mT[..., :-1].contiguous()  # centring took one dimension away


def cka(
    a: Float[Tensor, "*stack concepts dim_a"], b: Float[Tensor, "*stack concepts dim_b"]
) -> Float[Tensor, "*stack"]:
    """Debiased linear CKA over the K matched prototypes (Kornblith et al. 2019; unbiased HSIC of Song 2012).

    Around 0 for unrelated spaces whatever their width, 1 for equal ones. The unbiased HSIC is the scalar
    product of U-centred Gram matrices (Szekely & Rizzo 2014), so CKA is the correlation of their triangles.
    Needs at least 4 concepts.
    """
    x, y = centred_products(a), centred_products(b)
    return torch.nn.functional.cosine_similarity(x, y, dim=-1)


def centred_products(
    a: Float[Tensor, "*stack concepts dim"], b: Float[Tensor, "*stack concepts dim"] | None = None
) -> Float[Tensor, "*stack pairs"]:
    """Triangle of the U-centred matrix of scalar products of concepts; its mean is 0.

    With ``b``, another estimate of the same space, products are taken across the two (and made symmetric):
    where their errors are independent, no product holds an error times itself.

    Raises:
        InputError: fewer than 4 concepts.
    """
    concepts = a.shape[-2]
    if concepts < 4:
        raise InputError(f"Debiased CKA needs at least 4 shared concepts; there are {concepts}.")
    x = a.double() - a.double().mean(-2, keepdim=True)  # changes nothing, but keeps sums from cancelling
    y = x if b is None else b.double() - b.double().mean(-2, keepdim=True)
    gram = x @ y.mT
    if b is not None:
        gram = (gram + gram.mT) / 2
    gram = gram - torch.diag_embed(gram.diagonal(dim1=-2, dim2=-1))
    rows = gram.sum(-1) / (concepts - 2)
    total = gram.sum((-2, -1)) / ((concepts - 1) * (concepts - 2))
    row, column = torch.triu_indices(concepts, concepts, offset=1)
    return gram[..., row, column] - rows[..., row] - rows[..., column] + total[..., None]
