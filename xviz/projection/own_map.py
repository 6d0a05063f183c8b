"""The concept map of vectors that were extracted elsewhere: principal components of words and prototypes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from xviz.concepts.own_vectors import OwnVectors, own_spaces
from xviz.errors import InputError
from xviz.projection.gather import draw
from xviz.projection.maps import LEAST_COUNT
from xviz.projection.pca import principal_components
from xviz.projection.spec import Centring


@dataclass(frozen=True)
class OwnMap:
    """A map that is in no store.

    ``points``: ``word`` (row of the table), ``language``, ``concept`` ("" for none), ``x``, ``y`` (and
    ``z``). ``prototypes``: ``concept``, ``language`` ("" for the mean over languages), ``count``, ``x``,
    ``y`` (and ``z``): exact projections of the means of *all* words. ``shares`` of the variance, one an axis.
    """

    points: pd.DataFrame
    prototypes: pd.DataFrame
    shares: tuple[float, ...]


def own_map(
    own: OwnVectors,
    *,
    concepts: str = "upos",
    layer: int = 0,
    dims: Literal[2, 3] = 2,
    languages: Sequence[str] = (),
    sample: int = 1000,
    centring: Centring = "none",
    seed: int = 0,
) -> OwnMap:
    """Words and prototypes of several languages on their first principal components.

    Args:
        concepts: a column of the table.
        languages: ISO 639-3; all where none is named.
        sample: words drawn a language (seeded).
        centring: ``language`` takes the mean of the drawn words of each language away.

    Raises:
        InputError: there are too few words, or no word has a concept.
    """
    chosen = list(languages) or own.languages
    code = own.words["language"].to_numpy()
    parts, shifts = [], {}
    for language in chosen:
        rows = np.flatnonzero(code == language)
        drawn = rows[draw(len(rows), sample, seed=seed, name=language)]
        parts.append(drawn)
        vectors = own.vectors[layer][drawn]
        shifts[language] = vectors.mean(axis=0) if centring == "language" and len(drawn) else 0.0
    words = np.concatenate(parts)
    if len(words) <= dims:
        raise InputError(f"A map needs more than {dims} words; there are {len(words)}.")
    moved = own.vectors[layer][words].astype(np.float64)
    for language in chosen:
        moved[code[words] == language] -= shifts[language]
    found = principal_components(moved, dims)
    axes = list("xyz"[:dims])
    points = pd.DataFrame({"word": words, "language": code[words]})
    points["concept"] = own.concepts(concepts).iloc[words].fillna("").to_numpy()
    points[axes] = found.scores

    named: list[tuple[str, str, int]] = []
    means = []
    for space in own_spaces(own, concepts=concepts, layer=layer):
        if space.language in chosen:
            named += [(n, space.language, int(c)) for n, c in zip(space.names, space.counts, strict=True)]
            means.append(space.prototypes - shifts[space.language])
    if not named:
        raise InputError(f"No word of these languages has a value in the column {concepts!r}.")
    table = pd.DataFrame(named, columns=["concept", "language", "count"])
    matrix = np.concatenate(means)
    enough = table["count"] >= LEAST_COUNT
    for concept, group in table[enough].groupby("concept"):
        named.append((str(concept), "", int(group["count"].sum())))
        matrix = np.vstack([matrix, matrix[group.index].mean(axis=0)])
    prototypes = pd.DataFrame(named, columns=["concept", "language", "count"])
    prototypes[axes] = found.place(matrix)
    return OwnMap(points, prototypes, tuple(found.shares.tolist()))
