"""The lexical null on a real corpus: it holds its level where label permutation passes everything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from xviz.alignability.lexical import adjust, draw_prototypes, type_counts
from xviz.alignability.permutation import p_value, permutations, rsa_null
from xviz.alignability.power import POWER, smallest_effect
from xviz.alignability.scores import dissimilarities, rsa
from xviz.alignability.spaces import Spaces, assemble
from xviz.alignability.sums import Cells, ConceptSums
from xviz.concepts.annotation import label
from xviz.corpora.folder import choose
from xviz.corpora.reader import read_treebank

DIM = 64
PAIRS = 2000


@pytest.mark.data
@pytest.mark.slow
def test_level_on_pud_with_fresh_random_type_vectors(data_dir: Path) -> None:
    """Vectors are drawn type by type, the long way; the null draws prototypes from K x K factors."""
    banks = [spec for spec in choose(data_dir / "ud", split="all") if spec.name.endswith("-PUD")]
    tables = [read_treebank(spec).words for spec in banks]
    frequent = [label(t, "upos") for t in tables]
    names = sorted(
        set.intersection(*({n for n, c in zip(f.names, f.counts, strict=True) if c >= 10} for f in frequent))
    )
    types, counts, nulls = [], [], []
    for number, table in enumerate(tables):
        codes, forms = label(table, "upos", names=tuple(names)).codes, table["form"].to_numpy(object)
        keep = codes >= 0
        _, inverse = np.unique(forms[keep].astype(str), return_inverse=True)
        weights = 1 / np.bincount(codes[keep])[codes[keep]]
        types.append(csr_array((weights, (codes[keep], inverse))))
        counts.append(type_counts(forms, codes, len(names)))
        nulls.append(dissimilarities(draw_prototypes(counts[-1], draws=999, dim=DIM, noise=0, seed=number)))
    renamings = permutations(len(names), 199, seed=0)
    rng = np.random.default_rng(1)
    lexical, permuted, adjusted, scores = [], [], [], []
    for _ in range(PAIRS):
        i, j = rng.choice(len(banks), 2, replace=False)
        a, b = (
            dissimilarities(torch.from_numpy(types[k] @ rng.normal(size=(types[k].shape[1], DIM))))[None]
            for k in (i, j)
        )
        score = rsa(a, b).flatten()
        null = rsa(nulls[i][:, None], nulls[j][:, None]).flatten()[:, None]
        lexical.append(p_value(score, null).item())
        permuted.append(p_value(score, torch.stack(list(rsa_null(a, b, renamings))).flatten(1)).item())
        squared = [adjust(x.square(), counts[k]) for x, k in ((a, i), (b, j))]
        own = torch.stack(list(rsa_null(*squared, renamings))).flatten(1)
        adjusted.append(p_value(rsa(*squared).flatten(), own).item())
        scores.append(score.item())
    rates = {
        "lexical null": np.mean(np.array(lexical) < 0.05),
        "label permutation": np.mean(np.array(permuted) < 0.05),
        "label permutation, adjusted RSA": np.mean(np.array(adjusted) < 0.05),
    }
    print(f"{len(banks)} treebanks, {len(names)} tags, mean RSA {np.mean(scores):.2f}; p < .05: {rates}")
    assert 0.03 <= rates["lexical null"] <= 0.07
    assert rates["label permutation"] > 0.9


def spaces(make_corpus: Callable, dim: int = 16) -> Spaces:
    parts = []
    for seed in (1, 2, 3):
        words, texts = make_corpus(seed, sentences=150)
        cells = Cells.of(words, texts, "upos", "drop", 6)
        forms = words["form"].to_numpy(object)
        sums = np.zeros((1, *cells.counts.shape, dim), np.float32)
        products = cells.type_products(forms), cells.token_products()
        parts.append(ConceptSums(cells.names, sums, cells.counts, *products, np.array([0.3]), {}))
    return assemble(parts, names=parts[0].names)


def test_planted_alignment_is_found_with_the_stated_power(make_corpus: Callable) -> None:
    """Draws of another seed than those from which the smallest effect was read."""
    shares = (0.0, 0.3, 0.6, 0.9)
    made = spaces(make_corpus)
    stated = smallest_effect(made, draws=200, seed=0, shares=shares)
    again = smallest_effect(made, draws=200, seed=50, shares=shares)
    for row in stated:
        assert row["level"] <= 0.12
    adjusted, other = stated[1], again[1]  # what types explain may hide plain RSA at any share
    assert adjusted["variant"].endswith("adjusted")
    assert adjusted["power"] >= POWER
    assert adjusted["score"] > 0.3
    assert abs(other["share"] - adjusted["share"]) <= 0.3 + 1e-9
