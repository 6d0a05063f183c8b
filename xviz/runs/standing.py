"""How a run stands, told truly: what it last said of itself, and whether it can still be at work.

    state.json says    and                                                     the run is
    queued, running    its process lives (number *and* birth)                  as it says
                       its process is gone without a word                      lost
                       it ran on another machine: its last sign of life        so, or lost after SILENCE
                       Slurm says that the job waits, was cancelled, ...       what Slurm says
    anything else                                                              as it says
    is damaged         its process lives / is gone                             running / lost

Nothing of it is written into state.json: a run that is found lost here because its machine is far away is
running again as soon as it is heard of. Only Slurm's last word on a job is kept, since Slurm forgets it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

from xviz.errors import InputError
from xviz.runs.processes import ProcessName
from xviz.runs.record import Run

State = Literal["queued", "running", "succeeded", "failed", "cancelled", "lost"]
STATES: tuple[State, ...] = ("running", "queued", "succeeded", "failed", "cancelled", "lost")
ACTIVE: tuple[State, ...] = ("queued", "running")
SILENCE = 300.0
"""Seconds without a sign of life after which a run on another machine is taken for lost."""


@dataclass(frozen=True)
class JobState:
    """What Slurm says of a job: its state's name in capitals, and why."""

    name: str
    reason: str = ""


class Jobs(Protocol):
    """Whom to ask about Slurm jobs (:class:`xviz.runs.slurm.Queue`)."""

    def ask(self, job: str) -> JobState | None: ...


@dataclass(frozen=True)
class Standing:
    """A run now. ``remaining`` is in seconds; None where it can't be told."""

    state: State
    reason: str
    stage: str = ""
    progress: dict[str, Any] = field(default_factory=dict)
    stopping: bool = False
    """Somebody asked it to stop, and it has not come to a safe point yet."""
    known: dict[str, Any] = field(default_factory=dict)
    """state.json as it is."""

    @property
    def active(self) -> bool:
        return self.state in ACTIVE

    @property
    def share(self) -> float | None:
        """Of the current stage, 0 to 1."""
        total = self.progress.get("total")
        return min(1.0, self.progress["done"] / total) if total else None

    @property
    def remaining(self) -> float | None:
        return self.progress.get("remaining") if self.active else None


def standing(run: Run, *, jobs: Jobs | None = None, now: datetime | None = None) -> Standing:
    """How ``run`` stands.

    Args:
        jobs: asked about a run that was sent to Slurm; default: a fresh look at the queue.
        now: the time; only used for runs on other machines of which nothing else is known.
    """
    launch = run.launch
    try:
        known = run.state
    except InputError as damage:
        process = ProcessName.read(launch.get("process"))
        if process is not None and process.here and process.alive():
            return Standing("running", "Its state.json is damaged; the process lives and will write it anew.")
        return Standing("lost", f"{damage.message.rstrip('.')} (state.json). Resume it to go on.")

    said = known.get("state")
    facts: dict[str, Any] = {
        "stage": str(known.get("stage") or ""),
        "progress": known.get("progress") if isinstance(known.get("progress"), dict) else {},
        "known": known,
    }
    reason = str(known.get("reason") or "")
    if said not in STATES:
        return Standing("lost", f"Its state.json names no state that there is ({said!r}).", **facts)
    if said not in ACTIVE:
        return Standing(said, reason, **facts)
    facts["stopping"] = (run.folder / "cancel").exists()
    if launch.get("where") == "slurm" and launch.get("job"):
        return _by_slurm(run, said, reason, facts, str(launch["job"]), jobs, now)

    process = ProcessName.read(known.get("process"))
    launched = ProcessName.read(launch.get("process"))
    if any(each is not None and each.here and each.alive() for each in (process, launched)):
        return Standing(said, reason, **facts)
    if process is not None and not process.here:
        return _by_heartbeat(said, reason, facts, process, now)
    if facts["stopping"]:  # asked to stop, and it did not come to a safe point any more
        return Standing("cancelled", "Cancelled; the process ended before a safe point.", **facts)
    return Standing("lost", _lost(said, known, run), **facts)


