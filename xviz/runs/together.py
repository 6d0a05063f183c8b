"""A run of several processes (``accelerate launch``): the first keeps the record, the others work along.

Every process executes ``xviz run FOLDER``. A step that trains (``Step.together``) is computed by all of them
at once, and the training loop keeps them in step; each of the others writes what it computes into a scratch
store that is thrown away. Every other step is computed by the first alone, while the others wait for it.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from xviz.errors import Cancelled, InputError
from xviz.journal import Journal
from xviz.runs.steps import STEPS, missing, step_of
from xviz.store import Entry, Spec, Store

POLL_SECONDS = 0.5


def rank() -> int:
    """Number of this process among those that were launched together; 0 where it is alone."""
    return int(os.environ.get("RANK", "0")) if processes() > 1 else 0


def processes() -> int:
    return int(os.environ.get("WORLD_SIZE", "1"))


def own_device(device: str) -> str:
    """The device of this process: of several cards the one with its number on this machine."""
    if processes() > 1 and device.startswith("cuda"):
        return f"cuda:{int(os.environ.get('LOCAL_RANK', '0'))}"
    return device


def check(plan: Sequence[Spec]) -> None:
    """Refuse several processes for work that one does.

    Raises:
        InputError: nothing in ``plan`` is computed together.
    """
    if processes() > 1 and plan and not any(STEPS[spec.kind].together for spec in plan):
        kinds = ", ".join(sorted({spec.kind for spec in plan}))
        raise InputError(
            f"This work ({kinds}) is done by one process, and {processes()} were started: leave out gpus and "
            "processes, or ask for one."
        )


def part() -> None:
    """Let the processes of a finished run end together: who leaves early can take another one down."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()


class CompanionStore(Store):
    """Reads what the first process has put into the store; writes aside."""

    def __init__(self, main: Store, scratch: Path):
        super().__init__(scratch, limit=main.limit)
        self._main = main

    def get(self, kind: str, key: str) -> Entry | None:
        return self._main.get(kind, key) or super().get(kind, key)


class CompanionJournal(Journal):
    """Says nothing, since the first process speaks for all; knows where the checkpoints are."""

    def __init__(self, folder: Path):
        self.checkpoints = folder / "checkpoints"


def work_along(
    wanted: Sequence[Spec],
    folder: Path,
    *,
    store: Store,
    load: Callable[..., Any],
    at_work: Callable[[], bool],
) -> None:
    """What a process other than the first does for a run.

    Args:
        folder: of the run.
        at_work: whether the first process still is.

    Raises:
        Cancelled: the first process ended before it was done.
    """
    scratch = Path(tempfile.mkdtemp(prefix="xviz-companion-"))
    aside, journal = CompanionStore(store, scratch), CompanionJournal(folder)
    try:
        plan = missing(wanted, store)
        for kind, step in STEPS.items():
            specs = [spec for spec in plan if spec.kind == kind]
            if specs and step.together:
                step_of(kind)(specs, store=aside, journal=journal, load=load)
            while any(store.find(spec) is None for spec in specs):
                if not at_work():
                    raise Cancelled("The first process of the run has ended.")
                time.sleep(POLL_SECONDS)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
