"""One pair of languages at one layer, concept by concept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from scipy.stats import spearmanr

from xviz.alignability.blocks import open_spaces
from xviz.alignability.heldout import images, shared_basis
from xviz.alignability.scores import dissimilarities
from xviz.alignability.spec import AlignSpec
from xviz.errors import InputError
from xviz.store import Store


@dataclass(frozen=True)
class PairView:
    """What the page of a pair shows.

    ``concepts``: one row a concept: ``concept, count_a, count_b, residual, nearest, hit`` (the image of a's
    concept among those of b under the rotation that was fitted without it: see
    :mod:`xviz.alignability.heldout`), ``residual_back, nearest_back, hit_back`` (from b to a) and ``rsa_row``
    (Spearman correlation of its distances to the other concepts in a and in b).

    ``a``, ``b``: both spaces in one map: a's prototypes after the rotation fitted on all concepts, and b's,
    on their shared basis (unit norm, centred), first principal axis first.
    """

    concepts: pd.DataFrame
    a: Float[np.ndarray, "concepts rank"]
    b: Float[np.ndarray, "concepts rank"]


def view_pair(spec: AlignSpec, store: Store, treebank_a: str, treebank_b: str, layer: int) -> PairView:
    """Concept by concept, from the sums in the store (no scores need to be there).

    Raises:
        InputError: the specification has no such pair or layer, or the pair shares too few concepts.
    """
    if layer not in spec.layers:
        raise InputError(
            f"Layer {layer} is not in this comparison; there are {', '.join(map(str, spec.layers))}."
        )
    names = [bank.name for bank in spec.treebanks]
    for name in (treebank_a, treebank_b):
        if name not in names:
            raise InputError(f"{name} is not in this comparison; there are {', '.join(names)}.")
    bare = spec.model_copy(update={"random_weights": 0})
    for block in open_spaces(bare, store):
        rows = {names[bank]: row for row, bank in enumerate(block.languages)}
        if treebank_a not in rows or treebank_b not in rows:
            continue
        together = {(int(i), int(j)) for i, j in zip(*block.pairs, strict=True)}
        i, j = rows[treebank_a], rows[treebank_b]
        if (i, j) in together or (j, i) in together:
            means = block.spaces.means()[spec.layers.index(layer)]
            counts = block.spaces.counts.sum(1)
            return view(block.spaces.names, means[i], means[j], counts[i], counts[j], rank=spec.rank)
    raise InputError(f"{treebank_a} and {treebank_b} share too few concepts.")


def view(
    names: tuple[str, ...],
    a: Float[torch.Tensor, "concepts dim"],
    b: Float[torch.Tensor, "concepts dim"],
    counts_a: np.ndarray,
    counts_b: np.ndarray,
    *,
    rank: int = 8,
) -> PairView:
    """The view of two spaces over the same concepts."""
    x, y = shared_basis(a, b, rank=rank)
    there, back = images(x, y), images(y, x)
    own_a, own_b = _square(dissimilarities(a)), _square(dissimilarities(b))
    rows = []
    for k, name in enumerate(names):
        others = np.delete(np.arange(len(names)), k)
        rows.append(
            {
                "concept": name,
                "count_a": int(counts_a[k]),
                "count_b": int(counts_b[k]),
                "residual": there.residual[k].item(),
                "nearest": names[int(there.nearest[k])],
                "hit": bool(there.hits[k]),
                "residual_back": back.residual[k].item(),
                "nearest_back": names[int(back.nearest[k])],
                "hit_back": bool(back.hits[k]),
                "rsa_row": float(spearmanr(own_a[k, others], own_b[k, others]).statistic),
            }
        )
    u, _, vh = torch.linalg.svd(x.mT @ y)
    turned = x @ u @ vh
    return PairView(pd.DataFrame(rows), turned.flip(-1).cpu().numpy(), y.flip(-1).cpu().numpy())


def _square(triangle: torch.Tensor) -> np.ndarray:
    from scipy.spatial.distance import squareform

    return squareform(triangle.cpu().numpy())
