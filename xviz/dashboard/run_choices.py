"""Which runs the page lists, and which of them the reader looks at. Both live in the address."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from xviz.dashboard import address
from xviz.runs.listing import ListedNow

GROUPS = {
    "All": (),
    "At work": ("queued", "running"),
    "Succeeded": ("succeeded",),
    "Failed or lost": ("failed", "lost"),
    "Cancelled": ("cancelled",),
}
CHOSEN = "xviz-runs-chosen"
GENERATION = "xviz-runs-generation"
MOST_COMPARED = 8
KIND_NAMES = {
    "treebank": "treebanks",
    "word_vectors": "word vectors",
    "sentence_vectors": "sentence vectors",
    "concept_space": "concept spaces",
    "alignability": "alignability",
    "retrieval": "retrieval",
    "card": "model card",
    "map": "map",
    "meta": "meta-alignment",
}


def kind_name(kind: str) -> str:
    return KIND_NAMES.get(kind, kind.replace("_", " "))


def filters(runs: Sequence[ListedNow]) -> list[ListedNow]:
    """Draw the filters and return the runs that pass them."""
    kinds = ["any", *sorted({each.listed.kind for each in runs if each.listed.kind})]
    address.check("runs_state", GROUPS, noun="the state")
    address.check("runs_kind", kinds, noun="the kind")
    with st.container(horizontal=True, vertical_alignment="bottom", key="xviz-runs-filters"):
        group = st.segmented_control(
            "State", list(GROUPS), default="All", key="runs_state", bind="query-params", required=True
        )
        kind = st.selectbox(
            "Kind",
            kinds,
            key="runs_kind",
            bind="query-params",
            format_func=lambda name: "any" if name == "any" else kind_name(name),
            width=200,
        )
        text = st.text_input(
            "Search", key="runs_search", bind="query-params", placeholder="Name, remark or id", width=260
        )
    for name, value in (("runs_state", group), ("runs_kind", kind), ("runs_search", text or None)):
        address.remember(name, value)
    states = GROUPS.get(str(group), ())
    words = str(text or "").casefold().split()
    return [
        each
        for each in runs
        if (not states or each.standing.state in states)
        and (kind in ("any", None) or each.listed.kind == kind)
        and all(word in _text(each) for word in words)
    ]


def chosen_runs(runs: Sequence[ListedNow], in_table: Sequence[str]) -> list[ListedNow]:
    """What the reader selected in the table; else what was opened by a button or by the address."""
    known = {each.id: each for each in runs}
    if in_table:
        st.session_state[CHOSEN] = list(in_table)
    elif st.session_state.get("xviz-runs-had-rows"):  # the last row was just unselected
        st.session_state[CHOSEN] = []
    st.session_state["xviz-runs-had-rows"] = bool(in_table)
    if CHOSEN not in st.session_state:
        address.check("run", known, noun="the run")
        st.session_state[CHOSEN] = [name for name in st.query_params.get_all("run") if name in known]
    names = [name for name in st.session_state[CHOSEN] if name in known]
    if len(names) > MOST_COMPARED:
        st.caption(f"The first {MOST_COMPARED} of {len(names)} selected runs are compared.")
    names = names[:MOST_COMPARED]
    if names:
        st.query_params["run"] = names
    elif "run" in st.query_params:
        del st.query_params["run"]
    address.remember("run", names or None)
    return [known[name] for name in names]


def open_run(name: str | None) -> None:
    """Show this run (or none) beneath the table, whatever is selected in it."""
    st.session_state[CHOSEN] = [name] if name else []
    st.session_state["xviz-runs-had-rows"] = False
    st.session_state[GENERATION] = st.session_state.get(GENERATION, 0) + 1


def _text(each: ListedNow) -> str:
    listed = each.listed
    return f"{listed.title} {listed.note} {listed.id} {listed.sweep or ''}".casefold()
