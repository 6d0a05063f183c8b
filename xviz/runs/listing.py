"""Every run at a glance: thousands of folders in well under a second.

What was read from a folder is remembered with the times and sizes of its files, in ``runs/.index.json``; a
folder whose files have not changed is not opened again. Only runs that say they are at work are looked
into anew each time. The index may be removed at any moment: the folders are the truth.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from xviz.errors import InputError
from xviz.runs.record import Run, runs_folder, work_key
from xviz.runs.standing import ACTIVE, Jobs, Standing, standing
from xviz.store import Spec, write_atomically

INDEX = ".index.json"
INDEX_VERSION = 1
WATCHED = ("spec.json", "state.json", "notes.json", "launch.json")


@dataclass(frozen=True)
class Listed:
    """A run in the list."""

    id: str
    title: str
    note: str
    kind: str
    where: str
    state: str
    reason: str
    created: str
    started: str
    seconds: float | None
    command: str
    work: str
    sweep: str | None
    choices: dict[str, Any] = field(default_factory=dict)

    @property
    def run(self) -> Run:
        return Run(runs_folder() / self.id)


@dataclass(frozen=True)
class ListedNow:
    """A run in the list, and how it stands."""

    listed: Listed
    standing: Standing

    @property
    def id(self) -> str:
        return self.listed.id

    @property
    def run(self) -> Run:
        return self.listed.run


def list_runs(*, jobs: Jobs | None = None) -> list[ListedNow]:
    """All runs under ``runs/`` of the home, newest first, each as it stands now."""
    root = runs_folder()
    kept = _read_index(root)
    index: dict[str, tuple[list, Listed]] = {}
    for name in _folders(root):
        marks = _marks(root / name)
        known = kept.get(name)
        index[name] = known if known is not None and known[0] == marks else (marks, _read(Run(root / name)))
    if index != kept:
        _write_index(root, index)
    newest_first = sorted(index.values(), key=lambda pair: (pair[1].created, pair[1].id), reverse=True)
    found = []
    for _, listed in newest_first:
        if listed.state in ACTIVE or listed.state == "":
            jobs = jobs or _jobs()
            now = standing(listed.run, jobs=jobs)
        else:
            now = Standing(listed.state, listed.reason)  # type: ignore[arg-type]
        found.append(ListedNow(listed, now))
    return found


def run_at_work(wanted: Sequence[Spec]) -> Run | None:
    """The run that is computing (or queued to compute) exactly this, if there is one."""
    return _same(work_key(wanted), active=True)


def last_run_of(wanted: Sequence[Spec]) -> Run | None:
    """The newest run that was asked for exactly this, however it stands."""
    return _same(work_key(wanted), active=False)


def runs_of_sweep(sweep: str) -> list[ListedNow]:
    """The runs of a sweep, in the order in which they were made.

    Raises:
        InputError: there is no such sweep.
    """
    members = [each for each in list_runs() if each.listed.sweep == sweep]
    if not members:
        raise InputError(f"There is no sweep {sweep!r}; `xviz runs list` names the sweep of each run.")
    return members[::-1]


def _same(work: str, *, active: bool) -> Run | None:
    for each in list_runs():
        if each.listed.work == work and (each.standing.active or not active):
            return each.run
    return None


def _folders(root: Path) -> list[str]:
    try:
        with os.scandir(root) as there:
            return [e.name for e in there if not e.name.startswith(".") and e.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []


def _marks(folder: Path) -> list[list[int]]:
    """Time and size of the files that a list shows something of."""
    marks = {}
    with os.scandir(folder) as there:
        for entry in there:
            if entry.name in WATCHED:
                facts = entry.stat()
                marks[entry.name] = [facts.st_mtime_ns, facts.st_size]
    return [marks.get(name, []) for name in WATCHED]


def _read(run: Run) -> Listed:
    """What the list shows; a damaged file leaves blanks, and the state empty, so that it is looked into."""
    spec, state = _or_empty(run, "spec"), _or_empty(run, "state")
    notes, launch = run.notes, run.launch
    wanted = [each for each in spec.get("wanted") or [] if isinstance(each, dict)]
    seconds = state.get("seconds")
    return Listed(
        id=run.id,
        title=str(notes.get("title") or spec.get("title") or run.id),
        note=str(notes.get("note") or ""),
        kind=str(wanted[0].get("kind", "")) if wanted else "",
        where=str(launch.get("where") or "here"),
        state=str(state.get("state") or ""),
        reason=str(state.get("reason") or ""),
        created=str(spec.get("created") or state.get("started") or ""),
        started=str(state.get("started") or ""),
        seconds=float(seconds) if isinstance(seconds, int | float) else None,
        command=str(spec.get("command") or ""),
        work=str(spec.get("work") or ""),
        sweep=spec.get("sweep"),
        choices=spec.get("choices") or {},
    )


def _or_empty(run: Run, what: str) -> dict[str, Any]:
    try:
        return getattr(run, what)
    except InputError:
        return {}


def _read_index(root: Path) -> dict[str, tuple[list, Listed]]:
    try:
        data = json.loads((root / INDEX).read_text("utf-8"))
        if data["version"] != INDEX_VERSION:
            return {}
        return {name: (marks, Listed(**listed)) for name, (marks, listed) in data["runs"].items()}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _write_index(root: Path, index: dict[str, tuple[list, Listed]]) -> None:
    runs = {name: [marks, asdict(listed)] for name, (marks, listed) in index.items()}
    try:
        write_atomically(root / INDEX, json.dumps({"version": INDEX_VERSION, "runs": runs}))
    except OSError:
        pass  # remembering only saves time


def _jobs() -> Jobs:
    from xviz.runs.slurm import Queue

    return Queue()
