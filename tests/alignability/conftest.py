"""Small corpora with concepts, written as word tables, and the sums of a run without any network."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xviz.alignability.spec import AlignSpec, ConceptSumsSpec
from xviz.alignability.sums import FACTS, SUMS, Cells
from xviz.corpora.spec import TreebankSpec
from xviz.models.spec import ModelRef
from xviz.store import Store

Corpus = tuple[pd.DataFrame, pd.DataFrame]
CONCEPTS = ("ADJ", "ADP", "ADV", "NOUN", "PRON", "PUNCT", "VERB")
TYPES = {"ADJ": 80, "ADP": 6, "ADV": 30, "NOUN": 200, "PRON": 5, "PUNCT": 3, "VERB": 100}


def corpus(seed: int, *, sentences: int = 120, length: int = 12) -> Corpus:
    """Words of seven concepts with closed and open classes; every word hangs on the first of its sentence."""
    rng = np.random.default_rng(seed)
    upos = rng.choice(CONCEPTS, size=sentences * length, p=[0.1, 0.15, 0.1, 0.25, 0.1, 0.15, 0.15])
    index = np.tile(np.arange(1, length + 1), sentences)
    words = pd.DataFrame(
        {
            "sentence": np.repeat(np.arange(sentences), length).astype(np.int32),
            "index": index.astype(np.int32),
            "form": [f"{tag}{min(rng.zipf(1.5), TYPES[tag])}" for tag in upos],
            "upos": upos,
            "deprel": np.where(index == 1, "root", np.where(upos == "PUNCT", "punct", "dep:" + upos[0])),
            "head": np.where(index == 1, 0, 1).astype(np.int32),
            "feats": "",
        }
    )
    texts = pd.DataFrame({"sentence": np.arange(sentences), "sent_id": [f"s{i}" for i in range(sentences)]})
    return words, texts


@pytest.fixture
def make_corpus() -> Callable[..., Corpus]:
    return corpus


@pytest.fixture
def stored_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[AlignSpec, Store]]:
    """A specification over three languages, with sums of given signal in a store of its own."""
    monkeypatch.setattr(ModelRef, "identity", lambda self: {"name": self.name, "seed": self.random_weights})

    def make(*, signal: float = 1.0, dim: int = 24, groups: int = 20, **fields) -> tuple[AlignSpec, Store]:
        store = Store(tmp_path / "store")
        banks = []
        for language in ("aaa", "bbb", "ccc"):
            file = tmp_path / f"{language}.conllu"
            file.write_text(language, encoding="utf-8")
            banks.append(TreebankSpec(name=f"UD_{language}", language=language, files=(str(file),)))
        spec = AlignSpec(
            model=ModelRef(name="made"),
            treebanks=tuple(banks),
            layers=(0, 1),
            pooling="first",
            groups=groups,
            **({"permutations": 99, "lexical": 40, "random_weights": 2, "heldout_draws": 5} | fields),
        )
        shared = np.random.default_rng(99).normal(size=(len(CONCEPTS), dim))
        for seed in (None, *range(spec.random_weights)):
            for number, need in enumerate(spec.sums(seed)):
                write_sums(store, need, number, shared * (signal if seed is None else 0.0))
        return spec, store

    return make


def write_sums(store: Store, need: ConceptSumsSpec, number: int, centres: np.ndarray) -> None:
    """Sums of vectors that are a centre a concept, plus a vector a word type, plus noise."""
    from safetensors.numpy import save_file

    words, texts = corpus(number, sentences=200)
    forms = words["form"].to_numpy(object)
    cells = Cells.of(words, texts, "upos", "drop", need.groups)
    seed = need.model.random_weights
    rng = np.random.default_rng([number, 1000 if seed is None else seed])
    _, inverse = np.unique(forms.astype(str), return_inverse=True)
    codes = words["upos"].map({name: k for k, name in enumerate(CONCEPTS)}).to_numpy()
    sums = []
    for _ in need.layers:
        types = rng.normal(size=(inverse.max() + 1, centres.shape[1]))
        x = centres[codes] + types[inverse] + 0.5 * rng.normal(size=(len(words), centres.shape[1]))
        sums.append(cells.sum(x))

    def write(folder: Path) -> None:
        tensors = {
            "sums": np.stack(sums).astype(np.float32),
            "counts": cells.counts,
            "types": cells.type_products(forms).astype(np.float32),
            "tokens": cells.token_products().astype(np.float32),
        }
        save_file(tensors, folder / SUMS)
        facts = {"names": cells.names, "noise": [0.2] * len(need.layers), "words": len(words)}
        (folder / FACTS).write_text(json.dumps(facts), encoding="utf-8")

    store.obtain(need, write)
