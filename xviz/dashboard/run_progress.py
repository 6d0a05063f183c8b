"""How far a run is: drawn alone, every two seconds, without running the page again."""

from __future__ import annotations

import streamlit as st

from xviz.dashboard.address import plain
from xviz.dashboard.jobs import standing_of
from xviz.errors import XvizError
from xviz.runs.launch import cancel
from xviz.runs.record import Run
from xviz.runs.resolve import readable_seconds
from xviz.runs.standing import Standing, State

POLL_SECONDS = 2.0
BADGES: dict[State, tuple[str, str, str]] = {
    "running": ("Running", ":material/play_arrow:", "blue"),
    "queued": ("Queued", ":material/schedule:", "gray"),
    "succeeded": ("Succeeded", ":material/check:", "green"),
    "failed": ("Failed", ":material/error:", "red"),
    "cancelled": ("Cancelled", ":material/cancel:", "gray"),
    "lost": ("Lost", ":material/help:", "orange"),
}
"""Word, sign and colour of each state."""


def badge(state: State) -> None:
    word, icon, colour = BADGES[state]
    st.badge(word, icon=icon, color=colour)  # type: ignore[arg-type]


def show_progress(now: Standing) -> None:
    """Stage, share, remaining time; for a queued run, what it waits for."""
    if now.stopping:
        st.progress(now.share or 0.0, plain(f"{now.stage or 'Starting'}: stopping at the next safe point"))
        return
    if now.state == "queued":
        st.progress(0.0, plain(now.reason or "Starting"))
        return
    done, total = now.progress.get("done", 0), now.progress.get("total", 0)
    unit = now.progress.get("unit", "")
    count = f" ({done:,.0f} of {total:,.0f}{' ' + unit if unit else ''})" if total else ""
    left = f", about {readable_seconds(now.remaining)} left" if now.remaining is not None else ""
    st.progress(now.share or 0.0, plain(f"{now.stage or 'Starting'}{count}{left}"))


def cancel_button(run: Run, now: Standing, *, key: str) -> None:
    """Stop at the next safe point; once that was asked, offer not to wait for it."""
    if now.stopping:
        st.button(
            "Stop at once", key=f"{key}-now", on_click=ask_to_stop, args=(run,), kwargs={"at_once": True}
        )
    else:
        st.button("Cancel", key=key, on_click=ask_to_stop, args=(run,), icon=":material/stop_circle:")


def ask_to_stop(run: Run, *, at_once: bool = False) -> None:
    try:
        cancel(run, at_once=at_once)
    except XvizError as error:
        st.toast(plain(error.message))


@st.fragment(run_every=POLL_SECONDS)
def follow(folder: str, key: str = "xviz") -> None:
    """Progress of one run until it ends; then the page runs again."""
    from pathlib import Path

    run = Run(Path(folder))
    now = standing_of(run)
    if not now.active:
        st.rerun()
    with st.container(border=True, key=f"{key}-job"):
        show_progress(now)
        with st.container(horizontal=True, vertical_alignment="center"):
            cancel_button(run, now, key=f"{key}-stop")
            st.page_link("pages/runs/page.py", label="All runs", icon=":material/list_alt:")
        st.caption("It goes on when this page is closed and when the server stops.")
