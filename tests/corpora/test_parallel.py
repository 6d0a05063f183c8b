"""Aligned sentences from lines, from columns, from treebanks joined by sent_id."""

from __future__ import annotations

from pathlib import Path

import pytest

from xviz.corpora.parallel import join_treebanks, open_parallel, read_lines, read_tsv
from xviz.errors import InputError


@pytest.fixture
def news(tmp_path: Path) -> Path:
    """Three lines in three languages, one of them with Windows line ends and a strange separator inside."""
    folder = tmp_path / "news"
    folder.mkdir()
    (folder / "news.eng.txt").write_text("Good morning\nThanks\nYes\n", encoding="utf-8")
    (folder / "news.de.txt").write_bytes("\ufeffGuten Morgen\r\nDanke\u2028sehr\r\nJa\r\n".encode())
    (folder / "news.fra.txt").write_text("Bonjour\nMerci\nOui", encoding="utf-8")
    (folder / "LICENSE.txt").write_text("CC0\n", encoding="utf-8")
    (folder / "document_ids.tsv").write_text("d1\n", encoding="utf-8")
    return folder


def test_line_aligned_text(news: Path) -> None:
    corpus = open_parallel(news)
    assert corpus.languages == ("deu", "eng", "fra")
    assert len(corpus) == 3
    assert corpus.ids() == ["1", "2", "3"]
    assert corpus.texts("German") == ["Guten Morgen", "Danke\u2028sehr", "Ja"]
    assert corpus.pairs("en", "fr") == [("Good morning", "Bonjour"), ("Thanks", "Merci"), ("Yes", "Oui")]
    assert list(corpus.sentences.columns) == ["id", "language", "text"]
    assert len(corpus.sentences) == 9
    chosen = read_lines(news, languages=["fr", "en"])
    assert chosen.languages == ("fra", "eng")
    with pytest.raises(InputError, match=r"no Finnish \(fin\)"):
        corpus.texts("fi")
    with pytest.raises(InputError, match=r"\*\.fin\.txt"):
        read_lines(news, languages=["en", "fi"])


