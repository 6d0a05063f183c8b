"""``xviz align`` and ``xviz retrieve``: tables by the contract, summaries that agree, clear errors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from xviz.alignability.table import COLUMNS
from xviz.cli.application import application

FEW = ("--permutations", "49", "--lexical", "19", "--random-weights", "2", "--dtype", "fp32")
MEXA_COLUMNS = ["model", "layer", "pivot", "language", "n", "pooling", "centred", "score", "chance"]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(application, [str(argument) for argument in arguments])


def data_of(result: Result):
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def told(result: Result) -> str:
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    return result.stderr.strip().splitlines()[-1]


@pytest.fixture(scope="module")
def encoder(tiny_models) -> str:
    return str(tiny_models("bert"))


@pytest.fixture(scope="module")
def decoder(tiny_models) -> str:
    return str(tiny_models("llama"))


def test_align_writes_its_table_and_sums_it_up(encoder: str, tmp_path: Path) -> None:
    out = tmp_path / "scores.parquet"
    command = ("align", "--model", encoder, "--treebank", "deu,fra,eng", "--split", "all", "--layers", "0,2")
    report = data_of(run(*command, *FEW, "--disjoint", "--out", out, "--json"))
    table = pd.read_parquet(out)
    assert list(table.columns) == COLUMNS
    assert (report["pairs"], report["rows"], report["family"]) == (3, len(table), 6)
    assert set(table["null_kind"]) == {"permutation", "lexical", "random_weights", "none"}
    assert {"NOUN", "VERB"} <= set(report["concepts"])
    assert report["left_out"]["PART"].startswith("0 in")
    one = next(r for r in report["summary"] if (r["metric"], r["layer"]) == ("procrustes", 2))
    rows = table[(table["metric"] == "procrustes") & (table["layer"] == 2)]
    lexical = rows[rows["null_kind"] == "lexical"]
    assert one["median"] == pytest.approx(lexical["score"].median())
    assert one["beyond"]["lexical"] == pytest.approx((lexical["p_adjusted"] < 0.05).mean())
    assert one["beyond_all"] == pytest.approx(lexical["significant"].astype(float).mean())
    assert one["pairs"] == 3
    again = run(*command, *FEW, "--disjoint")
    assert again.exit_code == 0
    assert "3 pairs of 3 treebanks" in again.stdout
    assert "rsa euclidean/spearman/adjusted" in again.stdout
    assert "beyond all three" in again.stdout
    assert "Power" in again.stdout
    assert not data_of(run(*command, *FEW, "--disjoint", "--json"))["computed"]


def test_align_in_probe_space_partitions_what_has_no_dev_part(
    encoder: str, tmp_path: Path, data_of_one_file: Path
) -> None:
    command = ("align", "--model", encoder, "--data", data_of_one_file, "--layers", "1", "--space", "probe")
    result = run(*command, "--minimum", "5", "--permutations", "49", "--random-weights", "0", "--json")
    report = data_of(result)
    assert "Partitioned 60,20,20" in result.stderr
    assert report["space"] == "probe"
    nulls = {kind for row in report["summary"] for kind in row["beyond"]}
    assert nulls == {"permutation"}
    assert all(row["beyond_all"] is None for row in report["summary"])
    assert report["power"] is None


@pytest.fixture
def data_of_one_file(tmp_path: Path) -> Path:
    """Two treebanks of the sample with a single test file each, as PUD has."""
    from xviz.corpora.folder import find_treebanks

    for bank in find_treebanks("sample"):
        if bank.language in ("deu", "eng"):
            folder = tmp_path / "data" / bank.name
            folder.mkdir(parents=True)
            text = "".join(file.read_text("utf-8") for file in bank.all_files)
            (folder / f"{bank.language}_sample-ud-test.conllu").write_text(text, encoding="utf-8")
    return tmp_path / "data"


@pytest.mark.parametrize("concepts", ["deprel", "feats:Number"])
def test_align_takes_other_concepts(decoder: str, tmp_path: Path, concepts: str) -> None:
    out = tmp_path / "scores.csv"
    command = ("align", "--model", decoder, "--treebank", "deu,spa", "--split", "all", "--layers", "1")
    fast = ("--metrics", "rsa", "--permutations", "19", "--lexical", "0", "--random-weights", "0")
    result = run(
        *command, "--concepts", concepts, "--concept-set", "pair", "--minimum", "2", *fast, "--out", out
    )
    if concepts == "feats:Number":  # two values, and a comparison wants four
        assert "concepts" in told(result)
        return
    assert result.exit_code == 0, result.output
    table = pd.read_csv(out)
    assert set(table["concept_kind"]) == {concepts}
    assert set(table["concept_set"]) == {"pair"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--metrics", "rsa,cosine"), "cosine"),
        (("--variants", "euclidean/tau"), "euclidean/tau"),
        (("--concepts", "pos"), "upos, deprel or feats:Name"),
        (("--treebank", "deu"), "at least two"),
        (("--space", "probe", "--split", "test"), "--split"),
        (("--out", "scores.xlsx"), ".parquet"),
        (("--out", "/no/such/folder/scores.csv"), "does not exist"),
        (("--layers", "9"), "layer"),
        (("--minimum", "100000", "--random-weights", "0"), "lower the minimum"),
        (("--permutations", "-1"), "--permutations"),
    ],
)
def test_what_align_cannot_do_is_one_line(encoder: str, arguments: tuple[str, ...], said: str) -> None:
    base = ("--treebank", "deu,eng", "--layers", "1") if "--treebank" not in arguments else ()
    assert said in told(run("align", "--model", encoder, *base, *arguments))


def test_retrieve_joins_parallel_treebanks(encoder: str, tmp_path: Path) -> None:
    out = tmp_path / "mexa.parquet"
    command = ("retrieve", "--model", encoder, "--languages", "deu,fr", "--layers", "0,1", "--dtype", "fp32")
    report = data_of(run(*command, "--random-weights", "1", "--out", out, "--json"))
    table = pd.read_parquet(out)
    assert set(MEXA_COLUMNS) <= set(table.columns)
    assert (report["n"], report["languages"], report["pivot"]) == (150, ["deu", "fra"], "eng")
    assert len(table) == 2 * 2 * 2 * 2  # layers, poolings, languages, centred
    row = next(r for r in report["summary"] if (r["pooling"], r["layer"]) == ("weighted", 1))
    part = table[(table["pooling"] == "weighted") & (table["layer"] == 1) & table["centred"]]
    assert row["centred"]["mexa"] == pytest.approx(part["score"].mean())
    assert row["centred"]["random_weights"] == pytest.approx(part["random_weights"].mean())
    assert row["chance"] == pytest.approx(1 / 299)
    text = run(*command, "--random-weights", "1").stdout
    assert "2 languages against eng, n = 150" in text
    assert "MEXA, last pooling" in text


@pytest.mark.parametrize("kind", ["lines", "tsv"])
def test_retrieve_reads_text_that_is_aligned(encoder: str, tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(0)
    lines = [" ".join(rng.choice(["house", "river", "stands", "old", "the", "dog"], 8)) for _ in range(20)]
    if kind == "lines":
        for language in ("eng", "de", "fra"):
            (tmp_path / f"text.{language}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        place = tmp_path
    else:
        place = tmp_path / "text.tsv"
        rows = ["eng\tdeu\tfra", *("\t".join([line] * 3) for line in lines)]
        place.write_text("\n".join(rows) + "\n", encoding="utf-8")
    command = ("retrieve", "--model", encoder, "--parallel", place, "--pivot", "deu", "--layers", "1")
    report = data_of(run(*command, "--n", "12", "--random-weights", "0", "--pooling", "mean", "--json"))
    assert (report["languages"], report["n"]) == (["eng", "fra"], 12)
    assert report["summary"][0]["plain"]["mexa"] == 1
    assert report["summary"][0]["plain"]["random_weights"] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--pivot", "xho"), "Xhosa"),
        (("--languages", "deu,xho"), "Xhosa"),
        (("--pooling", "middle"), "middle"),
        (("--n", "151"), "150"),
        (("--parallel", "/no/such/folder"), "/no/such/folder"),
        (("--out", "mexa.txt"), ".parquet"),
        (("--layers", "9"), "layer"),
    ],
)
def test_what_retrieve_cannot_do_is_one_line(encoder: str, arguments: tuple[str, ...], said: str) -> None:
    base = ("--languages", "deu") if "--languages" not in arguments else ()
    assert said in told(run("retrieve", "--model", encoder, *base, *arguments))
