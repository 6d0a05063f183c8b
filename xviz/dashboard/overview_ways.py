"""Three ways in: browse, bring your own, continue a run."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.errors import StreamlitAPIException

from xviz.corpora.folder import find_treebanks
from xviz.dashboard.address import plain
from xviz.errors import XvizError
from xviz.models.folder import describe
from xviz.runs.listing import list_runs

CONCEPT_SPACE = "pages/concept_space/page.py"
OTHERS = {
    "pages/alignability/page.py": ("How alike are two languages?", ":material/grid_on:"),
    "pages/meta_alignment/page.py": ("Can a map be learned?", ":material/conversion_path:"),
}
OWN_VECTORS = "pages/own_vectors/page.py"
RUNS = "pages/runs/page.py"
LATEST = 3
STATES = {
    "running": ":material/progress_activity:",
    "queued": ":material/schedule:",
    "succeeded": ":material/check_circle:",
    "failed": ":material/error:",
    "cancelled": ":material/stop_circle:",
    "lost": ":material/help:",
}


def ways_in(layer: int | None) -> None:
    """Three cards, side by side where there is room."""
    browse, bring, resume = st.columns(3)
    with browse, st.container(border=True, height="stretch", key="ov-browse"):
        st.subheader("Browse", anchor=False)
        st.markdown("Turn the space in your hands: concepts, languages, layers, every word in its sentence.")
        query = {} if layer is None else {"model": "mini-encoder", "data": "sample", "layer": str(layer)}
        _link(CONCEPT_SPACE, "Open the concept space", ":material/scatter_plot:", query)
        for page, (label, icon) in OTHERS.items():
            _link(page, label, icon, {})
    with bring, st.container(border=True, height="stretch", key="ov-bring"):
        st.subheader("Bring your own", anchor=False)
        _own_model_and_treebanks()
        _link(OWN_VECTORS, "Or vectors from elsewhere (.npy)", ":material/upload_file:", {})
    with resume, st.container(border=True, height="stretch", key="ov-runs"):
        st.subheader("Continue a run", anchor=False)
        _latest_runs()


def _own_model_and_treebanks() -> None:
    with st.form("ov-own", border=False):
        left, right = st.columns(2)
        model = left.text_input("Model", placeholder="folder or hub name", key="ov-own-model")
        data = right.text_input("Treebanks", placeholder="folder of UD_* treebanks", key="ov-own-data")
        asked = st.form_submit_button("Open", type="primary")
    if not asked:
        return
    model, data = model.strip() or "mini-encoder", data.strip() or "sample"
    try:
        describe(model)
        find_treebanks(data)
    except XvizError as error:
        st.warning(plain(str(error)), icon=":material/folder_off:")
        return
    st.session_state["model"], st.session_state["data"] = model, data
    for name in ("treebank", "layer"):  # of other data, of another network
        st.session_state.pop(name, None)
    st.switch_page(CONCEPT_SPACE, query_params={"model": model, "data": data})


def _latest_runs() -> None:
    try:
        runs = list_runs()
    except (XvizError, OSError) as error:
        st.caption(plain(str(error)))
        return
    if not runs:
        st.markdown(
            "None yet. What takes longer than a moment becomes a run: it goes on when you close the page, "
            "and is kept with its history."
        )
        _link(RUNS, "Runs", ":material/list:", {})
        return
    for each in runs[:LATEST]:
        share = f", {100 * each.standing.share:.0f} %" if each.standing.active and each.standing.share else ""
        title = each.listed.title or each.listed.kind or each.id
        state = each.standing.state
        st.markdown(f"{STATES.get(state, '')} {plain(title)}  \n:small[:gray[{state}{share}]]")
    left = len(runs) - LATEST
    label = f"All {len(runs)} runs" if left > 0 else "Open the runs"
    if not _link(RUNS, label, ":material/list:", {}):
        st.caption("`xviz runs list` shows them all.")


def _link(page: str, label: str, icon: str, query: dict[str, str]) -> bool:
    """A link to a page, where this app has it."""
    if not (Path(__file__).parents[2] / page).is_file():
        return False
    try:
        st.page_link(page, label=label, icon=icon, query_params=query or None)
    except StreamlitAPIException:  # the file is there, but not in the navigation
        return False
    return True
