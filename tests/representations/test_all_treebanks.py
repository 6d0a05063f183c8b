"""Every real treebank at hand through an encoder and a decoder: every sentence and word is accounted for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from xviz.corpora.folder import choose
from xviz.corpora.reader import read_treebank
from xviz.models.loading import load
from xviz.models.spec import ModelRef
from xviz.representations.extract import extract
from xviz.representations.opened import open_representations
from xviz.representations.relations import relations
from xviz.representations.spec import WordVectorsSpec
from xviz.store import Store


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("family", ["bert", "xlmr", "llama"])
def test_every_treebank(tiny_models, data_dir: Path, tmp_path: Path, family: str):
    ref = ModelRef(name=str(tiny_models(family)))
    model = load(ref, device="cpu", dtype="fp32")
    store = Store(tmp_path / "store")
    banks = choose(data_dir, split="all")
    assert len(banks) >= 73
    for bank in banks:
        treebank = read_treebank(bank)
        spec = WordVectorsSpec(model=ref, treebank=bank, layer=1, pooling="mean")
        done = extract(model, treebank, [spec], store=store)
        left_out = {skip.sent_id for skip in done.skipped if skip.index is None}
        words_lost = sum(skip.index is not None for skip in done.skipped)
        assert done.sentences + len(left_out) == len(treebank), bank.name
        read = treebank.sentences[~treebank.sentences["sent_id"].astype(str).isin(left_out)]
        assert done.words + words_lost == read["length"].sum(), bank.name
        assert all(skip.reason for skip in done.skipped)
        representations = open_representations(spec, store=store)
        vectors = representations.vectors()
        assert vectors.shape == (done.words, 32)
        assert np.isfinite(vectors).all()
        assert (np.linalg.norm(vectors.astype(np.float32), axis=1) > 0).all()
        linked = relations(representations)
        roots = int((representations.words["head"] == 0).sum())
        assert len(linked) + linked.without_head + roots == done.words
        assert extract(model, treebank, [spec], store=store).forward_passes == 0
