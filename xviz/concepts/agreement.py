"""Do words find their own concept in other languages? The one number of the first screen.

Of a word's k nearest words of *other* languages (euclidean, in the full space), what share has the word's own
concept? Words that are spelt alike are left out (names, loans and numerals would agree without any concept),
and so are punctuation, symbols and what is not annotated [ours]. Beside it stand

- chance: the share of the word's concept among all words that could have been its neighbours;
- an interval over sentences: the words of a sentence and of its translations rise and fall together, so the
  standard error is that of a ratio over clusters, ``sqrt(C / (C - 1) sum_c (sum_{i in c} (s_i - s))^2) / n``.
  Neighbours are kept as they are, so it speaks of other sentences among the same candidates.

Word types alone give a part of it (METHODS.md, section 3: closed classes are few words), so it is to be read
beside the same number of a network with random weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from xviz.errors import InputError

NO_CONCEPTS = ("PUNCT", "SYM", "X", "_", "")
CHUNK_ROWS = 2048


@dataclass(frozen=True)
class Agreement:
    """``share`` and ``chance`` are means over ``words`` words of ``sentences`` sentences (0 to 1)."""

    share: float
    standard_error: float
    chance: float
    words: int
    sentences: int
    languages: int
    k: int

    @property
    def low(self) -> float:
        return self.share - 1.96 * self.standard_error

    @property
    def high(self) -> float:
        return self.share + 1.96 * self.standard_error


def agreement(
    vectors: Float[np.ndarray, "words dim"],
    *,
    concept: np.ndarray,
    language: np.ndarray,
    form: np.ndarray,
    sentence: np.ndarray,
    k: int = 10,
) -> Agreement:
    """The share of a word's k nearest words of other languages that have its concept.

    Args:
        vectors: of one layer.
        concept, language, form, sentence: of each word; translations share the name of their sentence.

    Raises:
        InputError: a word has fewer than k candidates, or there are fewer than two sentences.
    """
    kept = ~np.isin(concept.astype(str), NO_CONCEPTS)
    x = np.asarray(vectors[kept], dtype=np.float32)
    x = x - x.mean(axis=0) if len(x) else x  # distances stay, digits are saved
    codes, language = _codes(concept[kept]), _codes(language[kept])
    spelling = _codes(np.array([str(f).casefold() for f in form[kept]], dtype=object))
    names, cluster = np.unique(sentence[kept].astype(str), return_inverse=True)
    if len(names) < 2:
        raise InputError("There are too few sentences to compare languages; choose more text.")
    squares = np.einsum("ij,ij->i", x, x)
    share, chance = np.empty(len(x)), np.empty(len(x))
    for start in range(0, len(x), CHUNK_ROWS):
        rows = slice(start, start + CHUNK_ROWS)
        possible = (language[rows, None] != language) & (spelling[rows, None] != spelling)
        if (possible.sum(axis=1) < k).any():
            raise InputError(
                f"Fewer than {k} words of other languages can be compared; choose more languages."
            )
        same = codes[rows, None] == codes
        distances = np.where(possible, squares - 2 * x[rows] @ x.T, np.inf)
        nearest = np.argpartition(distances, k - 1, axis=1)[:, :k]
        share[rows] = np.take_along_axis(same, nearest, axis=1).mean(axis=1)
        chance[rows] = (same & possible).sum(axis=1) / possible.sum(axis=1)
    error = _clustered_error(share, cluster, len(names))
    languages = len(np.unique(language))
    return Agreement(float(share.mean()), error, float(chance.mean()), len(x), len(names), languages, k)


def _codes(values: np.ndarray) -> Int[np.ndarray, " words"]:
    return np.unique(values.astype(str), return_inverse=True)[1]


def _clustered_error(
    values: Float[np.ndarray, " words"], cluster: Int[np.ndarray, " words"], clusters: int
) -> float:
    sums = np.bincount(cluster, weights=values - values.mean(), minlength=clusters)
    return float(np.sqrt(clusters / (clusters - 1) * (sums**2).sum()) / len(values))
