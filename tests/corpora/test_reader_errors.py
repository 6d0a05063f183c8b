"""Bad CoNLL-U: one sentence with file and line, never a traceback, never a silent skip."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from xviz.corpora.reader import read_treebank
from xviz.corpora.spec import TreebankSpec
from xviz.errors import InputError


def refused(read, content, **fields) -> InputError:
    with pytest.raises(InputError) as caught:
        read(content, **fields)
    error = caught.value
    assert error.file is not None
    assert error.file.endswith("a.conllu")
    assert "\n" not in str(error)
    return error


def test_not_utf8_names_the_line(read, good) -> None:
    good[4] = good[4].replace("heim", "Übung")
    error = refused(read, "\n".join(good).encode("latin-1"))
    assert (error.line, "not UTF-8" in error.message) == (5, True)
    assert "not UTF-8" in refused(read, "\n".join(good).encode("utf-16")).message


@pytest.mark.parametrize("content", ["", "\n\n\n", "# only a remark\n", "\ufeff", "  \n"])
def test_an_empty_file(read, content: str) -> None:
    assert "empty" in refused(read, content).message


@pytest.mark.parametrize(("columns", "said"), [(9, "9 columns"), (11, "11 columns"), (1, "1 column;")])
def test_a_wrong_number_of_columns(read, good, columns: int, said: str) -> None:
    good[3] = "\t".join([*good[3].split("\t"), "_"][:columns])
    error = refused(read, good)
    assert error.line == 4
    assert said in error.message


def test_spaces_instead_of_tabs(read, good) -> None:
    good[3] = good[3].replace("\t", "  ")
    assert "1 column;" in refused(read, good).message


@pytest.mark.parametrize(("head", "said"), [(4, "1 to 3"), (-1, "1 to 3"), ("_", "no head"), ("x", "'x'")])
def test_a_head_that_points_nowhere(read, good, row, head: object, said: str) -> None:
    good[4] = row(3, "heim", "ADV", head, "advmod")
    error = refused(read, good)
    assert error.line == 5
    assert said in error.message


def test_a_cycle_is_shown(read, row) -> None:
    lines = [row(1, "a", "X", 0, "root"), row(2, "b", "X", 4, "dep")]
    lines += [row(3, "c", "X", 2, "dep"), row(4, "d", "X", 3, "dep"), row(5, "e", "X", 4, "dep")]
    error = refused(read, lines)
    assert "2 -> 4 -> 3 -> 2" in error.message
    assert error.line == 2


def test_a_long_cycle(read, row) -> None:
    n = 10_000
    lines = [row(1, "a", "X", 0, "root")]
    lines += [row(i, "b", "X", i + 1 if i < n else 2, "dep") for i in range(2, n + 1)]
    assert "..." in refused(read, lines).message


def test_a_word_that_heads_itself(read, good, row) -> None:
    good[4] = row(3, "heim", "ADV", 3, "advmod")
    assert "its own head" in refused(read, good).message


def test_no_root_and_two_roots(read, good, row) -> None:
    two = [*good[:4], row(3, "heim", "ADV", 0, "root")]
    error = refused(read, two)
    assert "2 roots" in error.message
    assert error.line == 5
    none = [*good[:3], row(2, "gehen", "VERB", 3, "root"), good[4]]
    error = refused(read, none)
    assert "no root" in error.message
    assert error.line == 3


def test_duplicate_and_disordered_ids(read, good, row) -> None:
    twice = [*good, row(3, "heim", "ADV", 2, "advmod")]
    error = refused(read, twice)
    assert (error.line, "stands twice" in error.message) == (6, True)
    gap = [*good, row(5, "heim", "ADV", 2, "advmod")]
    assert "4 is expected" in refused(read, gap).message
    zero = [row(0, "a", "X", 0, "root")]
    assert "1 is expected" in refused(read, zero).message
    swapped = [good[3], good[2], good[4]]
    assert refused(read, swapped).line == 1


def test_a_missing_blank_line_is_suspected(read, good) -> None:
    without_comments = [*good, *good[2:]]
    assert "blank line" in refused(read, without_comments).message
    error = refused(read, [*good, *good])
    assert (error.line, "blank line" in error.message) == (6, True)


@pytest.mark.parametrize("id", ["1a", "", "_", "2-", "3-2", "1.0", "½", "１"])
def test_an_id_that_is_none(read, good, row, id: str) -> None:
    good[2] = row(id, "Wir", "PRON", 2, "nsubj")
    error = refused(read, good)
    assert error.line == 3
    assert "id" in error.message


def test_ranges_out_of_place(read, good, row) -> None:
    after = [*good, row("2-3", "gehenheim")]
    error = refused(read, after)
    assert (error.line, "after its word" in error.message) == (6, True)
    early = [*good[:2], row("2-3", "gehenheim"), *good[2:]]
    assert "word 1 is expected" in refused(read, early).message
    too_long = [*good[:4], row("3-4", "heimzu"), good[4]]
    error = refused(read, too_long)
    assert (error.line, "not there" in error.message) == (5, True)
    overlap = [*good[:2], row("1-2", "ab"), good[2], row("2-3", "bc"), *good[3:]]
    assert "overlap" in refused(read, overlap).message
    same = [*good[:2], row("1-2", "ab"), row("1-2", "ab"), *good[2:]]
    assert "overlap" in refused(read, same).message
    alone = ["# sent_id = x", row("1-2", "ab")]
    assert "no words" in refused(read, alone).message


def test_empty_nodes_out_of_place(read, good, row) -> None:
    for id in ("2.1", "4.1", "3.2"):
        error = refused(read, [*good, row(id, "x")])
        assert (error.line, "empty node" in error.message) == (6, True)
    assert "empty node" in refused(read, [*good, row("3.1", "x"), row("3.1", "x")]).message


@pytest.mark.parametrize("tag", ["CONJ", "noun", "NN", ""])
def test_an_unknown_tag(read, good, row, tag: str) -> None:
    good[4] = row(3, "heim", tag, 2, "advmod")
    error = refused(read, good)
    assert error.line == 5
    assert "17" in error.message


def test_empty_form_and_relation(read, good, row) -> None:
    assert "form" in refused(read, [*good[:4], row(3, "", "ADV", 2, "advmod")]).message
    assert "relation" in refused(read, [*good[:4], row(3, "heim", "ADV", 2, "")]).message


def test_two_sentences_of_one_name(read, good, row, tmp_path: Path) -> None:
    error = refused(read, [*good, "", *good])
    assert error.line == 9
    assert "s1" in error.message
    assert "line 3" in error.message
    other = tmp_path / "b.conllu"
    other.write_text("\n".join(good), encoding="utf-8")
    (tmp_path / "a.conllu").write_text("\n".join(good), encoding="utf-8")
    files = (str(other), str(tmp_path / "a.conllu"))
    with pytest.raises(InputError, match=r"b\.conllu:3"):
        read_treebank(TreebankSpec(name="a", language="deu", files=files, split="all"))


def test_two_names_of_one_sentence(read, good) -> None:
    assert "two names" in refused(read, ["# sent_id = s0", *good]).message


def test_a_name_without_words(read, good) -> None:
    error = refused(read, ["# sent_id = s0", "# text = Fort", "", *good])
    assert (error.line, "no words" in error.message) == (1, True)


def test_columns_of_its_own(read, good) -> None:
    error = refused(read, ["# global.columns = ID FORM UPOS", *good])
    assert "CoNLL-U Plus" in error.message


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "none.conllu", tmp_path):
        with pytest.raises(InputError):
            read_treebank(TreebankSpec(name="a", language="deu", files=(str(path),), split="all"))


@pytest.mark.parametrize("partition", [(60, 20, 10), (50, 50), (120, -10, -10), ()])
def test_a_partition_that_does_not_add_up(read, good, partition: tuple[int, ...]) -> None:
    spec = TreebankSpec.model_construct(
        name="a", language="deu", files=("x",), split="dev", partition=partition, multiword="syntactic"
    )
    with pytest.raises(InputError, match="add up to 100"):
        read_treebank(spec)


def test_whatever_is_broken_is_answered_in_a_sentence(read, good, row) -> None:
    """Random damage to a sound file: it is read as a sound one, or refused with an InputError."""
    lines = [*good[:4], row("3-4", "heimwärts"), good[4], row(4, "wärts", "ADV", 3, "fixed"), row("4.1", "x")]
    content = "\n".join([*lines, "", *[line.replace("s1", "s2") for line in lines], ""]).encode()
    chance = random.Random(0)
    pieces = [b"\t", b"\n", b"_", b"0", b"-", b".", b"#", b" ", b"\xff", b"\r", b"", b"9", b"\xe2\x80\xa8"]
    refusals = []
    for _ in range(500):
        at = chance.randrange(len(content))
        damaged = content[:at] + chance.choice(pieces) + content[at + chance.randrange(3) :]
        try:
            treebank = read(damaged, multiword=chance.choice(["syntactic", "surface"]))
        except InputError as error:
            refusals.append(error)
        else:
            lengths = treebank.sentences["length"].to_numpy()[treebank.words["sentence"]]
            assert (treebank.words["head"] <= lengths).all()
    assert all(error.file and "\n" not in str(error) for error in refusals)
    assert 100 < len(refusals) < 480


def test_a_part_without_sentences(read, good) -> None:
    with pytest.raises(InputError, match="holds no sentence"):
        read(good, split="dev", partition=(100, 0, 0))
