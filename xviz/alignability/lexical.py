"""What the words alone explain: the lexical null, and RSA adjusted for it.

Label permutation tests whether labels are exchangeable, and in a real corpus they are not, whatever the
network: closed classes have few word types, and that is so in every language. Vectors that know nothing of
concepts, an independent random vector for each word type, therefore pass the permutation test in every pair
(METHODS.md section 3). Two remedies:

- **Lexical null**: draw such vectors for the same corpora again and again, and ask whether the score of the
  network lies beyond what they reach.
- **Adjusted RSA**: take out of each language's squared dissimilarities what is linear in ``||p_k - p_l||^2``
  (``p_k``: distribution of word types within concept k) and in ``1/n_k + 1/n_l``, and correlate the rest.
  Both are exactly what the expected squared dissimilarity of such vectors is made of.

Drawing never needs the types: if types have independent vectors ``g_v ~ N(0, s^2 I)`` and tokens add noise
``N(0, t^2 I)``, the prototypes are Gaussian with covariance ``s^2 P P^T + t^2 diag(1/n)`` between concepts,
so K x K factors give exact draws.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class TypeCounts:
    """Word types of each concept in one corpus: all that the lexical null knows.

    ``overlap[k, l]`` is ``p_k . p_l``, the probability that a word of concept k and one of concept l are the
    same type; ``counts[k]`` the words of concept k.
    """

    overlap: Float[np.ndarray, "concepts concepts"]
    counts: Int[np.ndarray, " concepts"]

    def squared_differences(self) -> Float[np.ndarray, "concepts concepts"]:
        """``||p_k - p_l||^2``."""
        own = np.diag(self.overlap)
        return own[:, None] + own[None, :] - 2 * self.overlap

    def sampling(self) -> Float[np.ndarray, "concepts concepts"]:
        """``1/n_k + 1/n_l``."""
        inverse = 1 / self.counts
        return inverse[:, None] + inverse[None, :]


def type_counts(forms: np.ndarray, codes: Int[np.ndarray, " rows"], concepts: int) -> TypeCounts:
    """Count word types by concept; rows with code -1 take no part. Every concept must occur."""
    from scipy.sparse import coo_matrix

    labelled = codes >= 0
    types, inverse = np.unique(forms[labelled].astype(str), return_inverse=True)
    ones = np.ones(int(labelled.sum()))
    table = coo_matrix((ones, (codes[labelled], inverse)), shape=(concepts, len(types))).tocsr()
    counts = np.asarray(table.sum(1)).ravel()
    p = table.multiply(1 / counts[:, None]).tocsr()
    return TypeCounts((p @ p.T).toarray(), counts.astype(np.int64))


def noise_share(
    vectors: Float[np.ndarray, "rows dim"], forms: np.ndarray, *, rows: int = 20000, seed: int = 0
) -> float:
    """Share of the variance of real vectors that lies between tokens of one type: ``t^2 / (s^2 + t^2)``.

    A one-way analysis of variance with random types (unbiased mean squares), over at most ``rows`` rows drawn
    with ``seed``. 0 for vectors that the type determines.
    """
    if len(vectors) > rows:
        drawn = np.sort(np.random.default_rng(seed).choice(len(vectors), rows, replace=False))
        vectors, forms = vectors[drawn], forms[drawn]
    x = np.asarray(vectors, np.float64)
    _, inverse, sizes = np.unique(forms.astype(str), return_inverse=True, return_counts=True)
    groups, n = len(sizes), len(x)
    if groups in (1, n):
        return 0.0
    sums = np.zeros((groups, x.shape[1]))
    np.add.at(sums, inverse, x)
    means = sums / sizes[:, None]
    total = x.mean(0)
    between = (sizes * ((means - total) ** 2).sum(1)).sum() / (groups - 1)
    within = ((x - means[inverse]) ** 2).sum() / (n - groups)
    effective = (n - (sizes.astype(float) ** 2).sum() / n) / (groups - 1)
    types = max((between - within) / effective, 0.0)
    return float(within / (types + within)) if types + within > 0 else 0.0


def draw_prototypes(
    corpus: TypeCounts, *, draws: int, dim: int, noise: float, seed: int
) -> Float[Tensor, "draws concepts dim"]:
    """Prototypes of ``draws`` networks that know word types and nothing of concepts.

    Args:
        noise: share of variance between tokens of one type (see :func:`noise_share`).
    """
    covariance = (1 - noise) * corpus.overlap + noise * np.diag(1 / corpus.counts)
    values, vectors = np.linalg.eigh(covariance)
    factor = torch.from_numpy(vectors * np.sqrt(np.clip(values, 0, None)))  # (concepts, concepts)
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(draws, len(corpus.counts), dim, generator=generator, dtype=torch.float64)
    return factor @ z


def adjust(squared: Float[Tensor, "*stack pairs"], corpus: TypeCounts) -> Float[Tensor, "*stack pairs"]:
    """Squared dissimilarities without what the corpus alone explains (least squares, with intercept)."""
    i, j = np.triu_indices(len(corpus.counts), 1)
    columns = [np.ones(len(i)), corpus.squared_differences()[i, j], corpus.sampling()[i, j]]
    basis = torch.linalg.qr(torch.from_numpy(np.stack(columns, 1))).Q.to(squared)  # (pairs, 3)
    return squared - (squared @ basis) @ basis.T
