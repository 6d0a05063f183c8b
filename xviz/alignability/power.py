"""What these treebanks could show at all: the smallest effect that would be detected four times out of five.

Alignment is planted in vectors that otherwise know word types alone, with the real counts: each prototype is
``sqrt(1 - w)`` times a draw of the lexical null (its own in each language) plus ``sqrt(w)`` times a vector
shared by the languages, of the same mean square. For a growing share w, a pair counts as found where its
score is beyond the 95th percentile of the lexical null. Reported are the smallest w at which 80 % of draws
are found, and the mean score there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from xviz.alignability.measures import take_out
from xviz.alignability.scores import rsa, squared_distances
from xviz.alignability.spaces import Spaces

SHARES = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
POWER, LEVEL = 0.8, 0.05
VARIANTS = ("euclidean/spearman", "euclidean/spearman/adjusted")


def smallest_effect(
    spaces: Spaces, *, draws: int = 200, seed: int = 0, pairs: int = 10, shares: tuple[float, ...] = SHARES
) -> list[dict[str, Any]]:
    """For RSA and adjusted RSA at the middle layer, the median over some pairs of languages.

    Returns rows ``{variant, share, score, power, level, draws, pairs}``; ``share`` is None where nothing that
    was tried is detected often enough, and ``level`` is the rate of false alarms at w = 0.
    """
    middle = spaces.sums.shape[0] // 2
    languages = len(spaces.counts)
    layer = Spaces(
        spaces.names,
        spaces.sums[middle : middle + 1],
        spaces.counts,
        spaces.types,
        spaces.tokens,
        spaces.noise[middle : middle + 1],
    )
    i, j = np.triu_indices(languages, 1)
    if len(i) > pairs:
        some = np.random.default_rng(seed).choice(len(i), pairs, replace=False)
        i, j = i[some], j[some]
    null = torch.cat([drawn.whole[:, 0] for drawn in layer.lexical(draws, seed=seed + 1)])
    null_distances = squared_distances(null)
    del null
    own = torch.cat([drawn.whole[:, 0] for drawn in layer.lexical(draws, seed=seed + 2)])  # (draws, l, K, d)
    generator = torch.Generator().manual_seed(seed)
    shared = torch.randn(own[:, :1].shape, generator=generator, dtype=torch.float64).to(own.device)
    spread = (own - own.mean(-2, keepdim=True)).square().mean((-2, -1), keepdim=True).sqrt()
    parts = squared_distances(own), squared_distances(shared) * spread[..., 0].square()
    # ||sqrt(1-w) x + sqrt(w) y||^2 for every w, from the three that do not change
    both = squared_distances(own + spread * shared) - parts[0] - parts[1]
    basis = layer.adjustment()
    rows = []
    for variant in VARIANTS:
        if basis is None and variant.endswith("adjusted"):
            continue

        def score(squared: Tensor, adjusted: bool = variant.endswith("adjusted")) -> Tensor:
            triangles = take_out(squared, basis) if adjusted and basis is not None else squared
            return rsa(triangles, triangles)[..., i, j]  # (draws, pairs)

        threshold = torch.quantile(score(null_distances), 1 - LEVEL, dim=0)
        found: dict[float, tuple[float, float]] = {}
        for w in shares:
            mixed = score((1 - w) * parts[0] + w * parts[1] + (w * (1 - w)) ** 0.5 * both)
            power = (mixed > threshold).double().mean(0).median().item()
            found[w] = (power, mixed.mean(0).median().item())
        enough = [w for w in shares if found[w][0] >= POWER]
        least = min(enough) if enough else None
        rows.append(
            {
                "variant": variant,
                "share": least,
                "score": found[least][1] if least is not None else None,
                "power": found[least][0] if least is not None else None,
                "level": found[shares[0]][0],
                "draws": draws,
                "pairs": len(i),
            }
        )
    return rows
