"""Prototypes: the mean vector of each concept (paper A, section 2 of METHODS)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float, Int

BLOCK_ROWS = 65536


@dataclass(frozen=True)
class ConceptSpace:
    """The concept space of one language at one layer.

    Attributes:
        prototypes: one row a concept; ``c_k`` of paper A in a raw space, ``c_k A`` in a probe space.
        counts: words (or relations) that each prototype is the mean of.
        names: of the concepts.
        facts: what stands beside the space (see :func:`xviz.concepts.space.compute_space`).
    """

    names: tuple[str, ...]
    prototypes: Float[np.ndarray, "concepts dim"]
    counts: Int[np.ndarray, " concepts"]
    model: str
    treebank: str
    language: str
    split: str
    layer: int
    space: str
    concept_kind: str
    facts: dict[str, Any] = field(default_factory=dict)

    def table(self):
        """Tidy table, one row a concept, with the columns that DESIGN.md gives for a space."""
        import pandas as pd

        return pd.DataFrame(
            {
                "model": self.model,
                "treebank": self.treebank,
                "language": self.language,
                "split": self.split,
                "layer": np.int32(self.layer),
                "space": self.space,
                "concept_kind": self.concept_kind,
                "concept": list(self.names),
                "count": self.counts.astype(np.int64),
                "vector": list(self.prototypes.astype(np.float32)),
            }
        )


def prototypes(
    vectors: Float[np.ndarray, "rows dim"], codes: Int[np.ndarray, " rows"], concepts: int
) -> tuple[Float[np.ndarray, "concepts dim"], Int[np.ndarray, " concepts"]]:
    """Mean vector and count of each concept; NaN for a concept without rows.

    Rows with code -1 belong to no concept. Sums are in float64 over blocks of rows, so that vectors may be
    memory-mapped half precision of any length.
    """
    sums = np.zeros((concepts, vectors.shape[1]))
    counts = np.bincount(codes[codes >= 0], minlength=concepts)
    for start in range(0, len(vectors), BLOCK_ROWS):
        block = codes[start : start + BLOCK_ROWS]
        rows = np.flatnonzero(block >= 0)
        if len(rows) == 0:
            continue
        # One-hot product: a matrix product is faster than np.add.at and keeps the order of addition fixed.
        members = np.zeros((concepts, len(rows)))
        members[block[rows], np.arange(len(rows))] = 1.0
        sums += members @ vectors[start : start + BLOCK_ROWS][rows].astype(np.float64)
    with np.errstate(invalid="ignore"):
        return sums / np.where(counts, counts, np.nan)[:, None], counts
