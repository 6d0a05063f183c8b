"""Treebanks found in folders of every layout, and chosen by name or language."""

from __future__ import annotations

from pathlib import Path

import pytest

from xviz.corpora import folder as folder_module
from xviz.corpora.folder import choose, find_treebanks
from xviz.errors import InputError

SENTENCE = "1\tJa\t_\tINTJ\t_\t_\t0\troot\t_\t_\n\n"


def put(root: Path, *paths: str) -> Path:
    for path in paths:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(SENTENCE, encoding="utf-8")
    return root


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A small release: German twice, English once, Greek, and one that the catalogue does not know."""
    return put(
        tmp_path / "release",
        "UD_German-PUD/de_pud-ud-test.conllu",
        "UD_German-GSD/de_gsd-ud-train.conllu",
        "UD_German-GSD/de_gsd-ud-dev.conllu",
        "UD_German-GSD/de_gsd-ud-test.conllu",
        "UD_English-EWT/en_ewt-ud-dev.conllu",
        "UD_English-EWT/en_ewt-ud-test.conllu",
        "UD_Greek-GDT/el_gdt-ud-test.conllu",
        "UD_Norwegian-Nynorsk/no_nynorsk-ud-train.conllu",
        "UD_French-Ours/fr_ours-ud-train.conllu",
    )


def test_a_release_is_found_with_its_facts(release) -> None:
    (release / "UD_German-PUD" / "README.md").write_text("x\nLicense: CC BY-SA 3.0\n", encoding="utf-8")
    (release / "UD_German-GSD" / "LICENSE.txt").write_text("under the\nCC BY-SA 4.0.\n", encoding="utf-8")
    found = {treebank.name: treebank for treebank in find_treebanks(release)}
    assert list(found) == sorted(found)
    assert len(found) == 6
    pud, gsd, ours = (found[name] for name in ("UD_German-PUD", "UD_German-GSD", "UD_French-Ours"))
    assert (pud.language, pud.language_name, pud.family, pud.genus) == (
        "deu", "German", "Indo-European", "Germanic",
    )  # fmt: skip
    assert (pud.licence, gsd.licence, ours.licence) == ("CC BY-SA 3.0", "CC BY-SA 4.0", "")
    assert gsd.splits == ("train", "dev", "test")
    assert pud.files == {"test": (release / "UD_German-PUD" / "de_pud-ud-test.conllu",)}
    assert (ours.language, ours.family, ours.scripts) == ("fra", "Indo-European", ("Latn",))
    assert found["UD_Greek-GDT"].language_name == "Greek"


def test_nested_linked_and_unreleased_folders(release, tmp_path: Path) -> None:
    root = tmp_path / "deep"
    put(root, "a/b/UD_Thai-PUD/th_pud-ud-test.conllu", ".hidden/UD_Czech-PUD/cs_pud-ud-test.conllu")
    put(root, "a/b/UD_Thai-PUD/not-to-release/th_old-ud-test.conllu")
    (root / "linked").symlink_to(release)
    (release / "loop").symlink_to(root)
    names = [treebank.name for treebank in find_treebanks(root)]
    assert names.count("UD_Thai-PUD") == 1
    assert len(names) == 7
    assert not any("old" in name or "Czech" in name for name in names)


def test_a_train_set_in_several_files(tmp_path: Path) -> None:
    names = [f"UD_German-HDT/de_hdt-ud-train-{part}.conllu" for part in ("b-1", "a-2", "a-1")]
    put(tmp_path, *names, "UD_German-HDT/de_hdt-ud-dev.conllu")
    (spec,) = choose(tmp_path, ["German-HDT"])
    assert [Path(file).name for file in spec.files] == sorted(Path(name).name for name in names)
    assert len(choose(tmp_path, ["German-HDT"], split="all")[0].files) == 4


def test_plain_files(tmp_path: Path) -> None:
    put(tmp_path, "mine.conllu", "deu.conllu", "de_pud-ud-test.conllu", "pt_own-ud-train.conllu")
    found = {treebank.name: treebank for treebank in find_treebanks(tmp_path)}
    assert {name: treebank.language for name, treebank in found.items()} == {
        "UD_German-PUD": "deu", "deu": "deu", "mine": "und", "pt_own": "por",
    }  # fmt: skip
    assert found["mine"].splits == ("all",)
    assert found["mine"].language_name == "Unknown language"
    (spec,) = choose(tmp_path, ["mine"])
    assert (spec.split, spec.files) == ("all", (str(tmp_path / "mine.conllu"),))
    with pytest.raises(InputError, match="not divided"):
        choose(tmp_path, ["mine"], split="dev")
    (part,) = choose(tmp_path, ["mine"], split="dev", partition=(60, 20, 20))
    assert (part.split, part.partition) == ("dev", (60, 20, 20))


def test_one_file_as_data(release, tmp_path: Path) -> None:
    (spec,) = choose(release / "UD_German-GSD" / "de_gsd-ud-dev.conllu")
    assert (spec.name, spec.language, spec.split) == ("UD_German-GSD", "deu", "dev")
    assert len(spec.files) == 1
    (plain,) = choose(put(tmp_path, "x.conllu") / "x.conllu")
    assert (plain.name, plain.language, plain.split) == ("x", "und", "all")


def test_the_folder_of_one_treebank_as_data(release, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [t.name for t in find_treebanks(release / "UD_German-PUD")] == ["UD_German-PUD"]
    monkeypatch.chdir(release / "UD_German-PUD")
    assert [t.name for t in find_treebanks(".")] == ["UD_German-PUD"]


def test_a_ud_folder_with_a_file_of_another_name(tmp_path: Path) -> None:
    put(tmp_path, "UD_Irish-Mine/whatever.conllu")
    (spec,) = choose(tmp_path, ["ga"])
    assert (spec.name, spec.language, spec.split) == ("UD_Irish-Mine", "gle", "all")


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["UD_German-PUD", "English-EWT"], ["UD_German-PUD", "UD_English-EWT"]),
        (["german-pud"], ["UD_German-PUD"]),
        ("German-PUD, German-GSD,", ["UD_German-PUD", "UD_German-GSD"]),
        (["en", "eng", "English"], ["UD_English-EWT"]),
        (["Greek", "fr"], ["UD_Greek-GDT", "UD_French-Ours"]),
        (["no"], ["UD_Norwegian-Nynorsk"]),
    ],
)
def test_names_and_languages(release, names, chosen: list[str]) -> None:
    assert [spec.name for spec in choose(release, names, split="all")] == chosen


def test_no_names_are_all(release) -> None:
    assert len(choose(release, split="all")) == 6


def test_the_default_split_is_train_else_the_only_one(release) -> None:
    specs = choose(release, ["German-GSD", "German-PUD"])
    assert [spec.split for spec in specs] == ["train", "test"]
    assert [len(spec.files) for spec in specs] == [1, 1]
    with pytest.raises(InputError, match="UD_English-EWT has no train part; it has dev and test"):
        choose(release, ["English-EWT"])
    with pytest.raises(InputError, match="UD_German-PUD has no dev part; it has test"):
        choose(release, ["German-PUD"], split="dev")
    with pytest.raises(InputError, match="train, dev, test or all"):
        choose(release, ["German-PUD"], split="validation")


def test_all_and_partitions_read_every_file(release) -> None:
    (whole,) = choose(release, ["German-GSD"], split="all")
    assert [Path(file).stem for file in whole.files] == [f"de_gsd-ud-{s}" for s in ("train", "dev", "test")]
    (part,) = choose(release, ["German-GSD"], partition=(60, 20, 20))
    assert (part.split, part.partition, part.files) == ("train", (60, 20, 20), whole.files)
    assert choose(release, ["German-GSD"], split="all", partition=[60, 20, 20]) == [whole]
    with pytest.raises(InputError, match="add up to 100"):
        choose(release, ["German-GSD"], partition=(60, 20, 10))
    with pytest.raises(InputError, match="leaves nothing for dev"):
        choose(release, ["German-GSD"], split="dev", partition=(80, 0, 20))


def test_a_language_with_several_treebanks_names_them(release) -> None:
    with pytest.raises(InputError, match=r"German has 2 treebanks here \(UD_German-GSD, UD_German-PUD\)"):
        choose(release, ["de"])


def test_unknown_names(release) -> None:
    with pytest.raises(InputError, match="did you mean German-PUD"):
        choose(release, ["UD_German-PDU"])
    with pytest.raises(InputError, match=r"No treebank of Finnish \(fin\) lies here"):
        choose(release, ["Finnish"])
    with pytest.raises(InputError, match="'nonsense'"):
        choose(release, ["nonsense"])


def test_the_same_treebank_in_two_places(release) -> None:
    put(release, "older/UD_German-PUD/de_pud-ud-test.conllu")
    with pytest.raises(InputError, match="lies in 2 places"):
        choose(release, ["German-PUD"])
    assert choose(release / "older", ["German-PUD"])


def test_data_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        find_treebanks(tmp_path / "none")
    with pytest.raises(InputError, match="No treebank lies here"):
        find_treebanks(tmp_path)


def test_the_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = tmp_path / "sample"
    monkeypatch.setattr(folder_module, "SAMPLE", sample)
    for make in (lambda: None, sample.mkdir):
        make()
        with pytest.raises(InputError, match="bundled sample is empty"):
            find_treebanks("sample")
    put(sample, "UD_German-Sample/de_sample-ud-train.conllu")
    (sample / "README.md").write_text("# Sample\n\nLicense: CC BY 4.0\n", encoding="utf-8")
    assert find_treebanks("sample")[0].licence == "CC BY 4.0"
    (spec,) = choose("sample", ["de"])
    assert (spec.name, spec.language, spec.split) == ("UD_German-Sample", "deu", "train")
