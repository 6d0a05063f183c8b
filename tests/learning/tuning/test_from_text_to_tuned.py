"""From text to a decoder to its tuned arms, by the commands that a user gives."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from xviz.cli.application import application
from xviz.corpora.folder import choose
from xviz.corpora.reader import read_treebank
from xviz.learning.tuning.spec import ARMS
from xviz.models.loading import load
from xviz.models.spec import ModelRef

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def nano(tmp_path: Path) -> Path:
    """A decoder that read the sample a few times."""
    text = tmp_path / "text"
    text.mkdir()
    for spec in choose("sample"):
        sentences = read_treebank(spec).sentences["text"]
        (text / f"{spec.language}.txt").write_text("\n".join(sentences) + "\n", "utf-8")
    arguments = ["pretrain", "--text", text, "--family", "decoder", "--preset", "nano", "--steps", "40"]
    result = CliRunner().invoke(application, [*map(str, arguments), "--out", str(tmp_path / "nano")])
    assert result.exit_code == 0, result.output
    return tmp_path / "nano"


def test_every_arm_by_one_command(nano: Path, tmp_path: Path) -> None:
    arguments = ["tune", "--model", nano, "--arms", "all", "--leave-out", "tur,fin"]
    arguments += ["--steps", "30", "--batch-tokens", "1024", "--learning-rate", "0.001", "--json"]
    arguments += ["--out", tmp_path / "out", "--evaluate-every", "30", "--dtype", "fp32"]
    result = CliRunner().invoke(application, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    rows = {row["arm"]: row for row in json.loads(result.stdout)["arms"]}
    assert tuple(rows) == ARMS
    assert {row["steps"] for arm, row in rows.items() if arm != "untuned"} == {30}
    tokens = [row["tokens"] for arm, row in rows.items() if arm != "untuned"]
    assert max(tokens) < 1.15 * min(tokens)  # equal steps and tokens
    dev = {arm: row["dev"] for arm, row in rows.items()}
    assert dev["mcl"]["dev_loss_mcl"] < min(dev[arm]["dev_loss_mcl"] for arm in ("untuned", "shuffled"))
    assert dev["cit"]["dev_loss_cit"] < dev["untuned"]["dev_loss_cit"]
    assert dev["both"]["dev_loss_cit"] < dev["untuned"]["dev_loss_cit"]
    assert all("dev_mexa_left_out" in measured for measured in dev.values())
    for row in rows.values():
        assert load(ModelRef(name=row["path"]), device="cpu").family == "decoder"
