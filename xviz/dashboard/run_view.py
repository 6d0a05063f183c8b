"""One run: how it stands, its curves, what came out, its log, what was asked for."""

from __future__ import annotations

import functools
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from xviz.dashboard.address import plain
from xviz.dashboard.figure import show_figure
from xviz.dashboard.jobs import standing_of
from xviz.dashboard.run_choices import open_run
from xviz.dashboard.run_progress import POLL_SECONDS, badge, cancel_button, show_progress
from xviz.errors import InputError, XvizError
from xviz.figures.run_curves import height_of, panels_of, run_curves
from xviz.runs.comparison import curves
from xviz.runs.curves import read_log
from xviz.runs.launch import delete, resume
from xviz.runs.listing import ListedNow
from xviz.runs.record import Run
from xviz.runs.resolve import readable_bytes, readable_seconds
from xviz.runs.results import result_tables
from xviz.runs.standing import Standing

ROWS_SHOWN = 1_000
LOG_LINES = 200


def show_run(each: ListedNow) -> None:
    """The panel of one run; while it is at work, its progress and curves refresh alone."""
    run = each.run
    with st.container(border=True, key="xviz-run-panel"):
        with st.container(horizontal=True, vertical_alignment="center"):
            badge(each.standing.state)
            st.subheader(plain(each.listed.title), anchor=False, width="stretch")
            _actions(run, each)
        st.caption(_facts(run, each))
        with st.container():  # what comes and goes has a place of its own: the open tab beneath stays open
            if each.listed.note:
                st.markdown(plain(each.listed.note))
            if each.standing.reason and not each.standing.active:
                _why(each.standing)
        every = POLL_SECONDS if each.standing.active else None
        st.fragment(_live, run_every=every)(run, each.standing.active)


def _live(run: Run, was_active: bool) -> None:
    now = standing_of(run)
    if was_active and not now.active:
        st.rerun()
    with st.container():
        if now.active:
            show_progress(now)
    curve_tab, results, log, asked, made = st.tabs(
        ["Curves", "Results", "Log", "Specification", "Provenance"]
    )
    with curve_tab:
        _curves(run)
    with results:
        _results(run, now)
    with log:
        _log(run)
    with asked:
        _asked(run)
    with made:
        _provenance(run)


def _why(now: Standing) -> None:
    say = {"failed": st.error, "lost": st.warning}.get(now.state, st.info)
    say(plain(now.reason))


def _facts(run: Run, each: ListedNow) -> str:
    known = each.standing.known
    if not known:
        try:
            known = run.state
        except InputError:
            known = {}
    parts = [run.id, f"made {_readable_time(each.listed.created)}", _place(run)]
    if each.listed.seconds is not None:
        parts.append(f"took {readable_seconds(each.listed.seconds)}")
    if known.get("peak_memory"):
        parts.append(f"at most {readable_bytes(known['peak_memory'])} of memory")
    if int(known.get("attempt") or 1) > 1:
        parts.append(f"taken up {known['attempt']} times")
    return plain(" · ".join(part for part in parts if part))


def _place(run: Run) -> str:
    launch = run.launch
    where = launch.get("where", "here")
    if where == "slurm":
        return f"Slurm job {launch.get('job', '?')}"
    return "a process of its own" if where == "local" else "on the spot"


def _actions(run: Run, each: ListedNow) -> None:
    now = each.standing
    if now.active:
        cancel_button(run, now, key="xviz-run-cancel")
    elif now.state != "succeeded":
        st.button("Resume", icon=":material/play_arrow:", type="primary", on_click=_resume, args=(run,))
    with st.popover("Rename", icon=":material/edit:"), st.form("xviz-run-note", border=False):
        title = st.text_input("Name", value=each.listed.title)
        note = st.text_area("Remark", value=each.listed.note)
        if st.form_submit_button("Keep"):
            run.annotate(title=title, note=note)
            st.rerun()
    if not now.active:
        with st.popover("Delete", icon=":material/delete:"):
            st.markdown(
                "Its log, curves, checkpoints and tables go for good. Results in the store stay, "
                "until it makes room."
            )
            st.button("Delete this run", type="primary", on_click=_delete, args=(run,))
    st.button("Close", type="tertiary", on_click=open_run, args=(None,), icon=":material/close:")


