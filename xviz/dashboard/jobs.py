"""Heavy work started from a page: a run in a process of its own, found again by what it computes.

The run belongs neither to the page nor to the server: both may end, and whoever asks for the same results
finds it. A run of the same work that failed or was stopped is taken up again rather than begun anew.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from xviz.runs.launch import launch, resume
from xviz.runs.listing import ListedNow, list_runs
from xviz.runs.record import Run, create_run, work_key
from xviz.runs.slurm import Queue
from xviz.runs.standing import Standing, standing
from xviz.store import Spec


def run_of(wanted: Sequence[Spec], among: Sequence[ListedNow] | None = None) -> ListedNow | None:
    """The newest run that was asked for exactly ``wanted``, at work before those that have ended."""
    work = work_key(wanted)
    same = [each for each in (all_runs() if among is None else among) if each.listed.work == work]
    return next((each for each in same if each.standing.active), same[0] if same else None)


def start(wanted: Sequence[Spec], *, title: str, command: str) -> Run:
    """Send the work off as a process of its own; does nothing where a run is at it."""
    known = run_of(wanted)
    if known is not None and known.standing.active:
        return known.run
    if known is not None and known.standing.state in ("failed", "cancelled", "lost"):
        resume(known.run, where="local")
        return known.run
    run = create_run(wanted, title=title, command=command)
    launch([run], "local")
    return run


def all_runs() -> list[ListedNow]:
    """Every run as it stands now."""
    return list_runs(jobs=queue())


def standing_of(run: Run) -> Standing:
    return standing(run, jobs=queue())


@st.cache_resource(show_spinner=False)
def queue() -> Queue:
    """The one of this server that asks Slurm, at most every few seconds."""
    return Queue()
