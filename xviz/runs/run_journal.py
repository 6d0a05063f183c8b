"""The journal of a run: it writes what the work says into the run folder, and beats while the work is silent.

A line of ``metrics.jsonl`` is written whole or, when the process is killed in the middle, is no JSON: readers
leave such a line out, and whoever goes on writing begins on a new line.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from xviz.errors import XvizError
from xviz.journal import SILENT, Journal
from xviz.store import write_atomically

PROGRESS_SECONDS = 1.0
"""Progress is written at most so often."""
HEARTBEAT_SECONDS = 10.0
"""A sign of life at least so often, also while the work says nothing."""


def now(*, exact: bool = False) -> str:
    """The time in UTC; exact enough to order what is made within one second."""
    return datetime.now(UTC).isoformat(timespec="microseconds" if exact else "seconds")


class StateFile:
    """state.json: replaced as a whole, keeping what was known before and is not said anew."""

    def __init__(self, folder: Path):
        self._path = folder / "state.json"
        self._lock = threading.Lock()
        self.known = self._read()

    def set(self, **fields: Any) -> None:
        with self._lock:
            self.known |= fields | {"heartbeat": now()}
            write_atomically(self._path, json.dumps(self.known, ensure_ascii=False, indent=1))

    def _read(self) -> dict[str, Any]:
        try:
            known = json.loads(self._path.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}


class RunJournal(Journal):
    """Writes into the run folder, and passes everything on to another journal. A context manager."""

    def __init__(self, folder: Path, also: Journal = SILENT):
        self._folder = folder
        self._also = also
        self._stage, self._progress = "", dict[str, Any]()
        self._stage_began = time.monotonic()
        self._done_at_first: float | None = None
        self._written = -math.inf
        self._over = threading.Event()
        self.state_file = StateFile(folder)
        self.checkpoints = folder / "checkpoints"

    def __enter__(self) -> RunJournal:
        threading.Thread(target=self._beat, name="xviz-heartbeat", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def stage(self, name: str) -> None:
        self._stage, self._progress = name, {}
        self._stage_began, self._done_at_first = time.monotonic(), None
        self._append("log.txt", f"{now()}  {name}")
        self._say(at_once=True)
        self._also.stage(name)

    def progress(self, done: float, total: float, *, unit: str = "") -> None:
        if self._done_at_first is None:  # a resumed stage begins in the middle
            self._done_at_first, self._stage_began = done, time.monotonic()
        self._progress = {"done": done, "total": total, "unit": unit}
        passed, gained = time.monotonic() - self._stage_began, done - self._done_at_first
        if gained > 0 and done < total:
            self._progress["remaining"] = round(passed * (total - done) / gained, 1)
        self._say(at_once=done >= total)
        self._also.progress(done, total, unit=unit)

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        finite = {name: value if math.isfinite(value) else None for name, value in values.items()}
        line = json.dumps({"step": step, "time": now(), "stage": self._stage, **finite})
        self._append("metrics.jsonl", line)
        self._also.metrics(step, values)

    def log(self, message: str) -> None:
        try:
            self._append("log.txt", f"{now()}  {' '.join(message.split())}")
        except XvizError:
            pass  # a sentence lost to a full disk must not hide the error that it tells
        self._also.log(message)

    def stop_requested(self) -> bool:
        asked = any((self._folder / name).exists() for name in ("cancel", "yield"))
        return asked or self._also.stop_requested()

    def waiting(self, reason: str) -> None:
        """Say why the run is still queued."""
        if self.state_file.known.get("reason") != reason:
            self.state_file.set(reason=reason)

    def _append(self, name: str, line: str) -> None:
        try:
            with (self._folder / name).open("ab+") as file:
                if file.tell() and _last_byte(file) != b"\n":  # the writer before was killed within a line
                    line = "\n" + line
                file.write(f"{line}\n".encode())
        except OSError as error:
            raise XvizError(
                f"This file of the run can't be written ({error.strerror}): free some space, "
                "then resume the run.",
                file=self._folder / name,
            ) from error

    def _say(self, *, at_once: bool = False) -> None:
        if at_once or time.monotonic() - self._written > PROGRESS_SECONDS:
            self._written = time.monotonic()
            try:
                self.state_file.set(stage=self._stage, progress=self._progress)
            except OSError:
                pass  # progress may be lost to a full disk; what the work itself writes may not

    def _beat(self) -> None:
        while not self._over.wait(HEARTBEAT_SECONDS):
            try:
                self.state_file.set()
            except OSError:
                pass


def _last_byte(file: Any) -> bytes:
    file.seek(-1, 2)
    return file.read(1)
