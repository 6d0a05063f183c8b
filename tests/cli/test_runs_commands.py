"""``xviz runs``: the same as the page, in a terminal."""

from __future__ import annotations

import json
import time

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from xviz.cli.application import application
from xviz.corpora.folder import choose
from xviz.errors import InputError
from xviz.runs.record import Run, carry_out, create_run, find_run
from xviz.runs.resources import Resources, read_where
from xviz.runs.standing import standing


def run(*arguments: str) -> Result:
    return CliRunner().invoke(application, [str(argument) for argument in arguments])


def data_of(result: Result):
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def told(result: Result) -> str:
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    return result.stderr.strip().splitlines()[-1]


@pytest.fixture
def finished() -> Run:
    made = create_run(choose("sample", ["German-Sample"]), title="German", command="xviz ...")
    carry_out(made)
    return made


@pytest.fixture
def cancelled() -> Run:
    made = create_run(choose("sample", ["Hindi-Sample"]), title="Hindi")
    made.write("state.json", made.state | {"state": "cancelled", "reason": "Stopped."})
    return made


def test_runs_are_listed_filtered_and_shown(finished, cancelled) -> None:
    rows = data_of(run("runs", "list", "--json"))
    assert {"id", "folder", "kind", "state", "reason"} <= set(rows[0])
    assert {row["id"]: row["state"] for row in rows} == {finished.id: "succeeded", cancelled.id: "cancelled"}
    assert [row["id"] for row in data_of(run("runs", "list", "--state", "cancelled", "--json"))] == [
        cancelled.id
    ]
    assert data_of(run("runs", "list", "--kind", "card", "--json")) == []
    text = run("runs", "list").stdout
    assert "German" in text
    assert "(Stopped.)" in text
    assert "No run." in run("runs", "list", "--state", "lost").stdout
    assert "--state is one of" in told(run("runs", "list", "--state", "dancing"))
    one = data_of(run("runs", "show", finished.id, "--json"))
    assert (one["state"], one["title"], one["kind"]) == ("succeeded", "German", "treebank")
    assert "succeeded" in run("runs", "show", finished.id[-6:]).stdout
    assert "no run 'nothing'" in told(run("runs", "show", "nothing"))


def test_runs_are_named_and_deleted(finished, cancelled) -> None:
    data_of(run("runs", "note", finished.id, "--title", "Better", "--text", "keep", "--json"))
    assert finished.title == "Better"
    assert "--title, --text" in told(run("runs", "note", finished.id))
    asked = CliRunner().invoke(application, ["runs", "delete", cancelled.id], input="n\n")
    assert asked.exit_code != 0
    assert cancelled.folder.exists()
    assert data_of(run("runs", "delete", cancelled.id, "--yes", "--json"))[0]["deleted"] is True
    assert not cancelled.folder.exists()


def test_what_is_not_at_work_is_not_cancelled_and_what_has_finished_not_resumed(finished, cancelled) -> None:
    assert "not at work: it is succeeded" in told(run("runs", "cancel", finished.id))
    assert "has finished" in told(run("runs", "resume", finished.id))
    data_of(run("runs", "resume", cancelled.id, "--where", "here", "--json"))
    assert standing(cancelled).state == "succeeded"


def test_runs_are_compared(finished, cancelled) -> None:
    found = data_of(run("runs", "compare", finished.id, cancelled.id, "--json"))
    assert {"place": "language", finished.id: "deu", cancelled.id: "hin"} in found["differences"]
    assert "language" in run("runs", "compare", finished.id, cancelled.id).stdout
    assert "at least two" in told(run("runs", "compare", finished.id))


def test_a_command_sends_its_work_off_once_and_shows_it_when_it_is_there(tiny_models, monkeypatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    command = ["extract", "--model", tiny_models("bert"), "--treebank", "German-Sample", "--layers", "1"]
    sent = data_of(run(*command, "--where", "local", "--json"))
    assert set(sent) == {"id", "folder", "kind", "state", "reason"}
    assert sent["state"] in ("queued", "running")
    again = run(*command, "--where", "local", "--json")
    if "treebanks" not in again.stdout:  # unless it has finished already
        assert data_of(again)["id"] == sent["id"]
    until = time.monotonic() + 120
    while (now := standing(find_run(sent["id"]))).active:
        assert time.monotonic() < until
        time.sleep(0.1)
    assert now.state == "succeeded", now
    shown = data_of(run(*command, "--where", "local", "--json"))
    assert shown["treebanks"][0]["name"] == "UD_German-Sample"
    assert len(data_of(run("runs", "list", "--json"))) == 1


def test_a_sweep_becomes_one_table(tmp_path, tiny_models) -> None:
    spec = choose("sample", ["German-Sample"])[0]
    base = create_run([spec], title="Reading")
    rows = data_of(
        run("runs", "sweep", base.id, "--over", "multiword=syntactic,surface", "--where", "here", "--json")
    )
    assert [row["state"] for row in rows] == ["succeeded", "succeeded"]
    name = find_run(rows[0]["id"]).spec["sweep"]
    assert len(data_of(run("runs", "list", "--sweep", name, "--json"))) == 2
    for row in rows:
        place = find_run(row["id"]).folder / "results" / "toy-12345678-table.parquet"
        pd.DataFrame({"score": [1.0]}).to_parquet(place)
    run("runs", "table", name, "--out", tmp_path / "all.csv")
    table = pd.read_csv(tmp_path / "all.csv")
    assert table["multiword"].tolist() == ["syntactic", "surface"]
    assert "no sweep 'x'" in told(run("runs", "table", "x"))
    assert "no 'colour'" in told(run("runs", "sweep", base.id, "--over", "colour=1"))
    (tmp_path / "spec.json").write_text("[]")
    assert "`kind`" in told(run("runs", "sweep", tmp_path / "spec.json", "--over", "seed=1"))


def test_where_is_read_with_its_resources() -> None:
    assert read_where("here") == ("here", Resources())
    place, asked = read_where("slurm:partition=gpu,time=1-12:00:00,gpus=2,nodes=3")
    assert (place, asked.partition, asked.time, asked.gpus, asked.nodes) == (
        "slurm",
        "gpu",
        "1-12:00:00",
        2,
        3,
    )
    for wrong, said in (
        ("cloud", "one of here, local, slurm"),
        ("here:gpus=1", "takes no resources"),
        ("slurm:gpu=1", "not 'gpu=1'"),
        ("slurm:gpus=many", "gpus=many does not fit"),
        ("slurm:time=soon", "time=soon does not fit"),
        ("local:gpus", "not 'gpus'"),
    ):
        with pytest.raises(InputError, match=said):
            read_where(wrong)
    assert "one of here, local, slurm" in told(run("extract", "--where", "cloud"))
