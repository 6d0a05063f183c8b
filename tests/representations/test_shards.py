"""Shards of a job, by hand and by processes: bit for bit what a single process keeps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from xviz.errors import InputError, NotHere
from xviz.models.loading import load
from xviz.models.spec import ModelRef
from xviz.representations.extract import extract
from xviz.representations.opened import open_representations, open_vectors
from xviz.representations.shards import SHARD, extract_on, extract_shard, merge_shards
from xviz.representations.spec import WordVectorsSpec
from xviz.store import Store

BUDGET = 30


@pytest.fixture
def job(tiny_models, treebank, treebank_spec):
    ref = ModelRef(name=str(tiny_models("bert")))
    words = [
        WordVectorsSpec(model=ref, treebank=treebank_spec(treebank), layer=layer, pooling="mean")
        for layer in range(3)
    ]
    return treebank, [*words, words[2].sentences("mean")]


@pytest.fixture
def whole(job, tmp_path: Path) -> Store:
    treebank, specs = job
    store = Store(tmp_path / "whole")
    model = load(specs[0].model, device="cpu", dtype="fp32")
    extract(model, treebank, specs, store=store, token_budget=BUDGET)
    return store


def same(one: Store, other: Store, specs) -> None:
    for spec in specs:
        first, second = store_bytes(one, spec), store_bytes(other, spec)
        assert first == second
    tables = [open_representations(specs[0], store=store).words for store in (one, other)]
    assert tables[0].equals(tables[1])


def store_bytes(store: Store, spec) -> bytes:
    entry = store.find(spec)
    assert entry is not None
    assert entry.damage() is None
    return entry.file("vectors.npy").read_bytes()


@pytest.mark.parametrize("shards", [1, 3, 20])
def test_merged_shards_equal_the_whole(job, whole, tmp_path: Path, shards: int):
    treebank, specs = job
    store = Store(tmp_path / "parts")
    model = load(specs[0].model, device="cpu", dtype="fp32")
    for i in reversed(range(shards)):
        extract_shard(model, treebank, specs, shard=(i, shards), store=store, token_budget=BUDGET)
    done = merge_shards(specs, shards=shards, store=store, token_budget=BUDGET)
    same(store, whole, specs)
    assert store.entries(SHARD) == []
    assert (done.sentences, done.words) == (8, len(treebank.words))
    again = extract(model, treebank, specs, store=store, token_budget=BUDGET)
    assert again.forward_passes == 0


def test_a_missing_shard_is_named_and_computed_alone(job, whole, tmp_path: Path):
    treebank, specs = job
    store = Store(tmp_path / "parts")
    model = load(specs[0].model, device="cpu", dtype="fp32")
    extract_shard(model, treebank, specs, shard=(0, 2), store=store, token_budget=BUDGET)
    with pytest.raises(NotHere, match="Shard 1 of 2"):
        merge_shards(specs, shards=2, store=store, token_budget=BUDGET)

    def never():
        raise AssertionError("this shard is there already")

    extract_shard(never, never, specs, shard=(0, 2), store=store, token_budget=BUDGET)
    extract_shard(model, treebank, specs, shard=(1, 2), store=store, token_budget=BUDGET)
    merge_shards(specs, shards=2, store=store, token_budget=BUDGET)
    same(store, whole, specs)
    with pytest.raises(InputError, match="no shard 2 of 2"):
        extract_shard(model, treebank, specs, shard=(2, 2), store=store, token_budget=BUDGET)


def test_merging_decides_for_fp32_as_a_single_process_does(job, tmp_path: Path):
    treebank, specs = job
    stores = Store(tmp_path / "whole"), Store(tmp_path / "parts")
    model = load(specs[0].model, device="cpu", dtype="fp32")
    model.network.encoder.layer[0].register_forward_hook(lambda _m, _a, output: output * 1e7)
    extract(model, treebank, specs, store=stores[0], token_budget=BUDGET)
    for i in range(2):
        extract_shard(model, treebank, specs, shard=(i, 2), store=stores[1], token_budget=BUDGET)
    merge_shards(specs, shards=2, store=stores[1], token_budget=BUDGET)
    same(*stores, specs)
    assert [open_vectors(s, store=stores[1]).dtype for s in specs[:2]] == [np.float16, np.float32]


def test_two_processes_share_the_work(job, whole, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    treebank, specs = job
    store = Store(tmp_path / "two")
    done = extract_on(["cpu", "cpu"], treebank, specs, store=store, token_budget=BUDGET)
    same(store, whole, specs)
    assert done.forward_passes > 1
    assert store.find(specs[0]).note["shards"] == 2
    assert extract_on(["cpu", "cpu"], treebank, specs, store=store, token_budget=BUDGET).forward_passes == 0


@pytest.mark.slow
def test_what_a_process_fails_with_is_told(job, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    treebank, specs = job
    wrong = [spec.model_copy(update={"layer": 9}) for spec in specs[:1]]
    with pytest.raises(InputError, match="no layer 9"):
        extract_on(["cpu", "cpu"], treebank, wrong, store=Store(tmp_path / "two"), token_budget=BUDGET)
