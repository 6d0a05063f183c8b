"""COLAP and CALIGN: do clusters of word vectors hold both languages, and do translations share a cluster?

Mousi et al. (2024). Token vectors are clustered by k-means; then

- **COLAP**: both languages clustered together; the share of clusters in which each language holds at least
  ``threshold`` of the members.
- **CALIGN**: each language clustered on its own; the share of clusters of one language of which at least
  ``threshold`` of the word types have a translation (by a lexicon) in one single cluster of the other.

On noise COLAP is .98 (METHODS.md section 6), so it is never given alone: both languages enter with equally
many words, the purity of the clusters over concepts stands beside it (noise has none), and so does COLAP of
a network with random weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from xviz.corpora.reader import lines_of
from xviz.errors import InputError

Vectors = Float[np.ndarray, "words dim"]


@dataclass(frozen=True)
class Overlap:
    """COLAP with its guards; all shares 0 to 1. ``chance_purity``: of the commonest concept."""

    colap: float
    random_weights: float
    purity: float
    chance_purity: float
    clusters: int
    words_each: int


def colap(
    a: Vectors,
    b: Vectors,
    concepts_a: Int[np.ndarray, " words"],
    concepts_b: Int[np.ndarray, " words"],
    *,
    random_weights: tuple[Vectors, Vectors],
    clusters: int = 100,
    threshold: float = 0.1,
    words: int = 5000,
    seed: int = 0,
) -> Overlap:
    """COLAP of two languages' word vectors at one layer.

    Args:
        concepts_a, concepts_b: the concept of each word (-1: none), by the same numbers.
        random_weights: vectors of the same words by a network with random weights.
        clusters: at most a tenth of the words.
        words: of each language, drawn with ``seed``; as many of both.

    Raises:
        InputError: too few words.
    """
    each = min(words, len(a), len(b))
    if each < 20:
        raise InputError(f"Clustering wants at least 20 words of each language; there are {each}.")
    rng = np.random.default_rng(seed)
    rows_a = np.sort(rng.choice(len(a), each, replace=False))
    rows_b = np.sort(rng.choice(len(b), each, replace=False))
    clusters = min(clusters, each // 5)
    members = _clustered(np.concatenate([a[rows_a], b[rows_b]]), clusters, seed)
    floor = _clustered(np.concatenate([random_weights[0][rows_a], random_weights[1][rows_b]]), clusters, seed)
    concepts = np.concatenate([concepts_a[rows_a], concepts_b[rows_b]])
    labelled = concepts >= 0
    table = np.zeros((clusters, int(concepts.max(initial=0)) + 1))
    np.add.at(table, (members[labelled], concepts[labelled]), 1)
    total = max(1.0, table.sum())
    return Overlap(
        colap=_both(members, each, clusters, threshold),
        random_weights=_both(floor, each, clusters, threshold),
        purity=float(table.max(1).sum() / total),
        chance_purity=float(table.sum(0).max() / total),
        clusters=clusters,
        words_each=each,
    )


def calign(
    a: Vectors,
    b: Vectors,
    forms_a: np.ndarray,
    forms_b: np.ndarray,
    lexicon: Mapping[str, frozenset[str]],
    *,
    clusters: int = 100,
    threshold: float = 0.8,
    seed: int = 0,
) -> float:
    """CALIGN from language a to language b.

    Only word types of a that the lexicon knows count; a cluster without any is left out. NaN where no cluster
    is left.
    """
    of_a = _types_by_cluster(_clustered(a, min(clusters, len(a)), seed), forms_a)
    of_b = _types_by_cluster(_clustered(b, min(clusters, len(b)), seed), forms_b)
    where: dict[str, set[int]] = {}
    for number, types in enumerate(of_b):
        for form in types:
            where.setdefault(form, set()).add(number)
    aligned = []
    for types in of_a:
        known = [form for form in types if form in lexicon]
        if not known:
            continue
        votes = np.zeros(len(of_b))
        for form in known:
            reached = set().union(*(where.get(word, set()) for word in lexicon[form]))
            votes[list(reached)] += 1
        aligned.append(votes.max() >= threshold * len(known))
    return float(np.mean(aligned)) if aligned else float("nan")


def read_lexicon(file: str | Path) -> dict[str, frozenset[str]]:
    """Translations of each word: lines ``word <tab> translation``, in lower case; a word may have several.

    Raises:
        InputError: a line that is not two words with a tab between them.
    """
    found: dict[str, set[str]] = {}
    for number, line in enumerate(lines_of(Path(file)), start=1):
        cells = [cell.strip().lower() for cell in line.split("\t")]
        if len(cells) != 2 or not all(cells):
            raise InputError("A lexicon has lines of `word<tab>translation`.", file=file, line=number)
        found.setdefault(cells[0], set()).add(cells[1])
    if not found:
        raise InputError("This lexicon is empty.", file=file)
    return {word: frozenset(translations) for word, translations in found.items()}


def _clustered(x: Vectors, clusters: int, seed: int) -> Int[np.ndarray, " words"]:
    from sklearn.cluster import MiniBatchKMeans

    fitted = MiniBatchKMeans(clusters, random_state=seed, n_init=1, batch_size=2048)
    return fitted.fit_predict(np.asarray(x, np.float32))


def _both(members: Int[np.ndarray, " words"], each: int, clusters: int, threshold: float) -> float:
    """Share of (non-empty) clusters where each language holds at least ``threshold``; a comes first."""
    a = np.bincount(members[:each], minlength=clusters)
    b = np.bincount(members[each:], minlength=clusters)
    there = a + b > 0
    return float((np.minimum(a, b)[there] / (a + b)[there] >= threshold).mean())


def _types_by_cluster(members: Int[np.ndarray, " words"], forms: np.ndarray) -> list[set[str]]:
    types: list[set[str]] = [set() for _ in range(int(members.max()) + 1)]
    for number, form in zip(members, forms, strict=True):
        types[number].add(str(form).lower())
    return types
