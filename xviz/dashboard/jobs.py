"""Long work started from a page, done in this server: one job at a time, recorded as a run.

A job belongs to the server, not to the session: the page may be reloaded, closed and opened again, and finds
it by what it computes.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import streamlit as st

from xviz.errors import Cancelled, XvizError
from xviz.journal import Journal
from xviz.runs.record import carry_out, create_run
from xviz.store import Spec, Store


@dataclass
class Progress(Journal):
    """A journal that a page looks into from another thread."""

    stage_name: str = "Waiting"
    done: float = 0.0
    total: float = 0.0
    unit: str = ""
    remarks: list[str] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def stage(self, name: str) -> None:
        self.stage_name, self.done, self.total = name, 0.0, 0.0

    def progress(self, done: float, total: float, *, unit: str = "") -> None:
        self.done, self.total, self.unit = done, total, unit

    def log(self, message: str) -> None:
        self.remarks = [*self.remarks[-4:], message]

    def stop_requested(self) -> bool:
        return self.stopping.is_set()


@dataclass
class Job:
    """Work under way, or how it ended."""

    progress: Progress
    future: Future[None] | None = None

    @property
    def running(self) -> bool:
        return self.future is not None and not self.future.done()

    @property
    def failure(self) -> str | None:
        """Why it failed, in a sentence; None while it runs, after success and after a cancellation."""
        if self.future is None or not self.future.done():
            return None
        error = self.future.exception()
        if error is None or isinstance(error, Cancelled):
            return None
        if isinstance(error, XvizError):
            return str(error)
        return f"The work broke off ({type(error).__name__}: {error})."


class Jobs:
    """All jobs of a server."""

    def __init__(self, store: Store):
        self._store = store
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="xviz-job")
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()

    def of(self, wanted: Sequence[Spec]) -> Job | None:
        """The job that computes ``wanted``, if one was started."""
        return self._jobs.get(_name(wanted))

    def start(self, wanted: Sequence[Spec], *, title: str, command: str) -> Job:
        """Start computing ``wanted``; does nothing where it runs already."""
        with self._lock:
            known = self._jobs.get(_name(wanted))
            if known is not None and known.running:
                return known
            job = Job(Progress())
            run = create_run(wanted, title=title, command=command)
            job.future = self._pool.submit(self._work, run, job.progress)
            self._jobs[_name(wanted)] = job
            return job

    def _work(self, run, progress: Progress) -> None:
        carry_out(run, store=self._store, journal=progress)


def _name(wanted: Sequence[Spec]) -> str:
    return ",".join(sorted(f"{spec.kind}/{spec.key}" for spec in wanted))


@st.cache_resource(show_spinner=False)
def jobs(_store: Store) -> Jobs:
    """The jobs of this server."""
    return Jobs(_store)
