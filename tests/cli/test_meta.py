"""``xviz meta``: one command from a network to the accuracy table, by the contract; clear errors."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from xviz.cli.application import application
from xviz.evaluation.accuracy import COLUMNS, FACTS, SUMMARY, read_table
from xviz.evaluation.spec import AccuracySpec
from xviz.learning.meta.compute import read_predictions
from xviz.learning.meta.spec import METHODS
from xviz.runs.steps import from_json, to_json
from xviz.store import Store

QUICK = ("--seeds", "2", "--draws", "2", "--shots", "0,5", "--epochs", "1", "--layer", "1", "--dtype", "fp32")
CHOICE = ("--source", "eng", "--train", "deu,fra", "--target", "spa,Turkish-Sample")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(application, [str(argument) for argument in arguments])


def told(result: Result) -> str:
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    return result.stderr.strip().splitlines()[-1]


@pytest.fixture(scope="module")
def encoder(tiny_models) -> str:
    return str(tiny_models("bert"))


def test_one_command_makes_the_table_with_every_method_and_control(encoder: str, tmp_path: Path) -> None:
    out = tmp_path / "accuracy.parquet"
    result = run(
        "meta",
        "--model",
        encoder,
        *CHOICE,
        *QUICK,
        "--shuffled",
        "--random-weights",
        1,
        "--out",
        out,
        "--json",
    )
    assert result.exit_code == 0, result.output
    assert "3 experiments with 2 training and 2 target languages: about" in result.stderr
    report = json.loads(result.stdout, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    table = pd.read_parquet(out)
    assert list(table.columns)[: len(COLUMNS)] == COLUMNS
    assert report["rows"] == len(table)
    assert set(table["arm"]) == {"untuned", "shuffled", "random_weights"}
    assert set(table["method"]) == set(METHODS)
    assert set(table["target"]) == {"eng", "spa", "tur"}
    assert set(table["convention"]) == {"unseen_wrong", "unseen_left_out"}
    here = table.query("arm == 'untuned' and convention == 'unseen_wrong' and target == 'tur'")
    trials = here.groupby("method").size().to_dict()
    assert trials == {
        **dict.fromkeys(("majority", "lookup", "direct", "probe", "pooled", "in_language"), 1),
        "rotation": 2,
        "in_language_few_shot": 2,
        "meta_zero_shot": 2,
        "meta_few_shot": 4,
    }
    assert table["accuracy"].between(0, 1).all()
    assert (table["n"] > 200).all()
    means = {row["method"]: row["accuracy"] for row in report["summary"] if row["arm"] == "untuned"
             and row["target"] == "tur" and row["convention"] == "unseen_wrong"}  # fmt: skip
    assert means["meta_few_shot"] == pytest.approx(here.query("method == 'meta_few_shot'")["accuracy"].mean())
    assert {row["measure"] for row in report["gaps"]} >= {"gap", "relative_gap", "sd", "worst_five"}

    entry = next(entry for entry in Store().entries("accuracy") if entry.key == report["run"])
    spec = from_json({"kind": "accuracy", **entry.spec})
    assert isinstance(spec, AccuracySpec)
    assert spec.key == report["run"]
    assert from_json(to_json(spec)) == spec
    assert entry.file(FACTS).is_file()
    assert len(read_table(spec, Store(), SUMMARY)) == len(report["summary"])
    found = read_predictions(spec.meta, Store())
    assert [judged.language for judged in found.judged] == ["eng", "spa", "tur"]
    assert len(found.facts["meta"]["meta_few_shot"]["phi_sha256"]) == 64
    for judged in found.judged:
        assert judged.predicted.shape == (len(judged.trials), len(judged.codes))

    again = run("meta", "--model", encoder, *CHOICE, *QUICK, "--shuffled", "--random-weights", 1)
    assert again.exit_code == 0
    assert "Meta-training" not in again.stderr  # what is in the store is not trained again
    assert "meta_zero_shot" in again.stdout


def test_relations_are_carried_over_as_well(encoder: str) -> None:
    few = ("--methods", "direct,probe,meta_zero_shot", "--concepts", "deprel")
    result = run("meta", "--model", encoder, *CHOICE, *QUICK, *few, "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["concept_kind"] == "deprel"
    assert {row["method"] for row in report["summary"]} == {"direct", "probe", "meta_zero_shot"}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (("--train", "deu", "--target", "deu"), "takes no part in training"),
        (("--train", "eng", "--target", "deu"), "given twice"),
        (("--target", "klingon"), "Klingon (tlh)"),
        (("--shots", "five"), "--shots takes numbers"),
        (("--methods", "magic"), "--methods is one of"),
        (("--layer", "9"), "layer"),
        (("--concepts", "colours"), "upos, deprel"),
        (("--out", "table.xlsx"), ".parquet"),
        (("--learning-rate", "0"), "--learning-rate"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(encoder: str, changed: tuple[str, ...], words: str) -> None:
    assert words in told(run("meta", "--model", encoder, *changed))
