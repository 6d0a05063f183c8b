"""Reading instruction rows, and mixing their languages: coverage and shares are exact."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from xviz.errors import InputError
from xviz.learning.instruction.crosslingual import build, counts, prompt_of
from xviz.learning.instruction.rows import Instructions, Row, open_instructions


def made(languages: str, n: int) -> Instructions:
    rows = {
        iso: tuple(
            Row(str(i), f"{iso} asks {i}", "given" if i % 2 else "", f"{iso} says {i}") for i in range(n)
        )
        for iso in languages.split()
    }
    return Instructions("made", rows)


def test_three_languages_cover_every_id_in_each_and_half_of_them_cross() -> None:
    n = 2000
    rows = build(made("eng deu fra", n), crossing=0.5, seed=3)
    assert len(rows) == 3 * n
    assert {(row.slot, row.id) for row in rows} == {
        (iso, str(i)) for iso in ("eng", "deu", "fra") for i in range(n)
    }
    assert abs(sum(row.crosses for row in rows) / len(rows) - 0.5) <= 0.02
    directions = counts(rows)
    assert "deu-fra" not in directions  # the pivot is on one side of every row that crosses
    assert "fra-deu" not in directions
    assert sum(directions.values()) == 3 * n
    slots = Counter(row.question == "eng" for row in rows if row.slot == "deu" and row.crosses)
    assert slots[True] == slots[False]  # flipped with probability one half


def test_two_languages_ask_equally_often() -> None:
    rows = build(made("eng deu", 100), crossing=0.5, seed=0)
    assert Counter(row.question for row in rows) == {"eng": 100, "deu": 100}
    assert counts(rows) == {"eng-eng": 50, "eng-deu": 50, "deu-deu": 50, "deu-eng": 50}


def test_answer_language_is_the_one_that_the_prompt_names() -> None:
    names = {"eng": "English", "deu": "German", "fra": "French"}
    for row in build(made("eng deu fra", 20), seed=1):
        assert row.prompt.startswith(f"{row.question} asks {row.id}")
        assert row.prompt.endswith(f"Answer in {names[row.answer]}:")
        assert row.output == f"{row.answer} says {row.id}"


def test_without_crossing_all_is_in_one_language() -> None:
    assert not any(row.crosses for row in build(made("eng deu fra", 30), crossing=0))
    assert len(build(made("eng", 5), crossing=0)) == 5


def test_one_seed_one_set() -> None:
    instructions = made("eng deu fra", 50)
    assert build(instructions, seed=4) == build(instructions, seed=4)
    assert build(instructions, seed=4) != build(instructions, seed=5)


def test_an_empty_input_leaves_no_gap() -> None:
    assert prompt_of("Name it.", "", "deu") == "Name it. Answer in German:"
    assert prompt_of("Name it.", "This.", "deu") == "Name it. This. Answer in German:"


@pytest.mark.parametrize(("share", "languages"), [(1.5, "eng deu"), (0.5, "eng")])
def test_what_cannot_be_built_is_said(share: float, languages: str) -> None:
    with pytest.raises(InputError):
        build(made(languages, 4), crossing=share)


def test_a_folder_is_joined_by_id(tmp_path: Path) -> None:
    def line(id: str) -> str:
        return json.dumps({"id": id, "instruction": "Do it.", "output": "Done."})

    (tmp_path / "en.jsonl").write_text("\n".join(map(line, "abc")), "utf-8")
    (tmp_path / "deu.json").write_text(f"[{line('c')}, {line('b')}, {line('d')}]", "utf-8")
    opened = open_instructions(tmp_path, languages=["eng", "de"])
    assert opened.languages == ("eng", "deu")
    assert opened.ids == ("b", "c")
    assert set(opened.left_out) == {"a", "d"}
    assert opened.rows["deu"][0] == Row("b", "Do it.", "", "Done.")
    assert opened.fingerprint != opened.only(["b"]).fingerprint


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('{"id": "a", "instruction": "x", "output": "y"}\n{"id": "a"}', 2, "no instruction"),
        ('{"id": "a", "instruction": "x", "output": "y"}\nnonsense', 2, "not valid JSON"),
        ('{"id": "a", "instruction": "x", "output": " "}', 1, "no output"),
        (
            '{"id": 1, "instruction": "x", "output": "y"}\n{"id": 1, "instruction": "x", "output": "y"}',
            2,
            "id 1",
        ),
        ("[1]", 1, "object"),
    ],
)
def test_a_bad_row_is_named_by_its_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    (tmp_path / "eng.jsonl").write_text(text, "utf-8")
    with pytest.raises(InputError, match=said) as error:
        open_instructions(tmp_path)
    assert error.value.line == line
    assert str(error.value.file).endswith("eng.jsonl")


def test_a_language_that_is_not_there_is_said() -> None:
    with pytest.raises(InputError, match="Korean"):
        open_instructions("sample", languages=["eng", "kor"])
