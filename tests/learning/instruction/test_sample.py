"""The bundled instructions: complete, in the right script, short, and apart from the bundled treebank."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from xviz.corpora.folder import find_treebanks
from xviz.corpora.languages import dominant_script, scripts
from xviz.learning.instruction.rows import SAMPLE, open_instructions
from xviz.learning.tuning.apart import normalised, sentences_in

LANGUAGES = sorted(treebank.language for treebank in find_treebanks("sample"))
FIELDS = ["id", "instruction", "input", "output"]


def rows_of(language: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (SAMPLE / f"{language}.jsonl").read_text("utf-8").splitlines()]


def test_every_language_of_the_sample_has_the_same_ids() -> None:
    assert sorted(file.stem for file in SAMPLE.glob("*.jsonl")) == LANGUAGES
    ids = [row["id"] for row in rows_of("eng")]
    assert len(ids) >= 150
    assert len(set(ids)) == len(ids)
    assert all([row["id"] for row in rows_of(language)] == ids for language in LANGUAGES)
    opened = open_instructions("sample")
    assert opened.ids == tuple(ids)
    assert opened.left_out == ()


@pytest.mark.parametrize("language", LANGUAGES)
def test_rows_are_whole_short_and_no_two_are_the_same(language: str) -> None:
    rows = rows_of(language)
    for row in rows:
        assert list(row) == FIELDS
        assert all(isinstance(value, str) and value == " ".join(value.split()) for value in row.values())
        assert row["instruction"]
        assert row["output"]
    assert max(Counter((row["instruction"], row["input"]) for row in rows).values()) == 1
    words = [len(" ".join(row[name] for name in FIELDS[1:]).split()) for row in rows]
    assert max(words) <= 40
    assert sum(count < 25 for count in words) > 0.9 * len(words)
    assert all(("___" in row["input"]) == row["id"].startswith("complete") for row in rows)


@pytest.mark.parametrize("language", LANGUAGES)
def test_rows_are_in_the_script_of_their_language(language: str) -> None:
    rows = rows_of(language)
    own = {*scripts(language), *({"Hani", "Jpan"} if language in ("jpn", "zho") else ())}
    for name in ("instruction", "output"):
        for row in rows:
            assert dominant_script([row[name]]) in own, row
    foreign = [row for row in rows if row["input"] and dominant_script([row["input"]]) not in own]
    assert all(row["id"].startswith("translate") for row in foreign)


def test_answers_of_lists_stand_in_the_list() -> None:
    for language in LANGUAGES:
        for row in rows_of(language):
            if row["id"].startswith(("odd", "compare")):
                assert row["output"] in row["input"]
            if row["id"].startswith("order"):
                separator = {"jpn": "、", "zho": "、", "ara": "، "}.get(language, ", ")
                asked, said = (sorted(row[name].split(separator)) for name in ("input", "output"))
                assert asked == said
                assert row["input"] != row["output"]


def test_no_sentence_is_one_of_the_bundled_treebank() -> None:
    evaluated = sentences_in("sample")
    assert len(evaluated) > 1000
    for language in LANGUAGES:
        for row in rows_of(language):
            for name in ("instruction", "input", "output"):
                assert normalised(row[name]) not in evaluated, row
