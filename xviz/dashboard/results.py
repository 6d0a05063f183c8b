"""Show a result: it is there, or it is cheap, or a card says what it costs and offers to make it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from xviz.dashboard.address import plain
from xviz.dashboard.jobs import jobs
from xviz.dashboard.server import store
from xviz.errors import XvizError
from xviz.journal import Journal
from xviz.runs.resolve import ON_THE_SPOT_SECONDS, Offer, estimate, readable_bytes, readable_seconds, resolve
from xviz.runs.steps import missing
from xviz.store import Entry, Spec

POLL_SECONDS = 0.7


class PageJournal(Journal):
    """A bar on the page, for work that takes a moment."""

    def __init__(self) -> None:
        self._place = st.empty()
        self._stage = ""

    def stage(self, name: str) -> None:
        self._stage = name
        self._place.progress(0.0, plain(name))

    def progress(self, done: float, total: float, *, unit: str = "") -> None:
        self._place.progress(min(1.0, done / total) if total else 0.0, plain(self._stage))

    def clear(self) -> None:
        self._place.empty()


@dataclass(frozen=True)
class Work:
    """Something that can be computed, and how it is called: on a button, in the list of runs, in a shell."""

    label: str
    wanted: tuple[Spec, ...]
    title: str
    command: str


def obtain(
    work: Work, *, fuller: Work | None = None, within: float = ON_THE_SPOT_SECONDS
) -> list[Entry] | None:
    """The results of ``work``; None where they are not there yet, and then the page shows how to get them.

    Args:
        fuller: more that the same pass would give (all layers), offered beside it.
        within: seconds up to which it is computed while the reader waits, with progress.
    """
    offered = [work] if fuller is None else [work, fuller]
    for each in offered:
        job = jobs(store()).of(each.wanted)
        if job is not None and job.running:
            _follow(each.wanted)
            return None
    journal = PageJournal()
    try:
        found = resolve(work.wanted, store=store(), within=within, journal=journal)
        if isinstance(found, Offer):
            _card([(each, _offer(each)) for each in offered])
            return None
    except XvizError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return None
    finally:
        journal.clear()
    return found


def _offer(work: Work) -> Offer:
    plan = missing(work.wanted, store())
    return estimate(work.wanted, plan, store())


def _card(offers: Sequence[tuple[Work, Offer]]) -> None:
    """What it costs, a button each, and the command line."""
    work, offer = offers[0]
    with st.container(border=True, key="xviz-offer"):
        st.subheader("Not computed yet", anchor=False)
        st.markdown(plain(offer.sentence))
        for each, _ in offers:
            job = jobs(store()).of(each.wanted)
            if job is not None and job.failure:
                st.error(plain(job.failure), icon=":material/error:")
            elif job is not None:
                st.caption("Stopped; what was finished is kept.")
        with st.container(horizontal=True):
            for i, (each, its_offer) in enumerate(offers):
                cost = f"{readable_seconds(its_offer.seconds)}, {readable_bytes(its_offer.bytes)}"
                st.button(
                    f"{each.label} ({cost})",
                    type="primary" if i == 0 else "secondary",
                    key=f"xviz-compute-{i}",
                    on_click=_start,
                    args=(each,),
                )
        if work.command:
            st.caption("Or on the command line; the page shows what it leaves in the store:")
            st.code(offers[-1][0].command, language="shell")


def _start(work: Work) -> None:
    jobs(store()).start(work.wanted, title=work.title, command=work.command)


@st.fragment(run_every=POLL_SECONDS)
def _follow(wanted: Sequence[Spec]) -> None:
    """Progress of a job, until it ends."""
    job = jobs(store()).of(wanted)
    if job is None or not job.running:
        st.rerun()
        return
    progress = job.progress
    with st.container(border=True, key="xviz-job"):
        share = min(1.0, progress.done / progress.total) if progress.total else 0.0
        count = f" ({progress.done:,.0f} of {progress.total:,.0f} {progress.unit})" if progress.total else ""
        st.progress(share, plain(progress.stage_name + count))
        for remark in progress.remarks[-2:]:
            st.caption(plain(remark))
        if progress.stopping.is_set():
            st.caption("Stopping at the next safe point ...")
        else:
            st.button("Stop", key="xviz-stop", on_click=progress.stopping.set)
