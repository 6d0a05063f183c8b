"""Several runs: what differs in what was asked for, their curves on one axis, their results side by side."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import streamlit as st

from xviz.dashboard.address import plain
from xviz.dashboard.figure import show_figure
from xviz.dashboard.run_choices import open_run
from xviz.dashboard.run_view import ROWS_SHOWN, csv_of
from xviz.figures.run_curves import height_of, panels_of, run_curves
from xviz.runs.comparison import curves, differences, side_by_side
from xviz.runs.listing import ListedNow
from xviz.runs.sweeps import sweep_tables


def show_comparison(chosen: Sequence[ListedNow]) -> None:
    """The panel of several runs, named by their titles (by their ids where titles are equal)."""
    names = _names(chosen)
    runs = [each.run for each in chosen]
    with st.container(border=True, key="xviz-runs-panel"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.subheader(f"{len(chosen)} runs compared", anchor=False, width="stretch")
            st.button("Close", type="tertiary", on_click=open_run, args=(None,), icon=":material/close:")
        asked, lines, results = st.tabs(["Specifications", "Curves", "Results"])
        with asked:
            table = differences(runs).rename(columns=names)
            if len(table):
                st.dataframe(table, width="stretch")
                st.caption("Only the places at which they differ.")
            else:
                st.caption("They were asked for the same.")
        with lines:
            _curves(chosen, names)
        with results:
            _results(chosen, names)


def _curves(chosen: Sequence[ListedNow], names: dict[str, str]) -> None:
    table = curves([each.run for each in chosen])
    panels = panels_of(table)
    if not panels:
        st.caption("None of them has measured anything along its way.")
        return
    table["title"] = table["run"].map(names)
    figure, left_out = run_curves(table, runs=[each.id for each in chosen])
    show_figure(
        figure,
        key="xviz-runs-curves",
        alt=f"Curves of {len(chosen)} runs over their steps",
        height=height_of(len(panels)) + 40,
        table=table[["title", "stage", "step", "name", "value"]],
        filename="runs",
    )
    if left_out:
        st.caption(f"In the table as well: {', '.join(left_out)}.")


def _results(chosen: Sequence[ListedNow], names: dict[str, str]) -> None:
    tables = side_by_side([each.run for each in chosen])
    every = sweep_tables(chosen)
    if not every:
        st.caption("They have no table yet (a table is written when a run has finished).")
        return
    for name, table in tables.items():
        st.markdown(f"**{plain(name)}**, a column a run ({len(table):,} rows)")
        st.dataframe(table.rename(columns=names), hide_index=True, width="stretch")
    for name, table in every.items():
        with st.expander(f"{plain(name)}, all rows of these runs in one table ({len(table):,})"):
            st.dataframe(table.head(ROWS_SHOWN), hide_index=True, width="stretch")
            st.download_button(
                "CSV",
                functools.partial(csv_of, table),
                file_name=f"runs-{name.replace('/', '-')}.csv",
                mime="text/csv",
                key=f"xviz-runs-csv-{name}",
                icon=":material/download:",
            )


def _names(chosen: Sequence[ListedNow]) -> dict[str, str]:
    titles = [each.listed.title for each in chosen]
    return {
        each.id: each.listed.title if titles.count(each.listed.title) == 1 else each.id for each in chosen
    }
