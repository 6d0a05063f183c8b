"""Translation pairs for contrastive learning: where they come from, and which are drawn.

The pivot with every other language, or every language with every other. In the control *shuffled* the second
sides are permuted within each pair of languages so that no sentence keeps its own translation.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Int

from xviz.corpora.folder import choose
from xviz.corpora.parallel import ParallelCorpus, join_treebanks, open_parallel
from xviz.corpora.reader import read_treebank
from xviz.errors import InputError

PIVOT = "eng"


def open_pairs(place: str | Path, *, languages: Sequence[str] | None = None) -> ParallelCorpus:
    """Aligned sentences: line-aligned text, a TSV file, parallel treebanks (their train part), ``sample``.

    A folder that holds one folder and no text of its own stands for the one inside.

    Args:
        place: where they lie.
        languages: those to read (codes or names), in this order; None is all.

    Raises:
        InputError: nothing that is aligned lies there, or not in these languages.
    """
    path = Path(place).expanduser()
    if str(place) == "sample" or next(path.rglob("*.conllu"), None) is not None:
        treebanks = choose(place, languages)
        return join_treebanks([read_treebank(spec) for spec in treebanks])
    if path.is_dir() and not any(path.glob("*.txt")):
        inside = [folder for folder in sorted(path.iterdir()) if folder.is_dir()]
        if len(inside) > 1:
            raise InputError(
                f"Several folders lie here ({', '.join(folder.name for folder in inside)}); name one.",
                file=path,
            )
        path = inside[0] if inside else path
    return open_parallel(path, languages=languages)


def pivot_first(languages: Sequence[str]) -> tuple[str, ...]:
    """English first where it is there, the others in their order."""
    return tuple(sorted(languages, key=lambda iso: iso != PIVOT))


def draw_pairs(
    languages: int, sentences: Sequence[int], *, pairing: Literal["pivot", "all"] = "pivot"
) -> Int[np.ndarray, "pairs 4"]:
    """Every pair as (language, sentence, language, sentence), numbers of both; the pivot is language 0."""
    both = [(0, b) for b in range(1, languages)] if pairing == "pivot" else combinations(range(languages), 2)
    rows = [(a, s, b, s) for a, b in both for s in sentences]
    return np.array(rows, dtype=np.int64).reshape(-1, 4)


def shuffle_pairs(pairs: Int[np.ndarray, "pairs 4"], *, seed: int) -> Int[np.ndarray, "pairs 4"]:
    """The second sides permuted within each pair of languages; no sentence keeps its translation.

    A random cycle through all sentences of the block (Sattolo, 1986), so there is no fixed point.

    Raises:
        InputError: one sentence alone cannot be given another translation.
    """
    shuffled = pairs.copy()
    rng = np.random.default_rng([seed, 17])
    for block in np.unique(pairs[:, [0, 2]], axis=0):
        rows = np.flatnonzero((pairs[:, [0, 2]] == block).all(1))
        if len(rows) < 2:
            raise InputError("Shuffled pairs want at least two sentences in each pair of languages.")
        order = rng.permutation(len(rows))
        shuffled[rows[order], 3] = pairs[rows[np.roll(order, 1)], 3]
    return shuffled
