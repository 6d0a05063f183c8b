"""The pairs of a run, in blocks over the same concepts, with the spaces of their languages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xviz.alignability.measures import Pairs
from xviz.alignability.spaces import Spaces, assemble, enough
from xviz.alignability.spec import AlignSpec
from xviz.alignability.sums import ConceptSums, read_sums
from xviz.concepts.space import read_probe
from xviz.errors import InputError
from xviz.store import Store

FEWEST = 4
"""Shared concepts that a comparison wants."""


@dataclass(frozen=True)
class Block:
    """Pairs that are compared over the same concepts, and the spaces of their languages."""

    spaces: Spaces
    controls: tuple[Spaces, ...]  # of networks with random weights
    languages: tuple[int, ...]  # rows of the specification's treebanks
    pairs: Pairs  # rows of ``languages``


def open_spaces(spec: AlignSpec, store: Store, *, device: str = "cpu") -> list[Block]:
    """The spaces of ``spec`` and of its controls, in blocks of pairs with the same concepts.

    Raises:
        InputError: too few concepts are shared.
    """
    corpora = _corpora(spec, store, None)
    controls = [_corpora(spec, store, seed) for seed in range(spec.random_weights)]
    names = sorted({name for corpus, _ in corpora for name in corpus.names})
    whole = _assembled(corpora, names, device)
    others = [_assembled(found, names, device) for found in controls]
    mask = enough(whole.counts, spec.minimum)
    i, j = np.triu_indices(len(mask), 1)
    shared = mask[i] & mask[j] if spec.concept_set == "pair" else np.tile(mask.all(0), (len(i), 1))
    patterns, which = np.unique(shared, axis=0, return_inverse=True)
    few = patterns.sum(1)[which.ravel()] < FEWEST
    if few.all():
        rare = [names[k] for k in np.flatnonzero(~mask.all(axis=0))]
        raise InputError(
            f"Fewer than {FEWEST} concepts occur at least {spec.minimum} times in every treebank "
            f"(too rare in some: {', '.join(rare)}); lower the minimum, take larger treebanks, or compare "
            "by pair."
        )
    blocks = []
    for number, pattern in enumerate(patterns):
        of = which.ravel() == number
        if pattern.sum() < FEWEST:
            continue
        languages = sorted(set(i[of]) | set(j[of]))
        place = {language: row for row, language in enumerate(languages)}
        concepts = np.flatnonzero(pattern).tolist()
        pairs = (np.array([place[x] for x in i[of]]), np.array([place[x] for x in j[of]]))
        cut = [space.restricted(languages, concepts) for space in (whole, *others)]
        blocks.append(Block(cut[0], tuple(cut[1:]), tuple(int(x) for x in languages), pairs))
    return blocks


def _corpora(spec: AlignSpec, store: Store, seed: int | None) -> list[tuple[ConceptSums, list | None]]:
    sums = [read_sums(need, store) for need in spec.sums(seed)]
    if spec.space == "raw":
        return [(corpus, None) for corpus in sums]
    probes = [[read_probe(need, store) for need in needs] for needs in spec.probes(seed)]
    return list(zip(sums, probes, strict=True))


def _assembled(
    corpora: Sequence[tuple[ConceptSums, list | None]], names: Sequence[str], device: str
) -> Spaces:
    probes = [probe for _, probe in corpora if probe is not None]
    return assemble([sums for sums, _ in corpora], names=names, probes=probes or None, device=device)
