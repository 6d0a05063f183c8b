"""Every treebank of the test data, through an encoder and a decoder: nothing is lost, nothing done twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from xviz.cli.application import application
from xviz.corpora.folder import find_treebanks

pytestmark = [pytest.mark.data, pytest.mark.slow]


@pytest.mark.parametrize("family", ["bert", "llama"])
def test_all_treebanks_are_extracted_and_every_sentence_is_accounted_for(
    family: str, data_dir: Path, tiny_models
) -> None:
    folder = data_dir / "ud"
    command = [
        "extract",
        "--model",
        str(tiny_models(family)),
        "--data",
        str(folder),
        "--dtype",
        "fp32",
        "--json",
    ]

    def extract() -> dict:
        result = CliRunner().invoke(application, command)
        assert result.exit_code == 0, result.output[-2000:]
        return json.loads(result.stdout)

    first = extract()
    treebanks = {treebank.name: treebank for treebank in find_treebanks(folder)}
    assert len(first["treebanks"]) == len(treebanks) == 73
    assert first["forward_passes"] > 0
    for row in first["treebanks"]:
        files = treebanks[row["name"]].files[row["split"]]
        lines = [line for file in files for line in Path(file).read_text("utf-8").splitlines()]
        there = sum(line.startswith("# sent_id") for line in lines)
        left_out = {skip["sent_id"] for skip in row["skipped"] if "index" not in skip}
        assert row["sentences"] + len(left_out) == there, row["name"]
        assert all(skip["reason"] for skip in row["skipped"])
    again = extract()
    assert again["forward_passes"] == 0
    assert all(row["stored"] for row in again["treebanks"])
