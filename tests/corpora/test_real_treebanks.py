"""Real treebanks: all are found, all parse, counts and texts are those of their README."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from xviz.corpora.folder import choose, find_treebanks
from xviz.corpora.languages import dominant_script
from xviz.corpora.listing import list_corpora
from xviz.corpora.parallel import join_treebanks, open_parallel
from xviz.corpora.partition import side_of
from xviz.corpora.reader import read_treebank
from xviz.corpora.sentence import UPOS
from xviz.corpora.tables import open_treebank
from xviz.errors import InputError
from xviz.store import Store

pytestmark = pytest.mark.data

DIFFERENT_TEXT = {  # sentences whose `# text` differs in white space, as the README of the data says
    "UD_Finnish-PUD": 1, "UD_Icelandic-PUD": 3, "UD_Polish-PUD": 3, "UD_Finnish-TDT": 3,
    "UD_Belarusian-HSE": 1,
}  # fmt: skip
SOME = ["UD_German-PUD", "UD_Arabic-PUD", "UD_Hebrew-HTB", "UD_Icelandic-PUD", "UD_Naija-NSC"]


@pytest.fixture
def ud(data_dir: Path) -> Path:
    return data_dir / "ud"


def readme_table(data_dir: Path) -> dict[str, tuple[str, int, int]]:
    """Language, sentences and words of each treebank, as the README's tables give them."""
    rows = re.findall(
        r"^\| (UD_\S+) \| [^|]*\((\w{3})\) \| ([-\d]+)/([-\d]+)/([-\d]+) \| (\d+) \|",
        (data_dir / "README.md").read_text("utf-8"),
        re.MULTILINE,
    )
    return {
        name: (iso, sum(int(n) for n in counts if n != "-"), int(words)) for name, iso, *counts, words in rows
    }


def comment_texts(files: tuple[Path, ...]) -> list[str]:
    lines = [line for file in files for line in file.read_text("utf-8").split("\n")]
    return [line.partition("=")[2].strip() for line in lines if re.match(r"#\s*text\s*=", line)]


def check(name: str, data_dir: Path) -> None:
    iso, sentences, words = readme_table(data_dir)[name]
    (spec,) = choose(data_dir / "ud", [name], split="all")
    treebank = read_treebank(spec)
    assert (treebank.language, len(treebank), len(treebank.words)) == (iso, sentences, words)
    assert set(treebank.words["upos"]) <= set(UPOS)
    assert (treebank.words.loc[treebank.words["head"] == 0, "deprel"] == "root").all()

    texts = comment_texts(tuple(map(Path, spec.files)))
    different = [
        (ours, theirs)
        for ours, theirs in zip(treebank.sentences["text"], texts, strict=True)
        if ours != theirs
    ]
    assert len(different) == DIFFERENT_TEXT.get(name, 0)
    assert all("".join(a.split()) == "".join(b.split()) for a, b in different)

    (spec,) = choose(data_dir / "ud", [name], split="all", multiword="surface")
    surface = read_treebank(spec)
    assert surface.sentences["text"].tolist() == treebank.sentences["text"].tolist()
    text = surface.sentences["text"]
    for word in surface.words.itertuples():
        assert text[word.sentence][word.start : word.end] == word.form
    roots = surface.words.loc[surface.words["head"] == 0, "sentence"]
    assert roots.tolist() == list(range(len(surface)))


@pytest.mark.parametrize("name", SOME)
def test_some_treebanks(name: str, data_dir: Path) -> None:
    check(name, data_dir)


@pytest.mark.slow
def test_all_treebanks(data_dir: Path) -> None:
    for name in readme_table(data_dir):
        check(name, data_dir)


def test_all_folders_are_found(ud: Path, data_dir: Path) -> None:
    found = find_treebanks(ud)
    assert len(found) == 73
    assert {t.name: t.language for t in found} == {n: row[0] for n, row in readme_table(data_dir).items()}
    assert len({treebank.language for treebank in found}) == 55
    assert all(treebank.licence and treebank.family for treebank in found)
    several = {iso: n for iso, n in Counter(t.language for t in found).items() if n > 1}
    assert several["deu"] == 2
    with pytest.raises(InputError, match="UD_German-GSD, UD_German-PUD"):
        choose(ud, ["German"])
    assert choose(ud, ["Greek"])[0].name == "UD_Greek-GDT"


def test_german_pud(ud: Path) -> None:
    (spec,) = choose(ud, ["German-PUD"])
    assert spec.split == "test"
    treebank = read_treebank(spec)
    assert (len(treebank), len(treebank.words)) == (1000, 21332)
    contracted = (treebank.words["start"] == treebank.words["start"].shift()) & (
        treebank.words["sentence"] == treebank.words["sentence"].shift()
    )
    (surface_spec,) = choose(ud, ["German-PUD"], multiword="surface")
    assert len(read_treebank(surface_spec).words) == 21332 - contracted.sum()


def test_the_listing_counts_what_the_readme_counts(ud: Path, data_dir: Path, tmp_path: Path) -> None:
    rows = list_corpora(ud, store=Store(tmp_path))
    assert {row["name"]: row["words"] for row in rows} == {
        name: words for name, (_, _, words) in readme_table(data_dir).items()
    }
    scripts = {row["name"]: row["script"] for row in rows}
    assert scripts["UD_Serbian-SET"] == "Latn"
    assert scripts["UD_Japanese-PUD"] == "Jpan"
    assert scripts["UD_Chinese-PUD"] == "Hani"
    assert scripts["UD_Urdu-UDTB"] == "Arab"


def test_a_stored_treebank_is_the_same(ud: Path, tmp_path: Path) -> None:
    (spec,) = choose(ud, ["Persian-Seraji"], split="dev")
    treebank = open_treebank(spec, store=Store(tmp_path))
    assert treebank.words.equals(read_treebank(spec).words)
    assert treebank.words["form"].str.contains("\u200c").any()
    assert dominant_script(treebank.words["form"]) == "Arab"


def test_translations_never_fall_on_two_sides(ud: Path) -> None:
    names = ["German-PUD", "Icelandic-PUD", "Thai-PUD"]
    parts = {
        side: [
            set(read_treebank(spec).sentences["sent_id"])
            for spec in choose(ud, names, split=side, partition=(60, 20, 20))
        ]
        for side in ("train", "dev", "test")
    }
    for side, (german, icelandic, thai) in parts.items():
        assert german == icelandic == thai
        assert all(side_of(name, (60, 20, 20)) == side for name in german)
    assert sum(len(part[0]) for part in parts.values()) == 1000
    assert 560 <= len(parts["train"][0]) <= 640


def test_parallel_treebanks_are_joined(ud: Path) -> None:
    treebanks = [read_treebank(spec) for spec in choose(ud, ["English-PUD", "Icelandic-PUD"])]
    corpus = join_treebanks(treebanks)
    assert len(corpus) == 1000
    assert corpus.left_out == ()
    assert corpus.ids() == treebanks[0].sentences["sent_id"].tolist()
    assert corpus.ids() != treebanks[1].sentences["sent_id"].tolist()


def test_translations_as_lines_and_columns(data_dir: Path) -> None:
    ntrex = open_parallel(data_dir / "parallel" / "tuning" / "ntrex")
    assert (len(ntrex), len(ntrex.languages)) == (992, 33)
    tatoeba = open_parallel(data_dir / "parallel" / "pretraining" / "tatoeba" / "tatoeba.eng-kaz.tsv")
    assert (len(tatoeba), tatoeba.languages) == (571, ("eng", "kaz"))
