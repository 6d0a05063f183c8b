"""The page of runs: what it lists, filters, shows and compares."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.dashboard.conftest import text_of
from xviz.corpora.folder import choose
from xviz.dashboard.run_list import table_of
from xviz.runs.listing import list_runs
from xviz.runs.record import Run, carry_out, create_run
from xviz.runs.run_journal import RunJournal


@pytest.fixture
def runs() -> dict[str, Run]:
    """One that finished, with a curve; one that failed; one that is at work (this process is)."""
    made = {}
    for name, language in (("finished", "German"), ("failed", "Hindi"), ("working", "French")):
        made[name] = create_run(choose("sample", [f"{language}-Sample"]), title=f"{name} *{language}*")
    carry_out(made["finished"])
    with RunJournal(made["finished"].folder) as journal:
        journal.stage("Tuning")
        for step in range(5):
            journal.metrics(step, {"loss": 1 / (step + 1)})
    failed, working = made["failed"], made["working"]
    failed.write("state.json", failed.state | {"state": "failed", "reason": "Out of luck."})
    progress = {"done": 3, "total": 12, "unit": "treebanks", "remaining": 42}
    working.write(
        "state.json", working.state | {"state": "running", "stage": "Extracting", "progress": progress}
    )
    return made


def buttons(app) -> list[str]:
    return [button.label for button in app.button]


def test_an_empty_list_says_how_it_fills(open_page) -> None:
    app = open_page("runs")
    assert app.title[0].value == "Runs"
    assert "No run yet" in text_of(app)
    assert any("--where local" in code.value for code in app.code)


def test_runs_are_counted_listed_and_watched(open_page, runs) -> None:
    app = open_page("runs")
    said = text_of(app)
    assert "3 runs: 1 running, 1 succeeded, 1 failed." in said
    assert r"working \*French\*" in said, "a title is no markdown"
    assert {"Open", "Cancel"} <= set(buttons(app))
    table = table_of(list_runs())
    assert sorted(table["state"].str[2:]) == ["Failed", "Running", "Succeeded"]
    assert "Out of luck." in set(table["reason"])
    assert "sweep" not in table, "no run is of a sweep"


def test_a_link_opens_a_run_and_filters(open_page, runs) -> None:
    app = open_page("runs", run=runs["failed"].id, runs_state="Failed or lost")
    assert "; 1 shown." in text_of(app)
    assert app.error[0].value == r"Out of luck."
    assert "Resume" in buttons(app)
    app = open_page("runs", run=runs["finished"].id)
    assert "Resume" not in buttons(app)
    assert "Delete this run" in buttons(app)
    app = open_page("runs", run="nothing", runs_state="Dancing")
    said = text_of(app)
    assert "nothing, which is not here" in said
    assert "Dancing" in said


def test_several_runs_are_compared(open_page, runs) -> None:
    app = open_page("runs", run=[runs["finished"].id, runs["failed"].id])
    assert "2 runs compared" in text_of(app)
    assert any("language" in frame.value.index for frame in app.dataframe)
    for i, run in enumerate(runs.values()):
        table = pd.DataFrame({"layer": [0, 1], "score": [0.1 * i, 0.2 * i]})
        table.to_parquet(run.folder / "results" / "alignability-12345678-scores.parquet")
    app = open_page("runs", run=[run.id for run in runs.values()])
    assert "3 runs compared" in text_of(app)
    assert [len(frame.value) for frame in app.dataframe if "score" in frame.value] == [6]


def test_a_run_at_work_is_asked_to_stop(open_page, runs) -> None:
    app = open_page("runs")
    next(button for button in app.button if button.label == "Cancel").click().run()
    assert (runs["working"].folder / "cancel").exists()
    assert "Stop at once" in buttons(app)


def test_a_run_is_deleted_only_when_it_is_said_twice(open_page, runs) -> None:
    app = open_page("runs", run=runs["failed"].id)
    assert runs["failed"].folder.exists()
    next(button for button in app.button if button.label == "Delete this run").click().run()
    assert not runs["failed"].folder.exists()
    assert "2 runs" in text_of(app)


def test_a_run_is_named_and_remarked_upon(open_page, runs) -> None:
    app = open_page("runs", run=runs["finished"].id)
    next(field for field in app.text_input if field.label == "Name").input("Better")
    next(button for button in app.button if button.label == "Keep").click().run()
    assert runs["finished"].title == "Better"
