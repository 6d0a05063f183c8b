"""What halves of the sentences tell: reliability, a layer chosen and tested apart, parallel content.

- **Reliability** of a space: the correlation of its triangles in two random halves of the sentences, the mean
  over some halvings, stepped up by Spearman-Brown.
- **Chosen layer**: a layer picked for its high score scores too high. It is picked on one half and its score
  and p are taken on the other.
- **Content**: treebanks that translate one another share their content as well as their structure. Language a
  on one half is compared with b on the same half, and with b on the other half; the difference is content.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from xviz.alignability.inference import benjamini_hochberg, spearman_brown
from xviz.alignability.measures import Measure, Pairs, TriangleMeasure
from xviz.alignability.permutation import p_value, permutations
from xviz.alignability.scores import rsa
from xviz.alignability.spaces import Spaces
from xviz.alignability.spec import AlignSpec

HALVINGS = 10
CHOOSING = "rsa"


def halvings(groups: int, *, seed: int, count: int = HALVINGS) -> list[Bool[np.ndarray, " groups"]]:
    """Random halves of the groups."""
    rng = np.random.default_rng([seed, groups, 2])
    return [rng.permuted(np.arange(groups)) < groups // 2 for _ in range(count)]


def reliability(spaces: Spaces, measure: TriangleMeasure, seed: int = 0) -> Float[Tensor, "layers languages"]:
    """Of each space under a triangle measure; halves in which a concept is missing are left out."""
    found = []
    for half in halvings(spaces.groups, seed=seed):
        a = measure.features(spaces.prototypes(half))[..., None, :]
        b = measure.features(spaces.prototypes(~half))[..., None, :]
        there = ~(a.isnan().any(-1) | b.isnan().any(-1)).squeeze(-1)
        r = rsa(a.nan_to_num(), b.nan_to_num(), measure.correlation)[..., 0, 0]
        found.append(torch.where(there, r, torch.nan))
    return spearman_brown(torch.nanmean(torch.stack(found), 0))


def chosen_layers(
    spaces: Spaces, pairs: Pairs, wanted: Sequence[TriangleMeasure], labels: pd.DataFrame, spec: AlignSpec
) -> pd.DataFrame:
    """For every pair and measure: the best layer on the even groups, its score and p on the odd ones."""
    even, odd = spaces.halves
    first, second = spaces.prototypes(even), spaces.prototypes(odd)
    one_layer = labels.iloc[: len(pairs[0])].drop(columns="layer").reset_index(drop=True)
    renamings = permutations(len(spaces.names), max(1, min(spec.permutations, 200)), seed=spec.seed + 1)
    tables = []
    for m in wanted:
        e = m.features(first)
        chosen_on = m.compare(e, e, pairs)  # (layers, pairs)
        best = chosen_on.argmax(0)
        f = m.features(second)
        score = m.compare(f, f, pairs).gather(0, best[None])[0]
        null = m.renamed(f, f, pairs, renamings)
        p = p_value(score, null.gather(1, best[None, None].expand(len(null), 1, -1))[:, 0])
        tables.append(
            one_layer.assign(
                metric=m.metric,
                variant=m.variant,
                layer=np.array(spec.layers, np.int32)[best.cpu().numpy()],
                score_choosing=chosen_on.amax(0).cpu().numpy(),
                score=score.cpu().numpy(),
                p=p.cpu().numpy(),
                p_adjusted=benjamini_hochberg(p).cpu().numpy(),
                n_permutations=np.int32(len(renamings)),
            )
        )
    return pd.concat(tables, ignore_index=True) if tables else one_layer.iloc[:0]


def content_check(
    spaces: Spaces, pairs: Pairs, wanted: Sequence[Measure], labels: pd.DataFrame, spec: AlignSpec
) -> pd.DataFrame:
    """Scores of a and b on the same half of the sentences (mean of both) and on different halves."""
    even, odd = spaces.halves
    first, second = spaces.prototypes(even), spaces.prototypes(odd)
    tables = []
    for m in wanted:
        if getattr(m, "what", "") == "crossvalidated":
            continue  # made of both halves already
        e, o = m.features(first), m.features(second)
        same = (m.compare(e, e, pairs) + m.compare(o, o, pairs)) / 2
        disjoint = (m.compare(e, o, pairs) + m.compare(o, e, pairs)) / 2
        tables.append(
            labels.assign(
                metric=m.metric,
                variant=m.variant,
                same=same.flatten().cpu().numpy(),
                disjoint=disjoint.flatten().cpu().numpy(),
                difference=(same - disjoint).flatten().cpu().numpy(),
                seed=np.int32(spec.seed),
            )
        )
    return pd.concat(tables, ignore_index=True)
