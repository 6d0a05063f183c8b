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

from xviz.alignability.measures import Prototypes, rsa_measure
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
    own = torch.cat([drawn.whole[:, 0] for drawn in layer.lexical(draws, seed=seed + 2)])  # (draws, l, K, d)
    generator = torch.Generator().manual_seed(seed)
    shared = torch.randn(own[:, :1].shape, generator=generator, dtype=torch.float64).to(own.device)
    spread = own - own.mean(-2, keepdim=True)
    shared = shared * spread.square().mean((-2, -1), keepdim=True).sqrt()
    basis = layer.adjustment()
    rows = []
    for variant in VARIANTS:
        if basis is None and variant.endswith("adjusted"):
            continue
        m = rsa_measure(variant)
        f = m.features(Prototypes(null, basis=basis))
        threshold = torch.quantile(m.compare(f, f, (i, j)), 1 - LEVEL, dim=0)
        found: dict[float, tuple[float, float]] = {}
        for w in shares:
            mixed = (1 - w) ** 0.5 * own + w**0.5 * shared
            f = m.features(Prototypes(mixed, basis=basis))
            score = m.compare(f, f, (i, j))  # (draws, pairs)
            power = (score > threshold).double().mean(0).median().item()
            found[w] = (power, score.mean(0).median().item())
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