def _resume(run: Run) -> None:
    try:
        resume(run)
    except XvizError as error:
        st.toast(plain(str(error)))


def _delete(run: Run) -> None:
    try:
        delete(run)
        open_run(None)
    except XvizError as error:
        st.toast(plain(str(error)))


def _curves(run: Run) -> None:
    table = curves([run])
    panels = panels_of(table)
    if not panels:
        st.caption("This run has measured nothing along its way.")
        return
    figure, left_out = run_curves(table, runs=[run.id])
    names = ", ".join(name.replace("_", " ") for _, name in panels)
    show_figure(
        figure,
        key="xviz-run-curves",
        alt=f"Curves of the run over its steps: {names}",
        height=height_of(len(panels)),
        table=table[["stage", "step", "name", "value"]],
        filename=run.id,
    )
    if left_out:
        st.caption(f"In the table as well: {', '.join(left_out)}.")


def _results(run: Run, now: Standing) -> None:
    tables = result_tables(run.folder)
    if not tables:
        done = now.state == "succeeded"
        st.caption(
            "It filled the store; it makes no table of its own."
            if done
            else "There is no table yet: it is written when the run has finished."
        )
        return
    for name, table in tables.items():
        more = f", the first {ROWS_SHOWN:,} shown" if len(table) > ROWS_SHOWN else ""
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{plain(name)}** ({len(table):,} rows{more})", width="stretch")
            st.download_button(
                "CSV",
                functools.partial(csv_of, table),
                file_name=f"{run.id}-{name.replace('/', '-')}.csv",
                mime="text/csv",
                key=f"xviz-csv-{name}",
                icon=":material/download:",
            )
        st.dataframe(table.head(ROWS_SHOWN), hide_index=True, width="stretch", height="auto")


def csv_of(table: pd.DataFrame) -> str:
    return str(table.to_csv(index=False))


def _log(run: Run) -> None:
    said = read_log(run.folder, lines=LOG_LINES)
    printed = read_log(run.folder, lines=LOG_LINES, name="output.txt").splitlines()
    if not said and not printed:
        st.caption("It has said nothing so far.")
    sentences = {line.partition("  ")[2] for line in said.splitlines()}
    rest = "\n".join(line for line in printed if line.strip() not in sentences)
    for text, label in (
        (said, "What the work said (UTC)"),
        (rest.strip(), "What the process printed besides"),
    ):
        if text:
            st.caption(label)
            st.code(text, language=None, height=min(320, 24 * (text.count("\n") + 3)), wrap_lines=True)


def _asked(run: Run) -> None:
    try:
        spec = run.spec
    except InputError as error:
        st.warning(plain(str(error)))
        return
    st.caption("The same from the command line:")
    st.code(spec.get("command") or f"xviz run {run.folder}", language="shell")
    wanted = spec.get("wanted") or []
    st.caption(f"{len(wanted)} result{'s' * (len(wanted) != 1)} asked for:")
    st.json(wanted[0] if len(wanted) == 1 else wanted, expanded=1)


def _provenance(run: Run) -> None:
    about: dict[str, Any] = run.provenance
    if not about:
        st.caption("It has not begun, so nothing is known of how it was made.")
        return
    st.json(about, expanded=2)
    st.caption(plain(f"Everything that belongs to the run lies in {run.folder}"))


def _readable_time(text: str) -> str:
    try:
        return datetime.fromisoformat(text).astimezone().strftime("%-d %b %Y, %H:%M")
    except ValueError:
        return "at an unknown time"
