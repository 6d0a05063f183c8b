"""Relation vectors: h_head − h_dependent, row by row, and what a root does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xviz.errors import InputError, NotHere
from xviz.models.loading import load
from xviz.models.spec import ModelRef
from xviz.representations.extract import extract
from xviz.representations.opened import open_representations
from xviz.representations.relations import head_rows, relations
from xviz.representations.spec import WordVectorsSpec
from xviz.store import Store


@pytest.fixture
def opened(tiny_models, treebank, treebank_spec, tmp_path: Path):
    def make(family: str, *, cls: bool = False, bank=treebank):
        ref = ModelRef(name=str(tiny_models(family)))
        spec = WordVectorsSpec(model=ref, treebank=treebank_spec(bank), layer=1, pooling="mean")
        store = Store(tmp_path / family)
        specs = [spec, spec.sentences("cls")] if cls else [spec]
        extract(load(ref, device="cpu", dtype="fp32"), bank, specs, store=store)
        return open_representations(spec, store=store)

    return make


def test_head_minus_dependent(opened):
    representations = opened("bert")
    found = relations(representations)
    words, vectors = representations.words, representations.vectors().astype(np.float32)
    expected, labels = [], []
    for row, word in words.iterrows():
        heads = words[(words["sentence"] == word["sentence"]) & (words["index"] == word["head"])]
        if len(heads):
            expected.append(vectors[heads.index[0]] - vectors[row])
            labels.append(word["deprel"])
    assert found.table["deprel"].tolist() == labels
    assert "root" not in labels
    assert found.without_head == 0
    assert found.vectors().dtype == np.float32
    np.testing.assert_array_equal(found.vectors(), np.stack(expected))
    np.testing.assert_array_equal(np.concatenate(list(found.blocks(7))), found.vectors())


def test_zero_as_the_head_of_a_root(opened):
    representations = opened("gpt2")
    found = relations(representations, root="zero")
    assert len(found) == len(representations.words)
    roots = found.table["head"].to_numpy() == 0
    np.testing.assert_array_equal(
        found.vectors()[roots], -representations.vectors()[found.table["row"][roots]].astype(np.float32)
    )
    np.testing.assert_array_equal(found.vectors()[~roots], relations(representations).vectors())


def test_the_first_special_token_as_the_head_of_a_root(opened):
    representations = opened("bert", cls=True)
    found = relations(representations, root="cls")
    tops = representations.sentence_vectors(pooling="cls").astype(np.float32)
    roots = np.flatnonzero(found.table["head"] == 0)
    assert len(roots) == len(tops) == 8
    for row, top in zip(roots, tops, strict=True):
        word = representations.vectors()[found.table["row"][row]].astype(np.float32)
        np.testing.assert_array_equal(found.vectors()[row], top - word)


def test_cls_where_there_is_none(opened):
    with pytest.raises(NotHere, match="sentence vectors of layer 1"):
        relations(opened("electra"), root="cls")
    with pytest.raises(InputError, match="decoder has no cls"):
        relations(opened("llama"), root="cls")


def test_a_head_without_a_vector_takes_its_dependents_along(opened, make_treebank):
    bank = make_treebank(
        [("a \u200b b c", ["a", "\u200b", "b", "c"])]
    )  # c hangs on b, b on what is not there
    found = relations(opened("xlmr", bank=bank))
    assert found.table["form"].tolist() == ["c"]
    assert found.without_head == 1


def test_head_rows():
    words = pd.DataFrame({"sentence": [0, 0, 0, 2, 2], "index": [1, 2, 4, 1, 2], "head": [2, 0, 3, 2, 0]})
    assert head_rows(words).tolist() == [1, -1, -2, 4, -1]
    assert head_rows(words.iloc[:0]).tolist() == []
    last = pd.DataFrame({"sentence": [0], "index": [1], "head": [9]})
    assert head_rows(last).tolist() == [-2]