def _lost(said: State, known: dict[str, Any], run: Run) -> str:
    if said == "queued":
        return f"The process ended before it began{_last_words(run)}"
    return (
        f"The process ended without a word (killed, out of memory, or the machine went down); last heard of "
        f"at {known.get('heartbeat', 'an unknown time')}{_last_words(run)}"
    )


def _last_words(run: Run) -> str:
    """The last line that the process printed, if it printed any."""
    try:
        with (run.folder / "output.txt").open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 2000))
            lines = file.read().decode("utf-8", errors="replace").split("\n")
    except OSError:
        return "."
    words = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f". It printed last: {words[:200]}" if words else "."


def _by_heartbeat(
    said: State, reason: str, facts: dict[str, Any], process: ProcessName, now: datetime | None
) -> Standing:
    """A run on another machine. A sign of life from the future means that clocks differ, not that it died."""
    beat = facts["known"].get("heartbeat")
    try:
        silent = ((now or datetime.now(UTC)) - datetime.fromisoformat(str(beat))).total_seconds()
    except (ValueError, TypeError):
        silent = float("inf")
    if silent <= SILENCE:
        return Standing(said, reason, **facts)
    return Standing("lost", f"No sign of life from {process.host} since {beat}.", **facts)


SILENT = "SILENT"
"""Not a state of Slurm's: it could not be asked."""
WAITING = {"PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "CONFIGURING", "SPECIAL_EXIT", "SUSPENDED"}
WORKING = {"RUNNING", "COMPLETING", "SIGNALING", "STAGE_OUT", "STOPPED", "RESIZING"}
ENDED: dict[str, tuple[State, str]] = {
    "CANCELLED": ("cancelled", "Cancelled in Slurm, outside of xviz."),
    "TIMEOUT": ("lost", "Slurm's time limit was reached before a safe point; resume it with more time."),
    "DEADLINE": ("lost", "Slurm's deadline was reached."),
    "NODE_FAIL": ("lost", "The node went down; resume it."),
    "BOOT_FAIL": ("lost", "The node did not start; resume it."),
    "PREEMPTED": ("lost", "Slurm gave the node to another job; resume it."),
    "OUT_OF_MEMORY": ("lost", "It took more memory than the job was given; ask for more and resume it."),
    "FAILED": ("lost", "The job failed before the run could say why; output.txt holds what it printed."),
    "COMPLETED": ("lost", "The job ended without finishing the run; output.txt holds what it printed."),
}


def _by_slurm(
    run: Run,
    said: State,
    reason: str,
    facts: dict[str, Any],
    job: str,
    jobs: Jobs | None,
    now: datetime | None,
) -> Standing:
    if jobs is None:
        from xviz.runs.slurm import Queue

        jobs = Queue()
    answer = _remembered(run, job, jobs.ask(job))
    process = ProcessName.read(facts["known"].get("process"))
    if answer is None:
        if said == "running" and process is not None and process.here:
            if process.alive():
                return Standing(said, reason, **facts)
        elif said == "running" and process is not None:
            return _by_heartbeat(said, reason, facts, process, now)
        return Standing("lost", f"Slurm does not know the job {job} (any more).", **facts)
    if answer.name == SILENT:
        return Standing(said, f"{reason} Slurm does not answer now.".strip(), **facts)
    if answer.name in WAITING:
        why = f"Job {job} waits in Slurm" + (f" ({answer.reason})." if answer.reason else ".")
        return Standing("queued", why, **facts)
    if answer.name in WORKING:
        return Standing(said, reason or (f"Job {job} is starting." if said == "queued" else ""), **facts)
    if facts["stopping"] and answer.name == "CANCELLED":
        return Standing("cancelled", "Cancelled.", **facts)
    state, why = ENDED.get(answer.name, ("lost", f"Slurm says {answer.name} of job {job}."))
    return Standing(state, why, **facts)


def _remembered(run: Run, job: str, answer: JobState | None) -> JobState | None:
    """``answer``, or how the job ended as Slurm once said; how it ended is written down."""
    kept = run.folder / "slurm.json"
    if answer is not None:
        if answer.name in ENDED:
            try:
                run.write(kept.name, {"job": job, "name": answer.name, "reason": answer.reason})
            except OSError:
                pass
        return answer
    try:
        told = json.loads(kept.read_text("utf-8"))
        return JobState(told["name"], told["reason"]) if told["job"] == job else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
