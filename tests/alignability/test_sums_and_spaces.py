"""Sums by cell give the prototypes of any part of a corpus, for words and for relations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from xviz.alignability.lexical import type_counts
from xviz.alignability.spaces import assemble, enough
from xviz.alignability.sums import Cells, ConceptSums, group_of
from xviz.concepts.annotation import label
from xviz.concepts.probe import Probe
from xviz.concepts.prototypes import prototypes

RNG = np.random.default_rng(0)
GROUPS = 6


def summed(words, texts, x: np.ndarray, *, concepts: str = "upos", root: str = "drop") -> ConceptSums:
    cells = Cells.of(words, texts, concepts, root, GROUPS)
    forms = words["form"].to_numpy(object)
    return ConceptSums(
        cells.names,
        cells.sum(x)[None].astype(np.float32),
        cells.counts,
        cells.type_products(forms),
        cells.token_products(),
        np.array([0.3]),
        {},
    )


def test_prototypes_of_all_and_of_some_sentences_are_the_means(make_corpus: Callable) -> None:
    words, texts = make_corpus(1)
    x = RNG.normal(size=(len(words), 5))
    labels = label(words, "upos")
    space = assemble([summed(words, texts, x)] * 2, names=labels.names)
    want, counts = prototypes(x, labels.codes, len(labels.names))
    np.testing.assert_allclose(space.means()[0, 1].numpy(), want, atol=1e-5)
    assert space.counts[0].sum(0).tolist() == counts.tolist()
    chosen = np.array([True, False, True, False, False, True])
    group = np.array([group_of(f"s{i}", GROUPS) for i in words["sentence"]])
    rows = chosen[group]
    some, _ = prototypes(x[rows], labels.codes[rows], len(labels.names))
    np.testing.assert_allclose(space.means(chosen)[0, 0].numpy(), some, atol=1e-5)


@pytest.mark.parametrize("root", ["drop", "zero"])
def test_relation_sums_are_heads_minus_dependents(make_corpus: Callable, root: str) -> None:
    words, texts = make_corpus(2, sentences=30)
    x = RNG.normal(size=(len(words), 4))
    cells = Cells.of(words, texts, "deprel", root, GROUPS)
    want = np.zeros((len(cells.names), 4))
    n = np.zeros(len(cells.names), int)
    for row, word in enumerate(words.itertuples()):
        k = cells.names.index(word.deprel.split(":")[0])
        if word.head == 0 and root == "drop":
            continue
        head = x[row - word.index + word.head] if word.head else 0
        want[k] += head - x[row]
        n[k] += 1
    np.testing.assert_allclose(cells.sum(x).sum(0), want, atol=1e-9)
    assert cells.counts.sum(0).tolist() == n.tolist()


def test_word_types_of_cells_are_those_that_are_counted_directly(make_corpus: Callable) -> None:
    words, texts = make_corpus(3)
    space = assemble([summed(words, texts, np.zeros((len(words), 2)))], names=sorted(set(words["upos"])))
    got = space.type_counts(0, np.ones((1, GROUPS), bool))
    labels = label(words, "upos")
    want = type_counts(words["form"].to_numpy(object), labels.codes, len(labels.names))
    np.testing.assert_allclose(got.overlap, want.overlap, atol=1e-6)
    np.testing.assert_allclose(got.tokens, want.tokens, atol=1e-6)
    halves = space.type_counts(0, np.stack(space.halves))
    merged = halves.aggregated(np.hstack([np.eye(7), np.eye(7)]))
    np.testing.assert_allclose(merged.overlap, want.overlap, atol=1e-6)
    np.testing.assert_allclose(merged.tokens, want.tokens, atol=1e-6)


def test_lexical_draws_have_the_covariance_of_random_types_and_tokens(make_corpus: Callable) -> None:
    """For relations too, where a word enters with both signs."""
    words, texts = make_corpus(4, sentences=40)
    cells = Cells.of(words, texts, "deprel", "drop", GROUPS)
    names = [n for n, k in zip(cells.names, cells.counts.sum(0), strict=True) if k > 0]
    _, inverse = np.unique(words["form"].to_numpy(str), return_inverse=True)
    space = assemble([summed(words, texts, np.zeros((len(words), 3)), concepts="deprel")], names=names)
    drawn = np.concatenate([d.whole[:, 0, 0].numpy() for d in space.lexical(3000, seed=0)])
    weights = cells.weights.toarray().reshape(GROUPS, len(cells.names), -1).sum(0)
    keep = [cells.names.index(name) for name in names]
    weights = weights[keep] / cells.counts.sum(0)[keep, None]
    of_type = np.eye(inverse.max() + 1)[inverse]
    covariance = 0.7 * (weights @ of_type) @ (weights @ of_type).T + 0.3 * weights @ weights.T
    got = np.einsum("dkx,dlx->kl", drawn, drawn) / (3000 * 3)
    np.testing.assert_allclose(got, covariance, atol=0.06 * covariance.max())


def test_a_concept_that_a_treebank_lacks_has_no_words_there(make_corpus: Callable) -> None:
    words, texts = make_corpus(5)
    few = words[words["upos"] != "PRON"].reset_index(drop=True)
    parts = [summed(w, texts, np.ones((len(w), 2))) for w in (words, few)]
    names = sorted(set(words["upos"]))
    space = assemble(parts, names=names)
    there = enough(space.counts, 10)
    assert there[0].all()
    assert [name for name, k in zip(names, there[1], strict=True) if not k] == ["PRON"]
    cut = space.restricted([1], [k for k in range(7) if there[1, k]])
    np.testing.assert_allclose(cut.means().numpy(), 1)
    assert cut.types[0].shape == (6 * GROUPS, 6 * GROUPS)


def test_sums_in_probe_space_are_the_sums_of_projected_vectors(make_corpus: Callable) -> None:
    words, texts = make_corpus(6)
    x = RNG.normal(size=(len(words), 5)).astype(np.float32)
    names = tuple(sorted(set(words["upos"])))
    mean, scale, A = x.mean(0), x.std(0), RNG.normal(size=(5, 2)).astype(np.float32)
    probe = Probe(A, mean, scale, np.zeros((7, 5), np.float32), np.ones(7, int), names, 1e-3, 1, 0.5)
    got = assemble([summed(words, texts, x)], names=names, probes=[[probe]])
    want = assemble([summed(words, texts, probe.project(x))], names=names)
    np.testing.assert_allclose(got.means().numpy(), want.means().numpy(), atol=1e-4)
