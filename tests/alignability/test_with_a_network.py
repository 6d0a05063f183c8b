"""From text to tables with a tiny network: sums, a control that keeps no vectors, and retrieval."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.networks import build_tiny
from xviz.alignability.sentences import compute_retrieval, read_mixing
from xviz.alignability.spec import AlignSpec, RetrieveSpec
from xviz.alignability.sums import compute_sums, read_sums
from xviz.concepts.annotation import label
from xviz.concepts.prototypes import prototypes
from xviz.corpora.spec import TreebankSpec
from xviz.errors import InputError
from xviz.models.loading import load
from xviz.models.spec import ModelRef
from xviz.representations.opened import open_representations
from xviz.representations.steps import compute_vectors
from xviz.store import Store

FORMS = ("red", "dog", "runs", "blue", "cat", "sleeps", "the", "a")
TAGS = ("ADJ", "NOUN", "VERB", "ADJ", "NOUN", "VERB", "DET", "DET")


def loaded(ref: ModelRef, dtype: str):
    return load(ref, device="cpu", dtype=dtype)


@pytest.fixture
def network(tmp_path: Path) -> ModelRef:
    return ModelRef(name=str(build_tiny("bert", tmp_path / "tiny", [" ".join(FORMS)] * 20, vocabulary=120)))


def treebank(folder: Path, name: str, seed: int) -> TreebankSpec:
    rng, lines = np.random.default_rng(seed), []
    for number in range(40):
        chosen = rng.choice(len(FORMS), 6)
        text = " ".join(FORMS[k] for k in chosen)
        lines += [f"# sent_id = s{number}", f"# text = {text}"]
        for i, k in enumerate(chosen, start=1):
            head, relation = (0, "root") if i == 1 else (1, "dep")
            lines.append(f"{i}\t{FORMS[k]}\t_\t{TAGS[k]}\t_\t_\t{head}\t{relation}\t_\t_")
        lines.append("")
    file = folder / f"{name}.conllu"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return TreebankSpec(name=name, language=name, files=(str(file),), split="all")


def test_sums_of_the_network_and_of_a_control(network: ModelRef, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    banks = (treebank(tmp_path, "aaa", 1), treebank(tmp_path, "bbb", 2))
    spec = AlignSpec(model=network, treebanks=banks, layers=(0, 2), pooling="first", random_weights=1)
    compute_vectors(spec.sums()[0].vectors(), store=store, journal=_silent(), load=loaded)
    compute_sums([spec.sums()[0], spec.sums(0)[0]], store=store, load=loaded)
    opened = open_representations(spec.sums()[0].vectors()[1], store=store)
    labels = label(opened.words, "upos")
    want, _ = prototypes(opened.vectors(), labels.codes, len(labels.names))
    got = read_sums(spec.sums()[0], store)
    np.testing.assert_allclose(got.sums[1].sum(0) / got.counts.sum(0)[:, None], want, atol=1e-4)
    control = read_sums(spec.sums(0)[0], store)
    assert control.counts.tolist() == got.counts.tolist()
    assert not np.allclose(control.sums, got.sums)
    kept = {entry.spec["model"]["random_weights"] for entry in store.entries("word_vectors")}
    assert kept == {None}  # the control's vectors were let go
    assert not list((store.root / "concept_sums").glob(".*partial*"))


def test_retrieval_of_lines_that_are_the_same_in_two_languages(network: ModelRef, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lines = [" ".join(rng.choice(FORMS, 7)) for _ in range(30)]
    files = []
    for language, text in (("aaa", lines), ("bbb", lines), ("ccc", rng.permutation(lines).tolist())):
        files.append(tmp_path / f"text.{language}.txt")
        files[-1].write_text("\n".join(text) + "\n", encoding="utf-8")
    spec = RetrieveSpec(
        model=network,
        files=tuple(map(str, files)),
        languages=("aaa", "bbb", "ccc"),
        pivot="aaa",
        layers=(1,),
        n=30,
        random_weights=1,
    )
    store = Store(tmp_path / "store")
    table = compute_retrieval(spec, store=store, load=loaded).set_index(["language", "centred"])
    assert table.loc[("bbb", False), "score"] == 1
    assert table.loc[("bbb", False), "alignment"] == pytest.approx(0, abs=1e-6)
    assert table.loc[("ccc", True), "score"] < 0.2
    assert (table["n"] == 30).all()
    assert table["random_weights"].notna().all()
    assert set(read_mixing(spec, store)["measure"]) == {
        "neighbours",
        "classifier",
        "mean distance",
        "variance in span of means",
    }
    with pytest.raises(InputError, match="31 sentences"):
        compute_retrieval(spec.model_copy(update={"n": 31}), store=store, load=loaded)


def _silent():
    from xviz.journal import SILENT

    return SILENT
