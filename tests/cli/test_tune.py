"""``xviz tune``: arms by one command, the same models again without work, and errors in a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.learning.tuning.conftest import decoders, one_thread, pairs_folder  # noqa: F401
from xviz.cli.application import application
from xviz.models.folder import describe

SMALL = [
    "--languages",
    "eng,deu",
    "--steps",
    "1",
    "--batch-tokens",
    "128",
    "--evaluate-every",
    "5",
    "--dtype",
    "fp32",
    "--learning-rate",
    "0.001",
]


def run(*arguments: object):
    return CliRunner().invoke(application, ["tune", *map(str, arguments)])


def test_arms_come_out_as_models(decoders, pairs_folder: Path, tmp_path: Path) -> None:  # noqa: F811
    out = tmp_path / "tuned"
    arguments = ["--model", decoders("llama"), "--pairs", pairs_folder, "--out", out, *SMALL]
    result = run(*arguments, "--arms", "untuned,mcl", "--arms", "cit", "--seeds", "1", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert [(row["arm"], row["seed"], row["steps"]) for row in told["arms"]] == [
        ("untuned", 0, 0),
        ("mcl", 0, 1),
        ("cit", 0, 1),
    ]
    assert told["arms"][0]["path"] == str(decoders("llama").resolve())
    assert describe(str(out / "mcl-seed0")).family == "decoder"
    assert told["arms"][2]["rows"] == sum(told["arms"][2]["directions"].values())

    again = run(*arguments, "--arms", "mcl")
    assert again.exit_code == 0, again.output
    assert "mcl" in again.stdout
    assert "--model" in again.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--arms", "mlc"], "one of untuned"),
        (["--layer", "7"], "hidden layers 0 to 2"),
        (["--leave-out", "deu"], "left out"),
        (["--pairs", "/nowhere"], "no such folder"),
        (["--languages", "eng,nonsense"], "nonsense"),
        (["--languages", "eng,kor"], "kor is not in the data"),
        (["--instructions", "/nowhere", "--arms", "cit"], "no such folder"),
        (["--temperature", "0"], "temperature"),
        (["--learning-rate", "0"], "above 0"),
    ],
)
def test_what_is_wrong_is_a_sentence(decoders, pairs_folder: Path, arguments: list[str], said: str) -> None:  # noqa: F811
    result = run("--model", decoders("llama"), "--pairs", pairs_folder, *SMALL, *arguments, "--json")
    assert result.exit_code == 2, result.output
    assert said in json.loads(result.stdout)["error"]


def test_an_encoder_has_no_answers_to_learn(tiny_models, pairs_folder: Path) -> None:  # noqa: F811
    result = run("--model", tiny_models("bert"), "--pairs", pairs_folder, *SMALL, "--arms", "both")
    assert result.exit_code == 2
    assert "encoder" in result.output
