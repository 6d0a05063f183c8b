"""What a run says of itself, and what is true."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from xviz.corpora.folder import choose
from xviz.runs.processes import ProcessName, birth
from xviz.runs.record import Run, create_run
from xviz.runs.standing import ENDED, SILENT, JobState, standing


class Slurm:
    """Answers what it is told to answer."""

    def __init__(self, answer: JobState | None):
        self.answer = answer

    def ask(self, job: str) -> JobState | None:
        assert job == "17"
        return self.answer


@pytest.fixture
def run() -> Run:
    return create_run(choose("sample", ["German-Sample"]), title="Reading")


def says(run: Run, **fields) -> None:
    run.write("state.json", run.state | fields)


def gone() -> ProcessName:
    """A process of this machine that has ended."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    name = ProcessName.of(child.pid)
    assert name.alive()
    child.kill()
    child.wait()
    return name


def test_a_run_is_running_as_long_as_its_process_lives(run: Run) -> None:
    says(run, state="running")
    assert standing(run).state == "running"
    says(run, process=gone().to_json(), heartbeat="2026-01-01T00:00:00+00:00")
    now = standing(run)
    assert now.state == "lost"
    assert "killed, out of memory" in now.reason
    assert "2026-01-01T00:00:00" in now.reason


def test_another_process_with_the_same_number_is_not_the_run(run: Run) -> None:
    mine = ProcessName.of()
    boot, _, ticks = mine.birth.partition("/")
    for birth_of_other in (f"{boot}/{int(ticks) + 1}", f"another/{ticks}", ""):
        other = ProcessName(os.getpid(), birth_of_other, mine.host)
        assert not other.alive()
        says(run, state="running", process=other.to_json())
        assert standing(run).state == "lost"
    assert birth(0) is None
    assert birth(2**22 + 1) is None


def test_an_ended_process_that_nobody_has_waited_for_does_not_live() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    name = ProcessName.of(child.pid)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not name.alive()
    child.wait()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"state": "running"', "\x00\x00\x00"])
def test_a_damaged_state_is_lost_unless_the_process_lives(run: Run, text: str) -> None:
    (run.folder / "state.json").write_text(text)
    now = standing(run)
    assert now.state == "lost"
    assert "state.json" in now.reason
    run.write("launch.json", {"where": "local", "process": ProcessName.of().to_json()})
    assert standing(run).state == "running"


def test_a_state_that_there_is_not_is_told(run: Run) -> None:
    says(run, state="dancing")
    assert standing(run).state == "lost"
    assert "dancing" in standing(run).reason


def test_a_queued_run_whose_process_died_is_lost_and_tells_its_last_words(run: Run) -> None:
    says(run, process=gone().to_json())
    (run.folder / "output.txt").write_text("Traceback\nImportError: no such module\n\n")
    now = standing(run)
    assert now.state == "lost"
    assert "ImportError: no such module" in now.reason


def test_a_jump_of_the_clock_loses_no_run_here(run: Run) -> None:
    says(run, state="running")
    for jump in (timedelta(days=400), timedelta(days=-400)):
        assert standing(run, now=datetime.now(UTC) + jump).state == "running"


def test_a_run_elsewhere_is_judged_by_its_sign_of_life(run: Run) -> None:
    elsewhere = ProcessName(4, "boot/7", "another-machine").to_json()
    beat = datetime.now(UTC)
    says(run, state="running", process=elsewhere, heartbeat=beat.isoformat(timespec="seconds"))
    assert standing(run, now=beat + timedelta(seconds=60)).state == "running"
    assert standing(run, now=beat - timedelta(days=1)).state == "running", "its clock may be ahead"
    now = standing(run, now=beat + timedelta(hours=1))
    assert now.state == "lost"
    assert "another-machine" in now.reason
    says(run, heartbeat="no time")
    assert standing(run).state == "lost"


def test_what_ended_stays_ended(run: Run) -> None:
    for state in ("succeeded", "failed", "cancelled"):
        says(run, state=state, reason="So it was.", process=gone().to_json())
        now = standing(run)
        assert (now.state, now.reason) == (state, "So it was.")


def test_a_run_that_was_asked_to_stop_and_died_was_cancelled(run: Run) -> None:
    says(run, state="running", process=gone().to_json())
    run.cancel()
    assert standing(run).state == "cancelled"


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("PENDING", "queued"),
        ("REQUEUED", "queued"),
        ("RUNNING", "running"),
        ("CANCELLED", "cancelled"),
        ("NODE_FAIL", "lost"),
        ("TIMEOUT", "lost"),
        ("OUT_OF_MEMORY", "lost"),
        ("PREEMPTED", "lost"),
        ("COMPLETED", "lost"),
        ("REVOKED", "lost"),
    ],
)
def test_slurm_has_the_word_on_its_jobs(run: Run, name: str, state: str) -> None:
    run.write("launch.json", {"where": "slurm", "job": "17"})
    says(run, state="running", process=gone().to_json())
    now = standing(run, jobs=Slurm(JobState(name, "Priority")))
    assert now.state == state
    if name == "PENDING":
        assert now.reason == "Job 17 waits in Slurm (Priority)."
    # Slurm forgets; how a job ended is remembered, how it waited is not
    later = standing(run, jobs=Slurm(None))
    assert later.state == (state if name in ENDED else "lost")


def test_without_accounting_a_forgotten_job_is_judged_by_its_sign_of_life(run: Run) -> None:
    run.write("launch.json", {"where": "slurm", "job": "17"})
    beat = datetime.now(UTC)
    node = ProcessName(4, "boot/7", "node-3").to_json()
    says(run, state="running", process=node, heartbeat=beat.isoformat(timespec="seconds"))
    assert standing(run, jobs=Slurm(None), now=beat + timedelta(seconds=9)).state == "running"
    assert standing(run, jobs=Slurm(None), now=beat + timedelta(hours=9)).state == "lost"
    says(run, state="queued")
    assert "does not know the job 17" in standing(run, jobs=Slurm(None)).reason


def test_slurms_word_on_a_job_says_nothing_of_the_next_one(run: Run) -> None:
    run.write("launch.json", {"where": "slurm", "job": "17"})
    (run.folder / "slurm.json").write_text(json.dumps({"job": "16", "name": "CANCELLED", "reason": ""}))
    says(run, state="queued")
    assert standing(run, jobs=Slurm(None)).state == "lost"


def test_a_slurm_that_does_not_answer_loses_nothing(run: Run) -> None:
    run.write("launch.json", {"where": "slurm", "job": "17"})
    for state in ("queued", "running"):
        says(run, state=state, process=gone().to_json())
        now = standing(run, jobs=Slurm(JobState(SILENT)))
        assert now.state == state
        assert "does not answer" in now.reason
