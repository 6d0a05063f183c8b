"""Runs on one machine queue for its devices, in the order in which they were sent off.

A run that starts, waits or works has a ticket: a file whose number says when it came, with the process that
it belongs to. Whoever sends a run off draws its ticket, so that a process that starts slowly keeps its
place. Tickets of processes that have ended, in whatever way, are removed by the next one who looks. The
first ticket that would take a free device gets it; nobody overtakes it.

<home>/runs/.devices/<machine>/000017.ticket   {"run": ..., "accepts": ["cuda:0", "cuda:1"], "holds": null}
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from xviz.errors import Cancelled
from xviz.runs.processes import ProcessName, host
from xviz.store import write_atomically

POLL_SECONDS = 0.5
STARTING = ("*",)
"""Accepted by a run that has not said yet which devices serve it: it might take any."""


@dataclass(frozen=True)
class Ticket:
    number: int
    run: str
    accepts: tuple[str, ...]
    holds: str | None


def draw(run: str, process: ProcessName, *, root: Path) -> None:
    """Take a place in the queue for a process that is just starting."""
    folder = _folder(root)
    with FileLock(folder / "queue.lock"):
        if not any(ticket.run == run for ticket in _living(folder)):
            _write(folder / f"{_next(folder):06d}.ticket", run, STARTING, None, process)


@contextmanager
def lease(
    devices: Sequence[str],
    *,
    run: str,
    root: Path,
    waiting: Callable[[str], None] = lambda _: None,
    stop_requested: Callable[[], bool] = lambda: False,
    poll: float = POLL_SECONDS,
) -> Iterator[str]:
    """Wait for one of ``devices`` and hold it; the block is given its name.

    Args:
        devices: names as ``cpu`` or ``cuda:1``, the preferred first.
        run: who asks; a place that was drawn for it is taken.
        root: the folder of the runs.
        waiting: told who is before this run, whenever that changes.

    Raises:
        Cancelled: ``stop_requested()`` while waiting.
    """
    folder, process = _folder(root), ProcessName.of()
    queue = FileLock(folder / "queue.lock")
    with queue:
        drawn = [
            ticket.number for ticket in _living(folder) if (ticket.run, ticket.accepts) == (run, STARTING)
        ]
        number = drawn[0] if drawn else _next(folder)
        path = folder / f"{number:06d}.ticket"
        _write(path, run, devices, None, process)
    try:
        while True:
            with queue:
                tickets = _living(folder)
                device = _turn(tickets, number)
                if device is not None:
                    _write(path, run, devices, device, process)
                    break
            if stop_requested():
                raise Cancelled("Cancelled while it was queued.")
            before = [t for t in tickets if t.number < number and _rivals(t.accepts, devices)]
            runs = f"{len(before)} run{'s' * (len(before) != 1)}"
            waiting(f"Waiting for {' or '.join(devices)}: {runs} before it.")
            time.sleep(poll)
        yield device
    finally:
        with queue:
            path.unlink(missing_ok=True)


def holders(root: Path) -> list[Ticket]:
    """Who holds or awaits a device of this machine, first come first."""
    folder = _folder(root)
    with FileLock(folder / "queue.lock"):
        return _living(folder)


def _turn(tickets: Sequence[Ticket], mine: int) -> str | None:
    """The device that ticket ``mine`` may take now: each waiting one before it is served first."""
    taken = {ticket.holds for ticket in tickets if ticket.holds is not None}
    for ticket in tickets:
        if ticket.holds is not None:
            continue
        if ticket.accepts == STARTING:
            return None
        free = next((device for device in ticket.accepts if device not in taken), None)
        if ticket.number == mine:
            return free
        if free is not None:
            taken.add(free)
    return None


def _rivals(one: Sequence[str], other: Sequence[str]) -> bool:
    return tuple(one) == STARTING or bool(set(one) & set(other))


def _folder(root: Path) -> Path:
    folder = root / ".devices" / host()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _next(folder: Path) -> int:
    return max((_number(path) for path in folder.glob("*.ticket")), default=0) + 1


def _write(path: Path, run: str, accepts: Sequence[str], holds: str | None, process: ProcessName) -> None:
    ticket = {"run": run, "accepts": list(accepts), "holds": holds, "process": process.to_json()}
    write_atomically(path, json.dumps(ticket))


def _living(folder: Path) -> list[Ticket]:
    """Tickets whose processes live, in order; those of the dead are removed (under the queue's lock)."""
    tickets = []
    for path in sorted(folder.glob("*.ticket"), key=_number):
        try:
            data = json.loads(path.read_text("utf-8"))
            process = ProcessName.read(data["process"])
            ticket = Ticket(_number(path), str(data["run"]), tuple(data["accepts"]), data["holds"])
        except (OSError, ValueError, KeyError, TypeError):
            process = None
        if process is None or not process.alive():
            path.unlink(missing_ok=True)
        else:
            tickets.append(ticket)
    return tickets


def _number(path: Path) -> int:
    return int(path.stem)
