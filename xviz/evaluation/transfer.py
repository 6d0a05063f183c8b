"""Zero-shot transfer without learning: do the words of other languages fall nearest to English prototypes?

``direct``: a word of the target language gets the concept of the nearest source prototype. ``probe``: the
same through the source's prototype probe (paper A, section 2 of METHODS). In both, each language is
standardised by its own mean and standard deviation, which needs its unlabelled text alone. Concepts that the
source lacks count as errors (``unseen_wrong``, paper A) or are left out (``unseen_left_out``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from xviz.concepts.probe import Probe, scores, wilson
from xviz.concepts.prototypes import prototypes
from xviz.evaluation.intervals import by_sentence, ratio_interval

UNANNOTATED = -2


def standardise(vectors: Float[np.ndarray, "rows dim"]) -> Float[np.ndarray, "rows dim"]:
    """Each dimension with mean 0 and standard deviation 1 (left alone where it is constant)."""
    x = np.asarray(vectors, np.float32)
    scale = x.std(0, dtype=np.float64)
    mean = x.mean(0, dtype=np.float64)
    return ((x - mean) / np.where(scale > 1e-8, scale, 1)).astype(np.float32)


@dataclass(frozen=True)
class Source:
    """Prototypes of the source language in its standardised space, and its probe where there is one."""

    names: tuple[str, ...]
    prototypes: Float[np.ndarray, "concepts dim"]
    probe: Probe | None = None

    @classmethod
    def of(
        cls,
        vectors: Float[np.ndarray, "rows dim"],
        codes: Int[np.ndarray, " rows"],
        names: tuple[str, ...],
        probe: Probe | None = None,
    ) -> Source:
        means, _ = prototypes(standardise(vectors), codes, len(names))
        return cls(names, means.astype(np.float32), probe)

    def predict(self, target: Float[np.ndarray, "rows dim"]) -> Mapping[str, Int[np.ndarray, " rows"]]:
        """Predictions of each method for words of another language."""
        z = torch.from_numpy(standardise(target))
        guesses = {"direct": _nearest(z, self.prototypes)}
        if self.probe is not None:
            A = torch.from_numpy(self.probe.A)
            guesses["probe"] = _nearest(z @ A, self.probe.space)
        return guesses


def accuracy_rows(
    guesses: Mapping[str, Int[np.ndarray, " rows"]],
    codes: Int[np.ndarray, " rows"],
    *,
    sentence: Int[np.ndarray, " rows"] | None = None,
    seed: int = 0,
) -> list[dict[str, object]]:
    """Rows method, convention, accuracy, n, low, high.

    Args:
        codes: index the source's concepts; -1 is a concept that the source lacks, -2 no annotation.
        sentence: of each row. With it the interval (95 %) is a bootstrap over sentences with ``seed``, else
            Wilson's over words, which is too narrow where the words of a sentence stand or fall together.
    """
    rows: list[dict[str, object]] = []
    groups = int(sentence.max(initial=-1)) + 1 if sentence is not None else 0
    for convention, counted in (("unseen_wrong", codes != UNANNOTATED), ("unseen_left_out", codes >= 0)):
        n = int(counted.sum())
        for method, guess in guesses.items():
            right = counted & (guess == codes)
            hits = int(right.sum())
            if sentence is None:
                low, high = wilson(hits, n)
            else:
                whole = by_sentence(counted, sentence, groups)
                here = whole > 0
                low, high = ratio_interval(by_sentence(right, sentence, groups)[here], whole[here], seed=seed)
            accuracy = hits / n if n else float("nan")
            row = {"method": method, "convention": convention, "accuracy": accuracy}
            rows.append(row | {"n": n, "low": low, "high": high})
    return rows


def _nearest(z: Float[torch.Tensor, "rows dim"], places: np.ndarray) -> Int[np.ndarray, " rows"]:
    logits = scores(z[None], torch.from_numpy(np.nan_to_num(places, nan=0.0))[None])[0]
    logits[:, np.isnan(places).any(1)] = -torch.inf  # a concept without a word in the source
    return logits.argmax(-1).numpy()
