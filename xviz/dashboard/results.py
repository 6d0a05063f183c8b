"""Show a result: it is there, or it is cheap, or a card says what it costs and offers to make it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from xviz.dashboard.address import plain
from xviz.dashboard.jobs import all_runs, run_of, start
from xviz.dashboard.run_progress import follow
from xviz.dashboard.server import store
from xviz.errors import XvizError
from xviz.journal import Journal
from xviz.runs.listing import ListedNow
from xviz.runs.resolve import ON_THE_SPOT_SECONDS, Offer, estimate, readable_bytes, readable_seconds, resolve
from xviz.runs.steps import missing
from xviz.store import Entry, Spec

POLL_SECONDS = 0.7
"""How often a page looks after what this server computes itself (maps)."""


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
    work: Work, *, fuller: Work | None = None, within: float = ON_THE_SPOT_SECONDS, key: str = "xviz"
) -> list[Entry] | None:
    """The results of ``work``; None where they are not there yet, and then the page shows how to get them.

    Args:
        fuller: more that the same pass would give (all layers), offered beside it.
        within: seconds up to which it is computed while the reader waits, with progress.
        key: where a page has several offers, each has its own.
    """
    journal = PageJournal()
    try:
        found = resolve(work.wanted, store=store(), within=within, journal=journal)
        if isinstance(found, Offer):
            _follow_or_offer([work] if fuller is None else [work, fuller], key)
            return None
    except XvizError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return None
    finally:
        journal.clear()
    return found


def _follow_or_offer(offered: Sequence[Work], key: str) -> None:
    """Progress of a run that is at one of them, else the card."""
    runs = all_runs()
    known = [run_of(each.wanted, runs) for each in offered]
    for run in known:
        if run is not None and run.standing.active:
            follow(str(run.run.folder), key)
            return
    _card([(each, _offer(each), run) for each, run in zip(offered, known, strict=True)], key)


def _offer(work: Work) -> Offer:
    plan = missing(work.wanted, store())
    return estimate(work.wanted, plan, store())


def _card(offers: Sequence[tuple[Work, Offer, ListedNow | None]], key: str) -> None:
    """What it costs, a button each, and the command line."""
    _, offer, _ = offers[0]
    with st.container(border=True, key=f"{key}-offer"):
        st.subheader("Not computed yet", anchor=False)
        st.markdown(plain(offer.sentence))
        for _, _, last in offers:
            if last is not None and last.standing.state == "cancelled":
                st.caption("Stopped; what was finished is kept.")
            elif last is not None and last.standing.state in ("failed", "lost"):
                st.error(plain(last.standing.reason), icon=":material/error:")
        with st.container(horizontal=True):
            for i, (each, its_offer, _) in enumerate(offers):
                cost = f"{readable_seconds(its_offer.seconds)}, {readable_bytes(its_offer.bytes)}"
                st.button(
                    f"{each.label} ({cost})",
                    type="primary" if i == 0 else "secondary",
                    key=f"{key}-compute-{i}",
                    on_click=_start,
                    args=(each,),
                )
        command = offers[-1][0].command
        if command:
            st.caption("Or on the command line; the page shows what it leaves in the store:")
            st.code(command, language="shell")


def _start(work: Work) -> None:
    try:
        start(work.wanted, title=work.title, command=work.command)
    except XvizError as error:
        st.toast(plain(str(error)))
