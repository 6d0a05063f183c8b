"""What ``xviz run FOLDER`` does, wherever the run was sent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from xviz.journal import SILENT, Journal
from xviz.runs import together
from xviz.runs.devices import acceptable, see_only
from xviz.runs.leases import lease
from xviz.runs.record import Run, carry_out
from xviz.runs.run_journal import RunJournal
from xviz.store import Entry

POLITENESS = 5
"""Added to the process's niceness."""


def work(run: Run, *, journal: Journal = SILENT) -> list[Entry]:
    """Carry a run out here; one that was sent to this machine first queues for a device.

    Slurm has given a job its devices already, and a command that works in the terminal doesn't wait.
    """
    queues = run.launch.get("where") == "local" and together.rank() == 0
    if run.launch.get("where") == "local":
        _be_polite()
    entries = carry_out(
        run, journal=journal, lease=(lambda record: _devices(run, record)) if queues else None
    )
    together.part()
    return entries


@contextmanager
def _devices(run: Run, record: RunJournal) -> Iterator[str]:
    """The one device of a run, or the several that its processes take, in an order that can't deadlock."""
    wanted = acceptable(str(run.spec.get("device", "auto")))
    count = int((run.launch.get("resources") or {}).get("gpus", 1))
    groups = [[device] for device in wanted[:count]] if count > 1 else [wanted]
    with ExitStack() as held:
        taken = [
            held.enter_context(
                lease(
                    group,
                    run=run.id,
                    root=run.folder.parent,
                    waiting=record.waiting,
                    stop_requested=record.stop_requested,
                )
            )
            for group in groups
        ]
        yield see_only(taken[0]) if count <= 1 else "cuda"


def _be_polite() -> None:
    """Whoever looks at a page of this machine comes first."""
    try:
        os.nice(POLITENESS)
    except (OSError, AttributeError):  # not on every system
        pass
