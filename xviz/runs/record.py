"""A run: the process that fills the store, plus its history. Its folder is the only truth.

<home>/runs/<id>/spec.json        what was asked for, under which title, by which command
                 launch.json      where it was sent: process or Slurm job, device, resources
                 state.json       queued, running, succeeded, failed or cancelled; reason, process, heartbeat
                 provenance.json  code, packages, fingerprints, seeds, device, duration, peak memory
                 metrics.jsonl    one measurement a line
                 log.txt          one sentence a line
                 output.txt       whatever the process printed
                 checkpoints/     what the work needs to resume
                 results/         tables (Parquet), and which results of the store it wanted
                 notes.json       the name and the remarks that a reader gave it
                 cancel           exists once somebody asked the run to stop
                 yield            exists once Slurm is about to take the run off its node

``state.json`` is written by the process that carries the run out and says what that process knew; whether it
still lives is another question, which :mod:`xviz.runs.standing` answers (and finds a run *lost*).
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from xviz.errors import Cancelled, InputError, XvizError
from xviz.journal import SILENT, Journal
from xviz.runs import processes, provenance, together
from xviz.runs.results import keep_results
from xviz.runs.run_journal import RunJournal, StateFile, now
from xviz.runs.steps import Loader, compute, from_json, missing, to_json
from xviz.store import Entry, Spec, Store, home, key_of, write_atomically

Lease = Callable[[RunJournal], AbstractContextManager[str]]
"""Waits for a device and holds it: entered, it says which one it is."""


@dataclass(frozen=True)
class Run:
    """A run folder; everything is read from it when it is asked for."""

    folder: Path

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def spec(self) -> dict[str, Any]:
        return self._read("spec.json")

    @property
    def state(self) -> dict[str, Any]:
        """What the run last said of itself."""
        return self._read("state.json")

    @property
    def launch(self) -> dict[str, Any]:
        """Where it was sent; empty where it was carried out on the spot."""
        return self._read_if_there("launch.json")

    @property
    def provenance(self) -> dict[str, Any]:
        return self._read_if_there("provenance.json")

    @property
    def notes(self) -> dict[str, Any]:
        """``title`` and ``note`` as a reader set them."""
        return self._read_if_there("notes.json")

    @property
    def title(self) -> str:
        return str(self.notes.get("title") or self.spec.get("title") or self.id)

    def wanted(self) -> list[Spec]:
        """The specifications that the run was asked for.

        Raises:
            InputError: spec.json is missing or damaged.
        """
        try:
            return [from_json(spec) for spec in self.spec["wanted"]]
        except (KeyError, TypeError):
            raise InputError(
                "This file of a run is damaged: it does not say what was wanted.",
                file=self.folder / "spec.json",
            ) from None

    def cancel(self) -> None:
        """Ask the run to stop at its next safe point."""
        (self.folder / "cancel").touch()

    def annotate(self, *, title: str | None = None, note: str | None = None) -> None:
        """Give the run another name, or a remark; None leaves what is there."""
        said = {"title": title, "note": note}
        self.write("notes.json", self.notes | {k: v.strip() for k, v in said.items() if v is not None})

    def write(self, name: str, data: dict[str, Any]) -> None:
        """Replace one of its files."""
        write_atomically(self.folder / name, json.dumps(data, ensure_ascii=False, indent=1))

    def _read_if_there(self, name: str) -> dict[str, Any]:
        try:
            return self._read(name)
        except InputError:
            return {}

    def _read(self, name: str) -> dict[str, Any]:
        path = self.folder / name
        try:
            data = json.loads(path.read_text("utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise InputError("This folder is not a run: it has no such file.", file=path) from None
        except (OSError, ValueError):
            raise InputError("This file of a run is damaged: it is not JSON.", file=path) from None
        if not isinstance(data, dict):
            raise InputError("This file of a run is damaged: it is not a JSON object.", file=path)
        return data


def runs_folder() -> Path:
    return home() / "runs"


def find_run(name: str) -> Run:
    """The run of this id, of the only id that begins so, or of this folder.

    Raises:
        InputError: there is none, or several ids begin so.
    """
    given = Path(name)
    if (given / "spec.json").is_file() or (given / "state.json").is_file():
        return Run(given.resolve())
    root = runs_folder()
    if name and not name.startswith(".") and "/" not in name:
        if (root / name).is_dir():
            return Run(root / name)
        there = sorted(root.iterdir()) if root.is_dir() else []
        fits = [f for f in there if name in f.name and not f.name.startswith(".") and f.is_dir()]
        if len(fits) == 1:
            return Run(fits[0])
        if fits:
            few = ", ".join(f.name for f in fits[:4])
            raise InputError(f"{name!r} fits {len(fits)} runs ({few} ...); write more of the id.")
    raise InputError(f"There is no run {name!r}; `xviz runs list` shows those that there are.", file=root)


def work_key(wanted: Sequence[Spec]) -> str:
    """Equal for runs that want the same results, in whatever order."""
    return key_of("run", 1, {"wanted": sorted(f"{spec.kind}/{spec.key}" for spec in wanted)})


def create_run(
    wanted: Sequence[Spec],
    *,
    title: str,
    command: str = "",
    device: str = "auto",
    sweep: str | None = None,
    choices: dict[str, Any] | None = None,
) -> Run:
    """A queued run in a new folder under ``runs/`` of :func:`xviz.store.home`.

    Args:
        title: what it is called in a list.
        command: the command line that asks for the same.
        device: on which the network is loaded where nothing else is said.
        sweep, choices: the sweep that it belongs to, and what is its own in it.
    """
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    folder = runs_folder() / f"{stamp}-{secrets.token_hex(3)}"
    for part in ("checkpoints", "results"):
        (folder / part).mkdir(parents=True)
    spec: dict[str, Any] = {
        "title": title,
        "command": command,
        "created": now(exact=True),
        "cwd": os.getcwd(),  # what a relative path is relative to
        "device": device,
        "work": work_key(wanted),
        "sweep": sweep,
        "choices": choices or {},
        "wanted": [to_json(s) for s in wanted],
    }
    run = Run(folder)
    run.write("spec.json", spec)
    StateFile(folder).set(state="queued", reason="", process=processes.ProcessName.of().to_json())
    return run


def carry_out(
    run: Run,
    *,
    store: Store | None = None,
    journal: Journal = SILENT,
    load: Loader | None = None,
    lease: Lease | None = None,
) -> list[Entry]:
    """Do the work of a run in this process; its folder tells the truth whatever happens.

    Args:
        journal: told as well (a bar on a page, a line on stderr).
        load: how networks are loaded; default: on the device of the run.
        lease: waited for first, while the state says queued.

    Of several processes (``accelerate launch``) the first does this; the others work along and return
    nothing.

    Raises:
        XvizError: what the work raised; ``state.json`` then says failed (or cancelled) and why.
        InputError: another process is carrying this run out.
    """
    store = store or Store()
    if together.rank() > 0:
        _work_along(run, store)
        return []
    with _alone(run), RunJournal(run.folder, journal) as record:
        state = record.state_file
        started = time.monotonic()
        before = float(state.known.get("seconds") or 0.0)
        (run.folder / "yield").unlink(missing_ok=True)
        in_slurm = run.launch.get("where") == "slurm"
        try:
            state.set(
                state="queued",
                reason="",
                process=processes.ProcessName.of().to_json(),
                stage="",
                progress={},
                attempt=int(state.known.get("attempt") or 0) + 1,
            )
            spec, wanted = run.spec, run.wanted()
            with (
                lease(record) if lease is not None else nullcontext(str(spec.get("device", "auto"))) as device
            ):
                if record.stop_requested():
                    raise Cancelled("Cancelled before it began.")
                together.check(missing(wanted, store))
                device = together.own_device(device)
                about = provenance.provenance(wanted, device=device)
                run.write("provenance.json", about)
                state.set(state="running", reason="", started=now())
                entries = compute(wanted, store=store, journal=record, load=load or Loader(device=device))
            keep_results(run.folder, wanted, entries)
            seconds = before + time.monotonic() - started
            run.write("provenance.json", about | provenance.at_the_end(seconds))
        except BaseException as error:
            leaves = in_slurm and not (run.folder / "cancel").exists()
            ended, reason = how_it_ended(error, yielding=leaves)
            state.set(state=ended, reason=reason, seconds=round(before + time.monotonic() - started, 2))
            record.log(reason)
            if _out_of_space(error):
                raise XvizError(reason, file=run.folder) from error
            raise
        state.set(
            state="succeeded",
            reason="",
            seconds=round(seconds, 2),
            finished=now(exact=True),
            peak_memory=provenance.peak_memory(),
        )
        return entries


def _work_along(run: Run, store: Store) -> None:
    """One of several processes, and not the first: no word in the record is its own."""
    wanted = run.wanted()

    def at_work() -> bool:
        return run.state.get("state") in ("queued", "running")

    while run.state.get("state") != "running":
        if not at_work():
            raise Cancelled("The run ended before it began.")
        time.sleep(together.POLL_SECONDS)
    load = Loader(device=together.own_device(str(run.provenance.get("device") or "cpu")))
    together.work_along(wanted, run.folder, store=store, load=load, at_work=at_work)


def how_it_ended(error: BaseException, *, yielding: bool = False) -> tuple[str, str]:
    """State and reason of a run whose work raised ``error``."""
    if isinstance(error, Cancelled | KeyboardInterrupt):
        if yielding:
            return (
                "queued",
                "Taken off its node (time limit or pre-emption); it goes on when Slurm starts it again.",
            )
        return "cancelled", str(error) or "Interrupted from the keyboard."
    if _out_of_space(error):
        return "failed", "The disk is full: free some space (`xviz cache clear`), then resume the run."
    if isinstance(error, XvizError):
        return "failed", str(error)
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
        return "failed", (
            f"Out of memory ({str(error).partition(chr(10))[0] or 'no room for an array'}): a smaller batch, "
            "fewer layers at once or a machine with more memory would do."
        )
    return "failed", f"{type(error).__name__}: {error}"


def _out_of_space(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class _alone:  # noqa: N801 (reads as a condition: with _alone(run))
    """Held while a process carries the run out; the system releases it when the process ends in any way."""

    def __init__(self, run: Run):
        self._run = run
        if not run.folder.is_dir():
            raise InputError("This is not a run: there is no such folder.", file=run.folder)
        self._lock = FileLock(run.folder / ".lock")

    def __enter__(self) -> None:
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            try:
                holder = processes.ProcessName.read(self._run.state.get("process"))
            except InputError:
                holder = None
            by = f" by process {holder.pid} on {holder.host}" if holder else ""
            raise InputError(f"This run is being carried out already{by}.", file=self._run.folder) from None

    def __exit__(self, *_: object) -> None:
        self._lock.release()
