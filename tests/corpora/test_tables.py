"""Parsed once, read back equal and fast."""

from __future__ import annotations

import time
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from xviz.corpora import tables
from xviz.corpora.folder import choose
from xviz.corpora.reader import read_treebank
from xviz.corpora.spec import TreebankSpec
from xviz.corpora.tables import open_treebank
from xviz.errors import InputError
from xviz.store import Store


@pytest.fixture
def spec(tmp_path: Path, row) -> TreebankSpec:
    lines = []
    for k in range(1000):
        lines.append(f"# sent_id = s{k}")
        lines += [
            row(i, f"w{(k * i) % 997}", "NOUN", i - 1, "dep" if i > 1 else "root") for i in range(1, 21)
        ]
        lines.append("")
    file = tmp_path / "de_big-ud-test.conllu"
    file.write_text("\n".join(lines), encoding="utf-8")
    return choose(file)[0]


def test_what_is_stored_is_what_was_read(spec, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    read, opened, again = read_treebank(spec), *(open_treebank(spec, store=store) for _ in range(2))
    for treebank in (opened, again):
        pd.testing.assert_frame_equal(treebank.words, read.words)
        pd.testing.assert_frame_equal(treebank.sentences, read.sentences)
        assert (treebank.name, treebank.language, treebank.split) == (read.name, read.language, read.split)
        assert treebank.fingerprint == read.fingerprint == spec.key
    entry = store.find(spec)
    assert entry is not None
    assert (entry.note["sentences"], entry.note["words"]) == (1000, 20_000)
    columns = pq.ParquetFile(entry.file("words.parquet")).metadata.row_group(0)
    encodings = {columns.column(i).path_in_schema: columns.column(i).encodings for i in range(10)}
    assert "RLE_DICTIONARY" in encodings["upos"]
    assert "RLE_DICTIONARY" in encodings["deprel"]


def test_the_second_time_nothing_is_parsed(spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path / "store")
    open_treebank(spec, store=store)
    monkeypatch.setattr(tables, "read_treebank", lambda *_, **__: pytest.fail("parsed again"))
    times = []
    for _ in range(5):
        started = time.perf_counter()
        words = open_treebank(spec, store=store).words
        times.append(time.perf_counter() - started)
    assert len(words) == 20_000
    assert min(times) < 0.1


def test_a_changed_file_is_read_anew(spec, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    open_treebank(spec, store=store)
    file = Path(spec.files[0])
    file.write_text(file.read_text("utf-8").replace("\tw1\t", "\tnew\t"), encoding="utf-8")
    fresh = choose(file)[0]
    assert fresh.key != spec.key
    assert (open_treebank(fresh, store=store).words["form"] == "new").any()


def test_a_bad_file_leaves_nothing_in_the_store(tmp_path: Path, row) -> None:
    store = Store(tmp_path / "store")
    file = tmp_path / "a.conllu"
    file.write_text(row(1, "a", "X", 1, "dep"), encoding="utf-8")
    (bad,) = choose(file)
    with pytest.raises(InputError):
        open_treebank(bad, store=store)
    assert store.entries() == []
    file.unlink()
    with pytest.raises(InputError, match="does not exist"):
        open_treebank(bad, store=store)
