"""The word under the glass: its sentence with the tree, and what is nearest to it in the full space."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from xviz.corpora.folder import TreebankFiles
from xviz.dashboard import address
from xviz.dashboard.address import plain
from xviz.dashboard.selection import found_sentence, pick_word, show_sentence
from xviz.dashboard.server import store
from xviz.dashboard.word_points import ROWS_A_SOURCE, names_of_treebanks, word_of, words_drawn
from xviz.dashboard.word_sentence import sentence_table
from xviz.dashboard.word_tree import show_tree
from xviz.errors import XvizError
from xviz.projection.nearest import Among, Nearest, nearest, rank_of_translations
from xviz.projection.spec import MapSpec

K = 12
AMONG: dict[str, Among] = {"all": "all", "other languages": "languages", "other forms": "forms"}


def neighbours_of(row: int, spec: MapSpec) -> Nearest | None:
    """The nearest of a picked word, among those that the reader asks for; None where it has no vector."""
    among = AMONG.get(st.session_state.get("cs_near") or st.query_params.get("cs_near", "all"), "all")
    cloud = spec.model_copy(update={"method": "pca", "dims": 2, "start": None})
    try:
        return _nearest(cloud.key, row, among, cloud)
    except XvizError:  # a root has no relation
        return None


def rows_of(found: Nearest | None) -> list[int]:
    """The rows of neighbours on the map."""
    if found is None:
        return []
    return (found.table["source"] * ROWS_A_SOURCE + found.table["row"]).tolist()


def show_word(row: int, found: Nearest | None, spec: MapSpec, treebanks: Sequence[TreebankFiles]) -> None:
    """The panel: sentence, tree, neighbours."""
    sentence = found_sentence(row, spec, store())
    with st.container(border=True, key="cs-word"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="top"):
            with st.container(gap="xsmall"):
                show_sentence(row, sentence, treebanks)
            st.button(
                "Close",
                icon=":material/close:",
                type="tertiary",
                key="cs-word-close",
                on_click=pick_word,
                args=(None,),
                kwargs={"key": "cs"},
            )
        show_tree(sentence.words, key="cs-tree", marked=sentence.marked, right_to_left=sentence.right_to_left)
        _show_neighbours(row, found, spec, treebanks)


def _show_neighbours(
    row: int, found: Nearest | None, spec: MapSpec, treebanks: Sequence[TreebankFiles]
) -> None:
    one = spec.unit[:-1]
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        with st.container(gap="xxsmall"):
            st.markdown("**Nearest in the full space**")
            if found is not None:
                st.caption(plain(_provenance(found, spec)))
        options = [name for name in AMONG if spec.unit == "words" or name != "other forms"]
        address.check("cs_near", options, noun="neighbours")
        value = st.segmented_control(
            "Among",
            options,
            default="all",
            required=True,
            key="cs_near",
            bind="query-params",
            label_visibility="collapsed",
        )
        address.remember("cs_near", value)
    if found is None:
        st.caption("This word is the root of its sentence: it has no relation, so it is not on this map.")
        return
    table = _table(found, spec, treebanks)
    event = st.dataframe(
        table.drop(columns="id"),
        hide_index=True,
        width="stretch",
        height=min(35 * (len(table) + 1) + 3, 300),
        on_select="rerun",
        selection_mode="single-row",
        key=f"cs-near-{row}",
        column_config={
            "before": st.column_config.TextColumn(alignment="right"),
            "distance": st.column_config.NumberColumn(format="%.2f"),
            "of median": st.column_config.ProgressColumn(
                format="%.0f %%",
                min_value=0.0,
                max_value=100.0,
                help="The distance as a share of the median distance to all that was searched.",
            ),
        },
    )
    chosen = event.selection.rows
    if chosen:
        pick_word(int(table["id"].iloc[chosen[0]]), key="cs")
        st.rerun()
    st.caption(f"Ringed on the map, where they were drawn. Choose a row to go to that {one}.")
    if spec.unit == "sentences":
        _show_translations(row, spec, treebanks)


def _provenance(found: Nearest, spec: MapSpec) -> str:
    layer = spec.sources[0].layer
    space = "raw" if spec.centring == "none" else "centred"
    space = "probe" if spec.probe is not None else space
    return (
        f"Exact, among {found.searched:,} {spec.unit} of {len(spec.sources)} treebanks; euclidean, {space} "
        f"space, layer {layer}; the median distance is {found.median:.2f}."
    )


def _table(found: Nearest, spec: MapSpec, treebanks: Sequence[TreebankFiles]) -> pd.DataFrame:
    names = names_of_treebanks(treebanks)
    rows = []
    for source, row, distance in found.table[["source", "row", "distance"]].itertuples(index=False):
        table = spec.sources[int(source)].table()
        told = (
            {"sentence": str(sentence_table(table, store())["text"].iloc[int(row)])}
            if spec.unit == "sentences"
            else _told(words_drawn(table, np.array([int(row)]), store(), concepts=spec.concepts))
        )
        place = {"distance": float(distance), "of median": 100 * float(distance) / found.median}
        rows.append(told | {"language": names[int(source)]} | place | {"id": source * ROWS_A_SOURCE + row})
    return pd.DataFrame(rows)


def _told(drawn: pd.DataFrame) -> dict[str, str]:
    word = drawn.iloc[0]
    return {
        "before": str(word["left"]),
        "word": str(word["form"]),
        "after": str(word["right"]),
        "concept": str(word["concept"]),
    }


def _show_translations(row: int, spec: MapSpec, treebanks: Sequence[TreebankFiles]) -> None:
    source, place = word_of(row)
    cloud = spec.model_copy(update={"method": "pca", "dims": 2, "start": None})
    ranks = _translations(cloud.key, source, place, cloud)
    if len(ranks) == 0:
        return
    names = names_of_treebanks(treebanks)
    first = int((ranks["rank"] == 1).sum())
    chance = float((1 / ranks["of"]).sum())
    told = ", ".join(
        f"{names[source]} {rank:,} of {of:,}"
        for source, rank, of in ranks[["source", "rank", "of"]].to_numpy(int)
    )
    st.markdown("**Its translations**")
    st.caption(
        plain(
            f"The translation is the nearest sentence of its language in {first} of {len(ranks)} languages "
            f"(by chance {chance:.2f}). Ranks: {told}."
        )
    )


@st.cache_resource(max_entries=200, show_spinner=False)
def _nearest(key: str, row: int, among: Among, _spec: MapSpec) -> Nearest:
    source, place = word_of(row)
    return nearest(_spec, source, place, k=K, among=among, store=store())


@st.cache_resource(max_entries=200, show_spinner=False)
def _translations(key: str, source: int, place: int, _spec: MapSpec) -> pd.DataFrame:
    return rank_of_translations(_spec, source, place, store=store())
