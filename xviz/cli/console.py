"""The journal of the command line: a line of progress on stderr, sentences above it.

The first Ctrl-C (or SIGTERM) asks the work to stop at its next safe point, where it saves what it can; a
second one interrupts it at once.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from xviz.journal import Journal


class ConsoleJournal(Journal):
    """Used as a context manager; nothing of it ever reaches stdout."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, soft_wrap=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task: TaskID | None = None
        self._stop = False
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> ConsoleJournal:
        self._progress.start()
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._handlers[number] = signal.signal(number, self._ask_to_stop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def stop_requested(self) -> bool:
        return self._stop

    def _ask_to_stop(self, number: int, _frame: FrameType | None) -> None:
        self.log("Stopping at the next safe point; once more to stop at once.")
        self._stop = True
        signal.signal(number, self._handlers[number])

    def stage(self, name: str) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(name, total=None)
        if not self._console.is_terminal:
            self._console.print(name, markup=False, highlight=False)

    def progress(self, done: float, total: float, *, unit: str = "") -> None:
        if self._task is not None:
            self._progress.update(self._task, completed=done, total=total)

    def log(self, message: str) -> None:
        self._console.print(message, markup=False, highlight=False)
