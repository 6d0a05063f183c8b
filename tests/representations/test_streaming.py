"""Prototypes that are gathered while the network runs equal those of the stored vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from xviz.errors import InputError
from xviz.models.loading import load
from xviz.models.spec import ModelRef
from xviz.representations.extract import extract
from xviz.representations.opened import open_representations
from xviz.representations.relations import relations
from xviz.representations.spec import WordVectorsSpec
from xviz.representations.streaming import stream_prototypes
from xviz.store import Store


def universal(words):
    return words["deprel"].str.split(":").str[0]


def coarse(words):
    return words["upos"].where(words["index"] < 6)  # later words are instances of no concept


@pytest.fixture
def stored(tiny_models, treebank, treebank_spec, tmp_path: Path):
    def make(family: str):
        ref = ModelRef(name=str(tiny_models(family)))
        specs = [
            WordVectorsSpec(model=ref, treebank=treebank_spec(treebank), layer=layer, pooling="mean")
            for layer in range(3)
        ]
        model = load(ref, device="cpu", dtype="fp32")
        store = Store(tmp_path / family)
        # Of the same batches, so that rounding to fp16 falls the same way for every vector.
        extract(model, treebank, specs, store=store, token_budget=48)
        return model, open_representations(specs[0], store=store)

    return make


def agree(found, names, labels, vectors) -> None:
    assert set(found.names) == set(names)
    for i, name in enumerate(found.names):
        rows = np.flatnonzero(np.asarray(labels) == name)
        assert found.counts[i] == len(rows)
        for layer, values in vectors.items():
            expected = values[rows].astype(np.float64).mean(0)
            difference = np.linalg.norm(found.prototypes[layer][i] - expected)
            assert difference <= 1e-5 * np.linalg.norm(expected)


@pytest.mark.parametrize("family", ["bert", "gemma3"])
def test_words(stored, treebank, family: str):
    model, representations = stored(family)
    found = stream_prototypes(model, treebank, coarse, layers=(0, 1, 2), pooling="mean", token_budget=48)
    labels = coarse(representations.words).fillna("")
    agree(found, ["NOUN", "VERB"], labels, {layer: representations.vectors(layer) for layer in range(3)})
    assert found.words == len(representations.words)
    assert found.forward_passes > 1
    assert found.parts == 1


def test_relations(stored, treebank):
    model, representations = stored("bert")
    found = stream_prototypes(
        model, treebank, universal, layers=(1, 2), pooling="mean", unit="relations", token_budget=48
    )
    tables = {layer: relations(representations, layer) for layer in (1, 2)}
    labels = universal(tables[1].table)
    kept = [name for name in found.names if name != "root"]
    assert found.counts[found.names.index("root")] == 0
    positions = [found.names.index(name) for name in kept]
    for layer, table in tables.items():
        for position, name in zip(positions, kept, strict=True):
            expected = table.vectors()[labels == name].astype(np.float64).mean(0)
            difference = np.linalg.norm(found.prototypes[layer][position] - expected)
            assert difference <= 1e-5 * np.linalg.norm(expected)
            assert found.counts[position] == (labels == name).sum()


def test_a_corpus_in_parts_equals_the_whole(stored, treebank, make_treebank):
    model, _ = stored("bert")
    text = treebank.sentences["text"]
    forms = [treebank.words.loc[treebank.words["sentence"] == i, "form"].tolist() for i in range(len(text))]
    pick = [0, 2, 3, 4, 6]
    parts = (make_treebank([(text[i], forms[i])]) for i in pick)
    whole = make_treebank([(text[i], forms[i]) for i in pick])
    options = {"layers": (2,), "pooling": "first"}
    one = stream_prototypes(model, whole, universal, **options)
    many = stream_prototypes(model, parts, universal, **options)
    assert many.parts == 5
    assert (one.names, one.counts.tolist()) == (many.names, many.counts.tolist())
    np.testing.assert_allclose(many.prototypes[2], one.prototypes[2], rtol=1e-3, atol=1e-4)


def test_a_layer_beyond_what_fp16_holds_is_summed_exactly(stored, treebank):
    model, _ = stored("bert")
    model.network.encoder.layer[0].register_forward_hook(lambda _m, _a, output: output * 1e7)
    found = stream_prototypes(model, treebank, coarse, layers=(1,), pooling="first")
    assert np.isfinite(found.prototypes[1]).all()
    assert np.abs(found.prototypes[1]).max() > 1e5


def test_what_is_left_out_and_what_cannot_be(stored, treebank):
    model, _ = stored("bert")
    found = stream_prototypes(model, treebank, coarse, layers=(1,), pooling="first", max_words=4)
    assert len(found.skipped) == 7
    with pytest.raises(InputError, match="no layer 5"):
        stream_prototypes(model, treebank, coarse, layers=(5,), pooling="first")
