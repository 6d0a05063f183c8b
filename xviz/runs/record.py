"""A run: the process that fills the store, plus its history. Its folder is the only truth.

<home>/runs/<id>/spec.json       what was asked for
                 state.json      queued | running | succeeded | failed | cancelled, reason, pid, heartbeat
                 metrics.jsonl   one measurement a line
                 log.txt         one sentence a line
                 checkpoints/    what the work needs to resume
                 results/        tables (Parquet)
                 cancel          exists once somebody asked the run to stop
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from xviz import __version__
from xviz.errors import Cancelled, InputError, XvizError
from xviz.journal import SILENT, Journal
from xviz.runs.steps import Loader, compute, from_json, to_json
from xviz.store import Entry, Spec, Store, home, write_atomically

State = Literal["queued", "running", "succeeded", "failed", "cancelled"]
HEARTBEAT_SECONDS = 1.0


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
        return self._read("state.json")

    def wanted(self) -> list[Spec]:
        """The specifications that the run was asked for.

        Raises:
            InputError: spec.json is missing or damaged.
        """
        return [from_json(spec) for spec in self.spec["wanted"]]

    def cancel(self) -> None:
        """Ask the run to stop at its next safe point."""
        (self.folder / "cancel").touch()

    def _read(self, name: str) -> dict[str, Any]:
        path = self.folder / name
        try:
            return json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            raise InputError("This folder is not a run: it has no such file.", file=path) from None
        except ValueError:
            raise InputError("This file of a run is damaged: it is not JSON.", file=path) from None


def create_run(wanted: Sequence[Spec], *, title: str, command: str = "") -> Run:
    """A queued run in a new folder under ``runs/`` of :func:`xviz.store.home`."""
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    folder = home() / "runs" / f"{stamp}-{secrets.token_hex(3)}"
    for part in ("checkpoints", "results"):
        (folder / part).mkdir(parents=True)
    spec = {"title": title, "command": command, "wanted": [to_json(s) for s in wanted]}
    write_atomically(folder / "spec.json", json.dumps(spec, ensure_ascii=False, indent=1))
    run = Run(folder)
    _set_state(run, "queued", reason="")
    return run


def carry_out(
    run: Run, *, store: Store | None = None, journal: Journal = SILENT, load: Loader | None = None
) -> list[Entry]:
    """Do the work of a run in this process; its folder tells the truth whatever happens.

    Args:
        journal: told as well (a bar on a page, a line on stderr).

    Raises:
        XvizError: what the work raised; ``state.json`` then says failed (or cancelled) and why.
    """
    wanted = run.wanted()
    record = RunJournal(run, journal)
    started = time.monotonic()
    _set_state(run, "running", reason="", started=_now())
    try:
        entries = compute(wanted, store=store or Store(), journal=record, load=load)
    except (Cancelled, KeyboardInterrupt) as stop:
        _set_state(run, "cancelled", reason=str(stop) or "Interrupted from the keyboard.")
        raise
    except XvizError as error:
        _set_state(run, "failed", reason=str(error))
        raise
    except BaseException as error:
        _set_state(run, "failed", reason=f"{type(error).__name__}: {error}")
        raise
    _set_state(run, "succeeded", reason="", seconds=round(time.monotonic() - started, 2), finished=_now())
    return entries


class RunJournal(Journal):
    """Writes into the run folder, and passes everything on to another journal."""

    def __init__(self, run: Run, also: Journal = SILENT):
        self._run = run
        self._also = also
        self._stage = ""
        self._last_beat = 0.0
        self.checkpoints = run.folder / "checkpoints"

    def stage(self, name: str) -> None:
        self._stage = name
        self._write(name)
        self._beat({}, now=True)
        self._also.stage(name)

    def progress(self, done: float, total: float, *, unit: str = "") -> None:
        self._beat({"done": done, "total": total, "unit": unit}, now=done >= total)
        self._also.progress(done, total, unit=unit)

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        line = json.dumps({"step": step, "time": _now(), "stage": self._stage, **values})
        with (self._run.folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        self._also.metrics(step, values)

    def log(self, message: str) -> None:
        self._write(message)
        self._also.log(message)

    def _write(self, message: str) -> None:
        with (self._run.folder / "log.txt").open("a", encoding="utf-8") as file:
            file.write(f"{_now()}  {message}\n")

    def stop_requested(self) -> bool:
        return (self._run.folder / "cancel").exists() or self._also.stop_requested()

    def _beat(self, progress: dict[str, Any], *, now: bool) -> None:
        if now or time.monotonic() - self._last_beat > HEARTBEAT_SECONDS:
            self._last_beat = time.monotonic()
            _set_state(self._run, "running", reason="", stage=self._stage, progress=progress)


def _set_state(run: Run, state: State, *, reason: str, **more: Any) -> None:
    """Replace state.json, keeping what was known before (started, title) and is not said anew."""
    path = run.folder / "state.json"
    try:
        known = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        known = {}
    known |= {"state": state, "reason": reason, "heartbeat": _now(), "pid": os.getpid(), **more}
    known |= {"xviz": __version__, "python": sys.version.split()[0]}
    write_atomically(path, json.dumps(known, ensure_ascii=False, indent=1))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
