"""The listing: exact counts, remembered by size and time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from xviz.corpora import listing
from xviz.corpora.listing import list_corpora
from xviz.errors import InputError
from xviz.store import Store


@pytest.fixture
def data(tmp_path: Path, row) -> Path:
    folder = tmp_path / "data" / "UD_Hebrew-HTB"
    folder.mkdir(parents=True)
    lines = [
        "# sent_id = 1",
        "# text = 2\tx",
        row("1-2", "הבית"),
        row(1, "ה"),
        row(2, "בית"),
        row("2.1", "x"),
    ]
    for split in ("train", "test"):
        (folder / f"he_htb-ud-{split}.conllu").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "README.md").write_text("License: CC BY-NC-SA 4.0\n", encoding="utf-8")
    return folder.parent


def test_a_row_says_what_the_contract_says(data: Path, tmp_path: Path) -> None:
    assert list_corpora(data, store=Store(tmp_path / "store")) == [
        {
            "name": "UD_Hebrew-HTB",
            "language": "heb",
            "family": "Afro-Asiatic",
            "script": "Hebr",
            "splits": ["train", "test"],
            "words": 4,
            "licence": "CC BY-NC-SA 4.0",
            "path": str(data / "UD_Hebrew-HTB"),
        }
    ]


def test_a_second_listing_opens_no_treebank(data: Path, tmp_path: Path, monkeypatch) -> None:
    store = Store(tmp_path / "store")
    first = list_corpora(data, store=store)
    opened: list[Path] = []
    read_bytes = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: opened.append(path) or read_bytes(path))
    assert list_corpora(data, store=store) == first
    assert opened == []
    file = data / "UD_Hebrew-HTB" / "he_htb-ud-test.conllu"
    file.write_text(file.read_text("utf-8") * 2, encoding="utf-8")
    os.utime(file, ns=(1, 1))
    assert list_corpora(data, store=store)[0]["words"] == 6
    assert opened == [file]


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"x": 1}'])
def test_a_damaged_memory_is_made_anew(data: Path, tmp_path: Path, damage: str) -> None:
    store = Store(tmp_path / "store")
    first = list_corpora(data, store=store)
    (memory,) = store.root.glob("*.json")
    memory.write_text(damage)
    assert list_corpora(data, store=store) == first


def test_a_store_that_cannot_be_written(data: Path, tmp_path: Path, monkeypatch) -> None:
    def refuse(*_):
        raise OSError("read-only")

    monkeypatch.setattr(listing, "write_atomically", refuse)
    assert list_corpora(data, store=Store(tmp_path / "store"))[0]["words"] == 4


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        list_corpora(tmp_path, store=Store(tmp_path / "store"))
