"""``xviz overlap`` on the sample with a tiny network."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from typer.testing import CliRunner

from xviz.cli.application import application


@pytest.fixture
def run(xviz_home, tiny_models):
    model = str(tiny_models("bert"))
    common = ["overlap", "--model", model, "--treebank", "English-Sample,German-Sample"]
    return lambda *arguments: CliRunner().invoke(application, [*common, *map(str, arguments)])


def test_a_table_of_all_pairs_with_guards(run, tmp_path):
    out = tmp_path / "overlap.parquet"
    result = run("--layers", "0,2", "--clusters", "20", "--out", out, "--json")
    assert result.exit_code == 0, result.output
    table = pd.read_parquet(out)
    assert table["layer"].tolist() == [0, 2]
    assert (table["language_a"] + table["language_b"]).unique().tolist() == ["engdeu"]
    assert table[["colap", "random_weights", "purity", "chance_purity"]].stack().between(0, 1).all()
    assert (table["purity"] >= table["chance_purity"]).all()
    assert [row["layer"] for row in json.loads(result.stdout)["summary"]] == [0, 2]


def test_a_lexicon_gives_calign(run, tmp_path):
    lexicon = tmp_path / "eng-deu.tsv"
    lexicon.write_text("the\tdie\nthe\tder\nnot\tnicht\nand\tund\n", "utf-8")
    result = run("--layers", "0", "--clusters", "10", "--lexicon", lexicon, "--json")
    assert result.exit_code == 0, result.output
    assert 0 <= json.loads(result.stdout)["summary"][0]["calign"] <= 1


def test_a_faulty_lexicon_is_told_with_its_line(run, tmp_path):
    lexicon = tmp_path / "bad.tsv"
    lexicon.write_text("the\tdie\nno translation\n", "utf-8")
    result = run("--lexicon", lexicon)
    assert result.exit_code == 2
    assert "bad.tsv:2" in result.output.replace("\n", "")
    assert "Traceback" not in result.output
