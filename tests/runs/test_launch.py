"""Runs in processes of their own: sent off, watched, stopped, killed, resumed. Nothing is lost or untrue."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from tests.runs.conftest import wait_for
from xviz.errors import Cancelled, InputError, XvizError
from xviz.journal import Journal
from xviz.runs.curves import read_curve
from xviz.runs.launch import cancel, delete, launch, resume
from xviz.runs.listing import last_run_of, list_runs, run_at_work
from xviz.runs.processes import ProcessName
from xviz.runs.record import Run, carry_out, create_run, find_run
from xviz.runs.results import result_tables
from xviz.runs.standing import standing
from xviz.store import Store


def sent(*specs, title: str = "Counting") -> Run:
    run = create_run(specs, title=title)
    launch([run], "local")
    return run


def kill(run: Run) -> None:
    os.kill(run.state["process"]["pid"], signal.SIGKILL)


def test_a_run_works_in_its_own_session_and_leaves_its_history(toys) -> None:
    spec = toys.Slow(steps=4)
    run = sent(spec)
    assert standing(run).state in ("queued", "running")
    assert run_at_work([spec]) == run
    now = wait_for(run, "succeeded")
    process = run.launch["process"]
    assert process["pid"] != os.getpid()
    assert now.known["process"]["pid"] == process["pid"]
    assert now.known["attempt"] == 1
    assert Store().find(spec) is not None
    assert result_tables(run.folder)["slow/table"]["total"].tolist() == [6]
    about = run.provenance
    assert about["keys"] == [f"slow/{spec.key}"]
    assert about["seeds"] == [0]
    assert about["device"] == "cpu"
    assert about["peak_memory"] > 10_000_000
    assert about["seconds"] >= 0.2
    assert about["packages"]["torch"]
    assert read_curve(run.folder).query("name == 'count'")["value"].tolist() == [0, 1, 2, 3]
    assert run_at_work([spec]) is None
    assert last_run_of([spec]) == run


@pytest.mark.slow
def test_a_run_outlives_the_process_that_sent_it(toys, xviz_home) -> None:
    code = """
        from toy_steps import Slow
        from xviz.runs.launch import launch
        from xviz.runs.record import create_run
        run = create_run([Slow(steps=20, seconds=0.1)], title="Outlives")
        launch([run], "local")
        print(run.folder)
        """
    told = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    run = find_run(told.stdout.strip())
    assert os.getsid(run.launch["process"]["pid"]) == run.launch["process"]["pid"]
    wait_for(run, "running", also=lambda now: (now.share or 0) > 0)
    now = wait_for(run, "succeeded")
    assert now.known["attempt"] == 1


@pytest.mark.slow
def test_progress_moves_and_says_how_long_it_takes(toys) -> None:
    run = sent(toys.Slow(steps=60, seconds=0.1))
    now = wait_for(run, "running", also=lambda now: now.remaining is not None)
    assert now.stage == "Counting"
    assert 0 < (now.share or 0) < 1
    assert 1 < now.remaining < 60
    cancel(run)
    assert wait_for(run, "cancelled").reason.startswith("Stopped at")
    with pytest.raises(InputError, match="not at work: it is cancelled"):
        cancel(run)


@pytest.mark.slow
def test_runs_queue_for_the_device_and_can_be_cancelled_while_they_wait(toys) -> None:
    first = sent(toys.Slow(steps=300, seconds=0.1))
    wait_for(first, "running")
    second = sent(toys.Slow(steps=2))
    waiting = wait_for(second, "queued", also=lambda now: "before it" in now.reason)
    third = sent(toys.Slow(steps=3))
    assert waiting.reason == "Waiting for cpu: 1 run before it."
    cancel(third)
    assert "queued" in wait_for(third, "cancelled").reason
    with pytest.raises(InputError, match="cancel it first"):
        delete(second)
    cancel(first)
    wait_for(first, "cancelled")
    wait_for(second, "succeeded")


def test_cancelled_while_it_starts(toys) -> None:
    spec = toys.Slow(steps=2)
    run = sent(spec)
    cancel(run)
    assert wait_for(run, "cancelled").state == "cancelled"
    assert Store().find(spec) is None
    resume(run)
    wait_for(run, "succeeded")


@pytest.mark.slow
def test_stopped_at_once(toys) -> None:
    run = sent(toys.Slow(steps=2, seconds=60))
    wait_for(run, "running")
    cancel(run, at_once=True)
    now = wait_for(run, "cancelled")
    assert now.reason == "Stopped at once."
    process = ProcessName.read(run.launch["process"])
    assert process is not None
    until = time.monotonic() + 10
    while process.alive():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_killed_run_is_lost_and_goes_on(toys) -> None:
    spec = toys.Slow(steps=6, seconds=0.2)
    run = sent(spec)
    wait_for(run, "running", also=lambda now: now.known["progress"].get("done", 0) >= 1)
    kill(run)
    now = wait_for(run, "lost")
    assert "without a word" in now.reason
    assert [each.standing.state for each in list_runs()] == ["lost"]
    resume(run)
    now = wait_for(run, "succeeded")
    assert now.known["attempt"] == 2
    with pytest.raises(InputError, match="has finished"):
        resume(run)


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["batch 7", "checkpoint 5"])
def test_killed_in_training_and_resumed_equals_uninterrupted(toys, monkeypatch, fault: str) -> None:
    """At a batch, and in the middle of writing a checkpoint: the same curve, the same weights, bit by bit."""
    spec = toys.Trained(steps=10)
    whole = create_run([spec], title="Uninterrupted")
    (entry,) = carry_out(whole, store=Store(whole.folder / "its own store"))
    monkeypatch.setenv("XVIZ_TEST_KILL", fault)
    run = sent(spec, title="Killed")
    assert "without a word" in wait_for(run, "lost").reason
    with (run.folder / "metrics.jsonl").open("a") as file:
        file.write('{"step": 99, "lo')  # killed within a line as well
    monkeypatch.delenv("XVIZ_TEST_KILL")
    resume(run)
    wait_for(run, "succeeded")
    resumed = Store().find(spec)
    assert resumed is not None
    assert resumed.file("weights.json").read_text() == entry.file("weights.json").read_text()
    curves = [read_curve(each.folder).query("name == 'loss'") for each in (whole, run)]
    assert curves[0]["step"].tolist() == list(range(1, 11))
    assert curves[0][["step", "value"]].values.tolist() == curves[1][["step", "value"]].values.tolist()
    assert "Resumed from step" in (run.folder / "log.txt").read_text()


@pytest.mark.slow
def test_out_of_memory_is_told(toys) -> None:
    run = sent(toys.Slow(steps=1, fault="memory"))
    now = wait_for(run, "failed")
    assert now.reason.startswith("Out of memory")


def test_out_of_disk_is_told_and_the_run_goes_on_when_there_is_space(toys) -> None:
    spec = toys.Slow(steps=1, fault="disk")
    run = create_run([spec], title="Large")
    code = f"""
        import resource, sys
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
        sys.argv = ["xviz", "run", {str(run.folder)!r}]
        from xviz.cli import main
        main()
        """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    now = standing(run)
    assert now.state == "failed"
    assert "disk is full" in now.reason
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    assert Store().find(spec) is None
    resume(run)
    wait_for(run, "succeeded")


def test_metrics_that_can_not_be_written_end_in_a_sentence(toys, monkeypatch) -> None:
    run = create_run([toys.Slow(steps=1)], title="t")
    (run.folder / "metrics.jsonl").mkdir()
    with pytest.raises(XvizError, match="can't be written"):
        carry_out(run)
    assert standing(run).state == "failed"


@pytest.mark.slow
def test_a_run_is_carried_out_by_one_process_only(toys) -> None:
    run = sent(toys.Slow(steps=100, seconds=0.1))
    wait_for(run, "running")
    with pytest.raises(InputError, match=f"already by process {run.launch['process']['pid']}"):
        carry_out(run)
    assert standing(run).state == "running"
    with pytest.raises(InputError, match="running and need not be resumed"):
        resume(run)
    cancel(run)
    wait_for(run, "cancelled")


def test_a_damaged_specification_is_told_when_it_starts(toys) -> None:
    run = create_run([toys.Slow()], title="t")
    (run.folder / "spec.json").write_text("{}")
    with pytest.raises(InputError, match="does not say what was wanted"):
        carry_out(run)
    assert standing(run).state == "failed"
    assert [each.standing.state for each in list_runs()] == ["failed"]


def test_a_run_that_is_deleted_is_gone_and_its_results_stay(toys) -> None:
    spec = toys.Slow(steps=1)
    run = create_run([spec], title="t")
    carry_out(run)
    delete(run)
    assert not run.folder.exists()
    assert list_runs() == []
    assert Store().find(spec) is not None


def test_runs_are_found_by_the_beginning_of_their_id(toys) -> None:
    one, two = (create_run([toys.Slow(seed=i)], title="t") for i in range(2))
    assert find_run(one.id) == one
    assert find_run(one.id[-6:]) == one
    assert find_run(str(two.folder)) == two
    for wrong in ("nothing", "", "../x"):
        with pytest.raises(InputError, match="no run"):
            find_run(wrong)
    with pytest.raises(InputError, match="fits 2 runs"):
        find_run(one.id[:4])


def test_a_run_that_slurm_takes_off_its_node_waits_and_one_that_was_cancelled_ends(toys) -> None:
    class Leaves(Journal):
        def __init__(self, run: Run, *names: str):
            self._run, self._names = run, names

        def metrics(self, step, values):
            for name in self._names:
                (self._run.folder / name).touch()

    for names, state in ((("yield",), "queued"), (("yield", "cancel"), "cancelled")):
        run = create_run([toys.Slow(steps=5)], title="t")
        run.write("launch.json", {"where": "slurm"})
        with pytest.raises(Cancelled):
            carry_out(run, journal=Leaves(run, *names))
        assert run.state["state"] == state
    assert json.loads((run.folder / "state.json").read_text())["reason"].startswith("Stopped at")


def test_several_processes_for_the_work_of_one_are_refused(toys, monkeypatch) -> None:
    """Or the first would wait for the others, and they for it."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    run = create_run([toys.Slow()], title="t")
    with pytest.raises(InputError, match="done by one process, and 2 were started"):
        carry_out(run)
    assert standing(run).state == "failed"
