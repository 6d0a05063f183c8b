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

    With P the weights of word types in prototypes and Q those of single words (rows sum to 1; for relations
    ``h_head - h_dependent`` to 0), ``overlap`` is ``P P^T`` and ``tokens`` is ``Q Q^T``. Where the units are
    words, ``overlap[k, l]`` is the probability that a word of concept k and one of concept l are the same
    type, and ``tokens`` is ``diag(1/n)``.
    """

    overlap: Float[np.ndarray, "concepts concepts"]
    tokens: Float[np.ndarray, "concepts concepts"]
    counts: Int[np.ndarray, " concepts"]

    def squared_differences(self) -> Float[np.ndarray, "concepts concepts"]:
        """``||p_k - p_l||^2``."""
        return _squared(self.overlap)

    def sampling(self) -> Float[np.ndarray, "concepts concepts"]:
        """``1/n_k + 1/n_l`` (words), ``||q_k - q_l||^2`` in general; 0 on the diagonal."""
        return _squared(self.tokens)

    def covariance(self, noise: float) -> Float[np.ndarray, "concepts concepts"]:
        """Of prototypes whose types and tokens are random: ``(1 - noise) P P^T + noise Q Q^T``."""
        return (1 - noise) * self.overlap + noise * self.tokens

    def aggregated(self, weights: Float[np.ndarray, "merged concepts"]) -> TypeCounts:
        """Of prototypes that are sums of these, ``weights`` of their *sums*: each row is divided by its n."""
        counts = weights @ self.counts
        w = weights * self.counts / counts[:, None]
        return TypeCounts(w @ self.overlap @ w.T, w @ self.tokens @ w.T, counts.astype(np.int64))


def _squared(gram: Float[np.ndarray, "n n"]) -> Float[np.ndarray, "n n"]:
    own = np.diag(gram)
    return own[:, None] + own[None, :] - 2 * gram


def type_counts(forms: np.ndarray, codes: Int[np.ndarray, " rows"], concepts: int) -> TypeCounts:
    """Count word types by concept; rows with code -1 take no part. Every concept must occur."""
    from scipy.sparse import csr_array

    labelled = codes >= 0
    types, inverse = np.unique(forms[labelled].astype(str), return_inverse=True)
    counts = np.bincount(codes[labelled], minlength=concepts)
    shares = 1 / counts[codes[labelled]]
    p = csr_array((shares, (codes[labelled], inverse)), shape=(concepts, len(types)))
    return TypeCounts((p @ p.T).toarray(), np.diag(1 / counts), counts.astype(np.int64))


def noise_share(
    vectors: Float[np.ndarray, "rows dim"], forms: np.ndarray, *, rows: int = 20000, seed: int = 0
) -> float:
    """Share of the variance of real vectors that lies between tokens of one type: ``t^2 / (s^2 + t^2)``.

    A one-way analysis of variance with random types (unbiased mean squares), over at most ``rows`` rows drawn
    with ``seed``. 0 for vectors that the type determines.
    """
    from scipy.sparse import csr_array

    if len(vectors) > rows:
        drawn = np.sort(np.random.default_rng(seed).choice(len(vectors), rows, replace=False))
        vectors, forms = vectors[drawn], forms[drawn]
    x = np.asarray(vectors, np.float64)
    _, inverse, sizes = np.unique(forms.astype(str), return_inverse=True, return_counts=True)
    groups, n = len(sizes), len(x)
    if groups in (1, n):
        return 0.0
    x = x - x.mean(0)
    members = csr_array((np.ones(n), (inverse, np.arange(n))), shape=(groups, n))
    explained = (((members @ x) ** 2).sum(1) / sizes).sum()
    between = explained / (groups - 1)
    within = max(np.vdot(x, x) - explained, 0.0) / (n - groups)
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
    factor = torch.from_numpy(covariance_factor(corpus.covariance(noise)))
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(draws, len(corpus.counts), dim, generator=generator, dtype=torch.float64)
    return factor @ z


def covariance_factor(covariance: Float[np.ndarray, "n n"]) -> Float[np.ndarray, "n n"]:
    """A matrix L with ``L L^T = covariance`` (which may be singular)."""
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.clip(values, 0, None))


def adjust(squared: Float[Tensor, "*stack pairs"], corpus: TypeCounts) -> Float[Tensor, "*stack pairs"]:
    """Squared dissimilarities without what the corpus alone explains (least squares, with intercept)."""
    basis = torch.from_numpy(adjustment_basis(corpus)).to(squared)  # (pairs, 3)
    return squared - (squared @ basis) @ basis.T


def adjustment_basis(corpus: TypeCounts) -> Float[np.ndarray, "pairs 3"]:
    """Orthonormal columns that span what :func:`adjust` takes out."""
    i, j = np.triu_indices(len(corpus.counts), 1)
    columns = [np.ones(len(i)), corpus.squared_differences()[i, j], corpus.sampling()[i, j]]
    return np.linalg.qr(np.stack(columns, 1)).Q
