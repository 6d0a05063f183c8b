"""How a layer's vectors fill their space, and what may be done about it before languages are compared.

- **Top share**: with ``e_j = mean_i x_ij^2`` the energy of dimension j, the sum of the three largest e_j over
  the sum of all. Near 1 a few "rogue" dimensions decide every distance (Timkey & van Schijndel 2021).
- **Effective rank** (Roy & Vetterli 2007): ``exp(-sum_j p_j ln p_j)`` with ``p_j = l_j / sum l``, here of the
  eigenvalues l_j of the covariance of the vectors (their paper takes singular values of a matrix).
- **Normalisation**: centre, z-score each dimension, drop the first k principal components (Mu & Viswanath
  2018), in this order; fitted on one set of vectors, applied to any.

Sums run over blocks in fp64, so vectors may stay memory-mapped in fp16.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped

from xviz.errors import InputError

BLOCK = 4096
TOP = 3


@dataclass(frozen=True)
class Geometry:
    """Of ``n`` vectors: ``top_share`` (0 to 1) of the ``top_dimensions``, ``effective_rank`` (1 to dim)."""

    n: int
    top_share: float
    top_dimensions: tuple[int, ...]
    effective_rank: float
    mean_norm: float


def geometry(vectors: Shaped[np.ndarray, "vectors dim"]) -> Geometry:
    """The shape of a cloud of vectors.

    Raises:
        InputError: there are fewer than two vectors.
    """
    _enough(vectors)
    mean, second = _moments(vectors)
    energy = np.diag(second)
    total = energy.sum()
    largest = np.argsort(-energy, kind="stable")[:TOP]
    norms = [np.linalg.norm(block, axis=1).sum() for block in _blocks(vectors)]
    return Geometry(
        n=len(vectors),
        top_share=float(energy[largest].sum() / total) if total > 0 else 0.0,
        top_dimensions=tuple(int(j) for j in largest),
        effective_rank=effective_rank(second - np.outer(mean, mean)),
        mean_norm=float(sum(norms) / len(vectors)),
    )


def effective_rank(covariance: Float[np.ndarray, "dim dim"]) -> float:
    """``exp`` of the entropy of the normalised eigenvalues; 0 for a covariance of zeros."""
    eigenvalues = np.clip(np.linalg.eigvalsh(covariance), 0, None)
    total = eigenvalues.sum()
    if total <= 0:
        return 0.0
    shares = eigenvalues[eigenvalues > 0] / total
    return float(np.exp(-(shares * np.log(shares)).sum()))


@dataclass(frozen=True)
class Normalisation:
    """``x -> ((x − mean) / scale) (I − C^T C)``, C the principal components that are dropped."""

    mean: Float[np.ndarray, " dim"]
    scale: Float[np.ndarray, " dim"]
    components: Float[np.ndarray, "dropped dim"]

    def apply(self, vectors: Shaped[np.ndarray, "vectors dim"]) -> Float[np.ndarray, "vectors dim"]:
        """The normalised vectors, fp32."""
        rows = [self._block(block) for block in _blocks(vectors)]
        return np.concatenate([*rows, np.zeros((0, vectors.shape[1]), dtype=np.float32)])

    def _block(self, block: Float[np.ndarray, "block dim"]) -> Float[np.ndarray, "block dim"]:
        block = (block - self.mean) / self.scale
        return (block - (block @ self.components.T) @ self.components).astype(np.float32)


def fit_normalisation(
    vectors: Shaped[np.ndarray, "vectors dim"],
    *,
    centre: bool = True,
    z_score: bool = False,
    drop_components: int = 0,
) -> Normalisation:
    """Fit a normalisation; z-scoring and dropping components centre as well.

    Raises:
        InputError: fewer than two vectors, or as many components to drop as there are dimensions.
    """
    _enough(vectors)
    dim = vectors.shape[1]
    if not 0 <= drop_components < dim:
        raise InputError(f"{drop_components} components cannot be dropped from vectors of {dim} dimensions.")
    mean, second = _moments(vectors)
    covariance = second - np.outer(mean, mean)
    scale = np.ones(dim)
    if z_score:
        deviation = np.sqrt(np.clip(np.diag(covariance), 0, None))
        scale = np.where(deviation > 0, deviation, 1.0)
    components = np.zeros((0, dim))
    if drop_components:
        _, directions = np.linalg.eigh(covariance / np.outer(scale, scale))
        components = directions[:, ::-1][:, :drop_components].T
    if not (centre or z_score or drop_components):
        mean = np.zeros(dim)
    return Normalisation(mean, scale, components)


def _moments(
    vectors: Shaped[np.ndarray, "vectors dim"],
) -> tuple[Float[np.ndarray, " dim"], Float[np.ndarray, "dim dim"]]:
    """Mean and second moment ``X^T X / n``."""
    total, second = np.zeros(vectors.shape[1]), np.zeros((vectors.shape[1],) * 2)
    for block in _blocks(vectors):
        total += block.sum(axis=0)
        second += block.T @ block
    return total / len(vectors), second / len(vectors)


def _blocks(vectors: Shaped[np.ndarray, "vectors dim"]) -> Iterator[Float[np.ndarray, "block dim"]]:
    for begin in range(0, len(vectors), BLOCK):
        yield vectors[begin : begin + BLOCK].astype(np.float64)


def _enough(vectors: np.ndarray) -> None:
    if len(vectors) < 2:
        raise InputError(f"{len(vectors)} vectors are too few to say how they fill their space.")
