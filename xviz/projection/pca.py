"""Principal components: the map that is there at once, and whose axes mean something."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

WIDEST_COVARIANCE = 2048


@dataclass(frozen=True)
class Principal:
    """``points ≈ mean + scores @ axes``; ``shares`` are the shares of the total variance."""

    mean: Float[np.ndarray, " dim"]
    axes: Float[np.ndarray, "dims dim"]
    scores: Float[np.ndarray, "points dims"]
    shares: Float[np.ndarray, " dims"]

    def place(self, vectors: Float[np.ndarray, "rows dim"]) -> Float[np.ndarray, "rows dims"]:
        """Where other vectors (prototypes) lie on the map, exactly."""
        return (np.asarray(vectors, dtype=np.float64) - self.mean) @ self.axes.T


def principal_components(points: Float[np.ndarray, "points dim"], dims: int) -> Principal:
    """The first ``dims`` principal components, in double precision.

    The sign of an axis is arbitrary; here the loading that is largest in size is positive, so that the same
    points always give the same map.
    """
    from sklearn.decomposition import PCA

    x = np.asarray(points, dtype=np.float64)
    # Exact, and fastest while the covariance is small; ARPACK iterates to machine precision.
    solver = "covariance_eigh" if x.shape[1] <= WIDEST_COVARIANCE or min(x.shape) <= dims else "arpack"
    fitted = PCA(n_components=dims, svd_solver=solver, random_state=0).fit(x)
    axes = fitted.components_
    largest = np.abs(axes).argmax(axis=1)
    axes = axes * np.where(axes[np.arange(dims), largest] < 0, -1.0, 1.0)[:, None]
    return Principal(fitted.mean_, axes, (x - fitted.mean_) @ axes.T, fitted.explained_variance_ratio_)
