"""Sending runs off, calling them back, sending them again, and throwing them away."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Sequence
from typing import Literal

from xviz.errors import InputError
from xviz.runs import local, slurm
from xviz.runs.processes import ProcessName
from xviz.runs.record import Run
from xviz.runs.resources import Resources
from xviz.runs.run_journal import StateFile
from xviz.runs.standing import Jobs, standing

Where = Literal["local", "slurm"]


def launch(runs: Sequence[Run], where: Where, *, resources: Resources | None = None, title: str = "") -> None:
    """Send queued runs off: each as a process of this machine, or all as one Slurm job (an array).

    Raises:
        InputError: Slurm does not take the job; the runs then say that they failed, and why.
        XvizError: a process can't be started.
    """
    resources = resources or Resources()
    for run in runs:
        asked = resources.model_dump(mode="json", exclude_defaults=True)
        run.write("launch.json", {"where": where, "resources": asked})
    try:
        if where == "local":
            for run in runs:
                local.start(run, resources)
            return
        jobs = slurm.submit(runs, resources, title=title)
    except Exception as error:
        for run in runs:
            StateFile(run.folder).set(state="failed", reason=str(error))
        raise
    for run, job in zip(runs, jobs, strict=True):
        run.write("launch.json", run.launch | {"job": job})


def resume(run: Run, *, where: Where | None = None, resources: Resources | None = None) -> None:
    """Take a run up again from its newest checkpoint, and from what it left in the store.

    Args:
        where, resources: default: as it was launched before (``local`` where it never was).

    Raises:
        InputError: it is at work, or finished.
    """
    prepare_to_resume(run)
    before = run.launch
    chosen: Where = where or ("slurm" if before.get("where") == "slurm" else "local")
    asked = resources or Resources.model_validate(before.get("resources") or {})
    launch([run], chosen, resources=asked)


def prepare_to_resume(run: Run) -> None:
    """Make a run that ended a queued one again.

    Raises:
        InputError: it is at work, or finished.
    """
    now = standing(run)
    if now.active:
        raise InputError(f"The run {run.id} is {now.state} and need not be resumed.")
    if now.state == "succeeded":
        raise InputError(f"The run {run.id} has finished; its results are there.")
    run.wanted()  # a damaged specification is told now
    for name in ("cancel", "yield", "slurm.json"):
        (run.folder / name).unlink(missing_ok=True)
    StateFile(run.folder).set(state="queued", reason="", progress={}, process=ProcessName.of().to_json())


def cancel(run: Run, *, at_once: bool = False, jobs: Jobs | None = None) -> None:
    """Stop a run at its next safe point, where it saves what it can; ``at_once``: without waiting for one.

    Raises:
        InputError: it is not at work.
    """
    now = standing(run, jobs=jobs)
    if not now.active:
        raise InputError(f"The run {run.id} is not at work: it is {now.state}.")
    run.cancel()
    job = run.launch.get("job") if run.launch.get("where") == "slurm" else None
    ended = False
    if job is not None and (at_once or now.state == "queued"):
        slurm.scancel(str(job))
        ended = True
    elif job is None and at_once:
        ended = local.end(run)
    if ended:
        reason = "Stopped at once." if now.state == "running" else "Cancelled while it was queued."
        StateFile(run.folder).set(state="cancelled", reason=reason)


def delete(run: Run) -> None:
    """Remove a run's folder. What it left in the store stays, until the store makes room.

    Raises:
        InputError: it is at work.
    """
    now = standing(run)
    if now.active:
        raise InputError(f"The run {run.id} is {now.state}: cancel it first.")
    grave = run.folder.with_name(f".gone-{uuid.uuid4().hex[:8]}")
    run.folder.rename(grave)  # at once out of every list, then removed at leisure
    shutil.rmtree(grave, ignore_errors=True)