def test_numbers_of_lines_that_differ(news: Path) -> None:
    (news / "news.fra.txt").write_text("Bonjour\nMerci\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"news\.eng\.txt has 3, news\.fra\.txt has 2") as caught:
        read_lines(news)
    assert caught.value.file == str(news / "news.fra.txt")
    assert len(read_lines(news, languages=["de", "en"])) == 3


def test_faults_of_line_aligned_folders(news: Path, tmp_path: Path) -> None:
    (news / "news.fra.txt").write_text("Bonjour\n \nOui\n", encoding="utf-8")
    with pytest.raises(InputError, match="empty") as caught:
        read_lines(news)
    assert (caught.value.file, caught.value.line) == (str(news / "news.fra.txt"), 2)
    (news / "other.fr.txt").write_text("Bonjour\nMerci\nOui\n", encoding="utf-8")
    with pytest.raises(InputError, match="French has two files"):
        read_lines(news)
    (news / "other.fr.txt").rename(news / "news.old9.txt")
    with pytest.raises(InputError, match="'old9'"):
        read_lines(news)
    with pytest.raises(InputError, match="are none"):
        read_lines(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        open_parallel(tmp_path / "none")
    (news / "news.old9.txt").unlink()
    (news / "news.fra.txt").write_bytes(b"Bonjour\nMerci\n\xff\n")
    with pytest.raises(InputError, match="not UTF-8") as caught:
        read_lines(news)
    assert caught.value.line == 3


def tsv(folder: Path, name: str, *rows: str) -> Path:
    file = folder / name
    file.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return file


def test_tsv_with_a_header(tmp_path: Path) -> None:
    corpus = open_parallel(tsv(tmp_path, "a.tsv", "id\ten\tde\tfra", "x1\tYes\tJa\tOui", "x2\tNo\tNein\tNon"))
    assert (corpus.languages, corpus.ids()) == (("eng", "deu", "fra"), ["x1", "x2"])
    assert corpus.pairs("de", "fr") == [("Ja", "Oui"), ("Nein", "Non")]
    two = open_parallel(tmp_path / "a.tsv", languages=["fr", "en"])
    with pytest.raises(InputError, match=r"a has no Finnish \(fin\); it has eng, deu, fra"):
        open_parallel(tmp_path / "a.tsv", languages=["fi"])
    assert (two.languages, two.ids(), two.texts("en")) == (("fra", "eng"), ["x1", "x2"], ["Yes", "No"])


def test_tsv_without_a_header(tmp_path: Path) -> None:
    rows = ["Yes\tJa", 'He said "no"\tEr sagte „nein"']
    named = read_tsv(tsv(tmp_path, "talk.eng-deu.tsv", *rows))
    assert named.languages == ("eng", "deu")
    assert named.texts("de")[1] == 'Er sagte „nein"'
    given = read_tsv(tsv(tmp_path, "b.tsv", *rows), languages=["en", "de"])
    assert given.sentences.equals(named.sentences)
    assert given.fingerprint == named.fingerprint
    short = tsv(tmp_path, "short.eng-deu.tsv", "yes\tja", "no\tnein")  # both are codes of languages too
    assert read_tsv(short).texts("de") == ["ja", "nein"]
    assert read_tsv(short, languages=["en", "de"]).texts("de") == ["ja", "nein"]
    with pytest.raises(InputError, match="which languages"):
        read_tsv(tmp_path / "b.tsv")
    with pytest.raises(InputError, match="twice"):
        read_tsv(tmp_path / "b.tsv", languages=["en", "eng"])


def test_faults_of_tsv(tmp_path: Path) -> None:
    file = tsv(tmp_path, "a.tsv", "en\tde", "Yes\tJa", "No")
    with pytest.raises(InputError, match=r"1 column, but 2 are expected \(en, de\)") as caught:
        read_tsv(file)
    assert (caught.value.file, caught.value.line) == (str(file), 3)
    with pytest.raises(InputError, match="3 columns") as caught:
        read_tsv(tsv(tmp_path, "a.eng-deu.tsv", "Yes\tJa", "No\tNein\t!"))
    assert caught.value.line == 2
    with pytest.raises(InputError, match="de is empty") as caught:
        read_tsv(tsv(tmp_path, "a.tsv", "en\tde", "Yes\t "))
    assert caught.value.line == 2
    with pytest.raises(InputError, match="line 2 already") as caught:
        read_tsv(tsv(tmp_path, "a.tsv", "id\ten\tde", "1\tYes\tJa", "1\tNo\tNein"))
    assert caught.value.line == 3
    with pytest.raises(InputError, match="header and no rows"):
        read_tsv(tsv(tmp_path, "a.tsv", "en\tde"))
    (tmp_path / "a.tsv").write_text("")
    with pytest.raises(InputError, match="empty"):
        read_tsv(tmp_path / "a.tsv")


def test_treebanks_are_joined_by_sent_id_not_by_position(read, row) -> None:
    def treebank(language: str, names: list[str]):
        lines = []
        for name in names:
            lines += [f"# sent_id = {name}", row(1, f"{language}-{name}", "X", 0, "root"), ""]
        return read(lines, language=language, name=f"UD_{language}")

    german, french = treebank("deu", ["a", "b", "c"]), treebank("fra", ["c", "x", "a"])
    corpus = join_treebanks([german, french])
    assert corpus.pairs("de", "fr") == [("deu-a", "fra-a"), ("deu-c", "fra-c")]
    assert corpus.ids() == ["a", "c"]
    assert corpus.left_out == ("b", "x")
    with pytest.raises(InputError, match="twice"):
        join_treebanks([german, german])
    with pytest.raises(InputError, match="no sent_id in common"):
        join_treebanks([german, treebank("fra", ["x"])])
    with pytest.raises(InputError, match="at least two"):
        join_treebanks([german])
