"""The command line: one object on stdout with --json, one line for what is wrong, exit codes 0, 1, 2."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from xviz.cli.application import application
from xviz.cli.options import items, partition_of
from xviz.errors import InputError


def run(*arguments: str) -> Result:
    return CliRunner().invoke(application, [str(argument) for argument in arguments])


def data_of(result: Result):
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def told(result: Result) -> str:
    """The one line that a user with bad input gets, after whatever progress was told."""
    assert result.exit_code == 2, result.output
    lines = result.stderr.strip().splitlines()
    assert [line.startswith("xviz: ") for line in lines] == [False] * (len(lines) - 1) + [True], lines
    assert "Traceback" not in result.output
    return lines[-1]


@pytest.fixture(scope="module")
def encoder(tiny_models) -> str:
    return str(tiny_models("bert"))


@pytest.fixture(scope="module")
def decoder(tiny_models) -> str:
    return str(tiny_models("llama"))


def test_lists_are_comma_separated_or_repeated() -> None:
    assert items(["A,B", "C, A"]) == ["A", "B", "C"]
    assert partition_of("60,20,20") == (60, 20, 20)
    with pytest.raises(InputError, match="60,20,20"):
        partition_of("60,x")


def test_console_script_answers_help_without_loading_anything_heavy() -> None:
    code = (
        "import sys; from xviz.cli import main; sys.argv = ['xviz', '--help']\n"
        "try: main()\nexcept SystemExit as end: assert not end.code\n"
        "assert not {'torch', 'pandas', 'transformers', 'streamlit'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for command in ("models", "corpora", "extract", "space", "pretrain", "run", "cache"):
        assert command in done.stdout


def test_models_are_listed_with_what_is_known() -> None:
    rows = data_of(run("models", "--json"))
    by_name = {row["name"]: row for row in rows}
    xlmr = by_name["xlm-roberta-base"]
    assert {"name", "family", "layers", "width", "parameters", "path", "available"} <= set(xlmr)
    assert (xlmr["family"], xlmr["layers"], xlmr["width"]) == ("encoder", 12, 768)
    assert "xlm-roberta-base" in run("models").stdout


def test_corpora_of_the_sample_are_listed() -> None:
    rows = data_of(run("corpora", "--data", "sample", "--json"))
    german = next(row for row in rows if row["name"] == "UD_German-Sample")
    assert (german["language"], german["family"], german["script"]) == ("deu", "Indo-European", "Latn")
    assert german["splits"] == ["train", "dev", "test"]
    assert german["words"] >= 1500
    assert german["licence"]


def test_extraction_reports_every_treebank_and_a_second_call_makes_no_pass(encoder: str) -> None:
    command = ("extract", "--model", encoder, "--treebank", "German-Sample,zho", "--dtype", "fp32", "--json")
    first = data_of(run(*command))
    assert first["forward_passes"] > 0
    assert (first["device"], first["dtype"]) == ("cpu", "fp32")
    names = [row["name"] for row in first["treebanks"]]
    assert names == ["UD_German-Sample", "UD_Chinese-Sample"]
    for row in first["treebanks"]:
        assert row["sentences"] + len({skip["sent_id"] for skip in row["skipped"]}) == 90
        assert not row["stored"]
    second = data_of(run(*command))
    assert second["forward_passes"] == 0
    assert all(row["stored"] for row in second["treebanks"])


def test_layers_that_are_missing_are_computed_alone(decoder: str) -> None:
    command = ("extract", "--model", decoder, "--treebank", "eng", "--dtype", "fp32", "--json")
    assert data_of(run(*command, "--layers", "0"))["forward_passes"] > 0
    assert data_of(run(*command, "--layers", "all"))["forward_passes"] > 0
    assert data_of(run(*command, "--layers", "0,2"))["forward_passes"] == 0


def test_skipped_sentences_are_named_with_reasons(encoder: str, tmp_path: Path) -> None:
    word = "{i}\tword\tword\tNOUN\t_\t_\t{head}\t{rel}\t_\t_"
    long = [word.format(i=i, head=min(i - 1, 1), rel="root" if i == 1 else "dep") for i in range(1, 200)]
    short = ["1\tHello\thello\tINTJ\t_\t_\t0\troot\t_\t_"]
    text = "".join(
        f"# sent_id = {name}\n" + "\n".join(rows) + "\n\n"
        for name, rows in [("long", long), ("short", short)]
    )
    (tmp_path / "en_own-ud-train.conllu").write_text(text, encoding="utf-8")
    report = data_of(run("extract", "--model", encoder, "--data", tmp_path, "--json"))
    (row,) = report["treebanks"]
    assert row["sentences"] == 1
    assert [skip["sent_id"] for skip in row["skipped"]] == ["long"]
    assert "128" in row["skipped"][0]["reason"]


@pytest.mark.parametrize("concepts", ["upos", "deprel", "feats:Case"])
def test_a_raw_space_is_written_with_the_columns_of_the_contract(
    encoder: str, tmp_path: Path, concepts: str
) -> None:
    out = tmp_path / "space.parquet"
    command = ("space", "--model", encoder, "--treebank", "German", "--layer", "1", "--concepts", concepts)
    report = data_of(run(*command, "--space", "raw", "--out", out, "--json"))
    table = pd.read_parquet(out)
    columns = "model treebank language split layer space concept_kind concept count vector"
    assert list(table.columns) == columns.split()
    counts = report["spaces"][0]["counts"]
    assert dict(zip(table["concept"], table["count"], strict=True)) == counts
    assert {"fertility", "effective_rank", "top_share", "n"} <= set(report["spaces"][0])


def test_a_probe_space_comes_with_its_baselines(encoder: str) -> None:
    command = ("space", "--model", encoder, "--treebank", "eng", "--layer", "1", "--space", "probe", "--json")
    (space,) = data_of(run(*command))["spaces"]
    methods = {(row["method"], row["subset"]) for row in space["accuracy"]}
    assert {("probe", "all"), ("lookup", "all"), ("majority", "all"), ("control", "all")} <= methods
    assert {("probe", "without PUNCT"), ("probe", "unseen forms")} <= methods
    by_method = {
        row["method"]: row["accuracy"]
        for row in space["accuracy"]
        if row["subset"] == "all" and row["convention"] == "unseen_wrong"
    }
    assert by_method["probe"] > by_method["majority"]
    assert all(row["split"] == "test" for row in space["accuracy"])


def test_the_store_is_listed_and_cleared(encoder: str) -> None:
    run("extract", "--model", encoder, "--treebank", "eng", "--layers", "0")
    listed = data_of(run("cache", "list", "--json"))
    assert {entry["kind"] for entry in listed["entries"]} == {"treebank", "words", "word_vectors"}
    assert data_of(run("cache", "clear", "--kind", "word_vectors", "--json"))["removed"] == 1
    assert data_of(run("cache", "clear", "--json"))["removed"] == 2
    assert data_of(run("cache", "list", "--json"))["entries"] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("extract", "--model", "no-such-model"), "not on this machine"),
        (("extract", "--model", "/no/such/folder"), "no folder"),
        (("extract", "--layrs", "3"), "--layrs"),
        (("extrct",), "extrct"),
        (("corpora", "--data", "/no/such/folder"), "/no/such/folder"),
        (("cache", "clear", "--kind", "nothing"), "nothing"),
        (("run", "/no/such/run"), "not a run"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_two(arguments: tuple[str, ...], said: str) -> None:
    assert said in told(run(*arguments))


def test_with_json_an_error_is_an_object_on_stdout() -> None:
    result = run("extract", "--model", "no-such-model", "--json")
    assert set(json.loads(result.stdout)) == {"error", "file", "line"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--layers", "9"), "layer"),
        (("--layers", "x"), "layer"),
        (("--treebank", "Germn"), "German"),
        (("--treebank", "German", "--partition", "50,20,20"), "100"),
        (("--treebank", "German", "--pooling", "middle"), "middle"),
        (("--device", "cuda:9"), "cuda"),
    ],
)
def test_bad_choices_name_what_there_is(encoder: str, arguments: tuple[str, ...], said: str) -> None:
    assert said in told(run("extract", "--model", encoder, *arguments))


def test_a_concept_that_no_word_has_is_told(encoder: str) -> None:
    line = told(
        run("space", "--model", encoder, "--treebank", "eng", "--layer", "1", "--concepts", "feats:Clusivity")
    )
    assert "Clusivity" in line
    assert "Number" in line


def test_a_broken_treebank_is_told_with_file_and_line(encoder: str, tmp_path: Path) -> None:
    broken = tmp_path / "en_own-ud-train.conllu"
    broken.write_text("1\tone\tone\tNUM\t_\t_\t0\troot\t_\n\n", encoding="utf-8")
    line = told(run("extract", "--model", encoder, "--data", tmp_path))
    assert f"{broken}:1:" in line
    assert "9" in line
    result = run("extract", "--model", encoder, "--data", tmp_path, "--json")
    error = json.loads(result.stdout)
    assert (error["file"], error["line"]) == (str(broken), 1)


def test_a_run_folder_is_carried_out_by_its_one_entry_point(encoder: str) -> None:
    from xviz.cli.vectors import treebank_specs
    from xviz.models.spec import ModelRef
    from xviz.representations.spec import WordVectorsSpec
    from xviz.runs.record import create_run

    (treebank,) = treebank_specs("sample", ["eng"], split="dev", partition=None, multiword="syntactic")
    spec = WordVectorsSpec(
        model=ModelRef(name=encoder), treebank=treebank, layer=1, pooling="first", dtype="fp32"
    )
    folder = create_run([spec], title="One layer").folder
    report = data_of(run("run", folder, "--json"))
    assert (report["state"], report["kind"]) == ("succeeded", "word_vectors")
