"""Heavy work started from a page: a run of its own process, found again by what it computes."""

from __future__ import annotations

import time

import pytest

from xviz.corpora.folder import choose
from xviz.dashboard import jobs
from xviz.runs.record import create_run, runs_folder
from xviz.runs.standing import standing
from xviz.store import Store


@pytest.fixture
def wanted():
    return choose("sample", ["German-Sample"])


def finished(run):
    until = time.monotonic() + 120
    while (now := standing(run)).active:
        assert time.monotonic() < until
        time.sleep(0.1)
    return now


def test_a_run_fills_the_store_and_is_found_by_what_it_computes(wanted) -> None:
    run = jobs.start(wanted, title="Reading", command="xviz ...")
    found = jobs.run_of(wanted)
    assert found is not None
    assert found.run == run
    assert finished(run).state == "succeeded"
    assert Store().find(wanted[0]) is not None
    assert run.spec["command"] == "xviz ..."
    assert jobs.run_of(choose("sample", ["Hindi-Sample"])) is None


def test_the_same_work_is_started_once(wanted) -> None:
    at_work = create_run(wanted, title="At work")  # this process lives, so the run is queued
    assert jobs.start(wanted, title="Again", command="") == at_work
    assert len([path for path in runs_folder().iterdir() if path.is_dir()]) == 1


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_what_failed_or_was_stopped_is_taken_up_again(wanted, state) -> None:
    before = create_run(wanted, title="Before")
    before.write("state.json", before.state | {"state": state, "reason": "So."})
    run = jobs.start(wanted, title="Again", command="")
    assert run == before
    assert finished(run).state == "succeeded"


def test_what_was_finished_and_cleared_away_is_begun_anew(wanted) -> None:
    before = create_run(wanted, title="Before")
    before.write("state.json", before.state | {"state": "succeeded"})
    run = jobs.start(wanted, title="Again", command="")
    assert run != before
    assert finished(run).state == "succeeded"
