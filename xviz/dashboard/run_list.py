"""The runs that are at work, each with its progress, and the table of all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pandas as pd
import streamlit as st

from xviz.dashboard.address import plain
from xviz.dashboard.jobs import standing_of
from xviz.dashboard.run_choices import GENERATION, kind_name, open_run
from xviz.dashboard.run_progress import BADGES, POLL_SECONDS, badge, cancel_button, show_progress
from xviz.runs.listing import ListedNow
from xviz.runs.record import runs_folder
from xviz.runs.resolve import readable_seconds

MOST_AT_WORK = 12
ROWS = 9


def show_at_work(runs: Sequence[ListedNow]) -> None:
    """Runs that work or wait, refreshed alone; the page runs again when one begins or ends."""
    active = [each for each in runs if each.standing.active]
    _at_work(active, _signature(active))


@st.fragment(run_every=POLL_SECONDS)
def _at_work(active: Sequence[ListedNow], drawn: tuple) -> None:
    now = [standing_of(each.run) for each in active]
    if (drawn[0], tuple(each.active for each in now)) != (_count(), tuple(True for _ in now)):
        st.rerun()
    for each, its in list(zip(active, now, strict=True))[:MOST_AT_WORK]:
        with st.container(border=True, key=f"xviz-run-{each.id}"):
            with st.container(horizontal=True, vertical_alignment="center"):
                badge(its.state)
                st.markdown(f"**{plain(each.listed.title)}**", width="stretch")
                st.button("Open", key=f"open-{each.id}", on_click=open_run, args=(each.id,), type="tertiary")
                cancel_button(each.run, its, key=f"cancel-{each.id}")
            show_progress(its)
    if len(active) > MOST_AT_WORK:
        st.caption(f"... and {len(active) - MOST_AT_WORK} more at work")


def _signature(active: Sequence[ListedNow]) -> tuple:
    return (_count(), tuple(True for _ in active))


def _count() -> int:
    """Changes when a run is made or removed."""
    try:
        return sum(1 for path in runs_folder().iterdir() if not path.name.startswith("."))
    except OSError:
        return 0


def show_table(found: Sequence[ListedNow], runs: Sequence[ListedNow]) -> list[str]:
    """The list; returns the ids of the rows that are selected in it."""
    counts = pd.Series([each.standing.state for each in runs]).value_counts()
    facts = [f"{counts[state]:,} {word[0].lower()}" for state, word in BADGES.items() if state in counts]
    shown = "" if len(found) == len(runs) else f"; {len(found):,} shown"
    st.caption(f"{len(runs):,} run{'s' * (len(runs) != 1)}: {', '.join(facts)}{shown}.")
    if not found:
        st.markdown("No run passes these filters.")
        return []
    event = st.dataframe(
        table_of(found),
        hide_index=True,
        width="stretch",
        height=33 * (min(len(found), ROWS) + 1) + 3,
        placeholder="",
        key=f"xviz-runs-table-{st.session_state.get(GENERATION, 0)}",
        on_select="rerun",
        selection_mode="multi-row",
        column_config={
            "state": st.column_config.TextColumn("State", width="small"),
            "title": st.column_config.TextColumn("Name", width=380),
            "kind": st.column_config.TextColumn("Result", width="small"),
            "where": st.column_config.TextColumn("Where", width="small"),
            "created": st.column_config.DatetimeColumn("Made", format="D MMM YYYY, HH:mm", width=150),
            "seconds": st.column_config.NumberColumn("Seconds", format="%.1f", width="small"),
            "sweep": st.column_config.TextColumn("Sweep", width="small"),
            "note": st.column_config.TextColumn("Remark"),
            "reason": st.column_config.TextColumn("Why", width=260),
        },
    )
    rows = event["selection"]["rows"]
    return [found[row].id for row in rows if row < len(found)]


def table_of(runs: Sequence[ListedNow]) -> pd.DataFrame:
    """One row a run, as it is read in the list; columns that would say nothing are left out."""
    table = pd.DataFrame(
        {
            "state": [SIGNS[each.standing.state] + " " + BADGES[each.standing.state][0] for each in runs],
            "title": [each.listed.title for each in runs],
            "reason": [each.standing.reason for each in runs],
            "kind": [kind_name(each.listed.kind) for each in runs],
            "where": [each.listed.where for each in runs],
            "created": [_time(each.listed.created) for each in runs],
            "seconds": [each.listed.seconds for each in runs],
            "sweep": [each.listed.sweep or "" for each in runs],
            "note": [each.listed.note for each in runs],
        }
    )
    empty = [name for name in ("sweep", "note", "reason") if not table[name].astype(bool).any()]
    return table.drop(columns=empty)


SIGNS = {"running": "▶", "queued": "◷", "succeeded": "✓", "failed": "✕", "cancelled": "■", "lost": "?"}


def show_nothing() -> None:
    """A list that is still empty says how it fills."""
    with st.container(border=True):
        st.subheader("No run yet", anchor=False)
        st.markdown(
            "A run is heavy work in a process of its own: it goes on when the page is closed and when the "
            "server stops. Pages offer one where a result would take longer than a moment; commands send one "
            "off with `--where local`, or to a cluster with `--where slurm`."
        )
        st.code("xviz extract --model mini-encoder --data sample --where local", language="shell")
        st.page_link(
            "pages/concept_space/page.py", label="Open the concept space", icon=":material/scatter_plot:"
        )


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone().replace(tzinfo=None)
    except ValueError:
        return None


def duration(seconds: float | None) -> str:
    return readable_seconds(seconds) if seconds is not None else "not known"
