"""Find a word: its occurrences in all treebanks, ringed on the map and listed in their sentences."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from xviz.corpora.folder import TreebankFiles
from xviz.dashboard import address
from xviz.dashboard.address import plain
from xviz.dashboard.selection import pick_word
from xviz.dashboard.server import store
from xviz.dashboard.word_points import ROWS_A_SOURCE, names_of_treebanks, words_drawn
from xviz.dashboard.word_sentence import word_table
from xviz.projection.spec import MapSpec

MOST_LISTED = 500


def search_choice() -> str:
    """The field in which a word is typed; it stands in the address."""
    value = st.text_input(
        "Find a word",
        key="cs_find",
        bind="query-params",
        placeholder="a form or a lemma; * for any letters",
        help="Upper and lower case are the same. Forms and lemmas of all treebanks that are chosen.",
    )
    address.remember("cs_find", value or None)
    return (value or "").strip()


def occurrences(words: pd.DataFrame, wanted: str) -> np.ndarray:
    """Rows of a word table whose form or lemma is ``wanted``; ``*`` stands for any letters."""
    pattern = _plain(wanted)
    found = np.zeros(len(words), bool)
    for column in ("form", "lemma"):
        values = words[column].astype(str).map(_plain)
        if "*" in pattern:
            found |= values.str.fullmatch(_expression(pattern)).to_numpy(bool)
        else:
            found |= (values == pattern).to_numpy(bool)
    return np.flatnonzero(found)


def find(wanted: str, spec: MapSpec) -> list[int]:
    """Rows on the map of every occurrence, also of those that were not drawn."""
    if not wanted or spec.unit == "sentences":
        return []
    rows: list[int] = []
    for number, source in enumerate(spec.sources):
        here = _occurrences(source.table().key, wanted, source.table())
        rows += (number * ROWS_A_SOURCE + here).tolist()
    return rows


def show_found(
    wanted: str, rows: Sequence[int], on_map: int, spec: MapSpec, treebanks: Sequence[TreebankFiles]
) -> None:
    """Each occurrence in its sentence; a row that is chosen goes under the glass."""
    if not wanted:
        return
    if spec.unit == "sentences":
        st.caption("Words are found among words and relations: choose one of these units.")
        return
    if not rows:
        st.info(
            plain(
                f"No form and no lemma of these {len(treebanks)} treebanks is {wanted}. "
                "An asterisk stands for any letters, as in hous*."
            ),
            icon=":material/search_off:",
        )
        return
    names = names_of_treebanks(treebanks)
    parts = []
    for number, source in enumerate(spec.sources):
        here = np.array([row % ROWS_A_SOURCE for row in rows if row // ROWS_A_SOURCE == number], int)
        if len(here) == 0:
            continue
        part = words_drawn(source.table(), here, store(), concepts=spec.concepts)
        parts.append(part.assign(language=names[number], id=number * ROWS_A_SOURCE + here))
    table = pd.concat(parts, ignore_index=True)
    counts = table["language"].value_counts()
    told = ", ".join(f"{name} {count:,}" for name, count in counts.head(12).items())
    with st.container(border=True, key="cs-found"):
        st.markdown(plain(f"{wanted}: {len(table):,} occurrences, {on_map:,} of them on the map: {told}."))
        columns = {"left": "before", "form": "word", "right": "after", "concept": "concept"}
        listed = table.head(MOST_LISTED)
        event = st.dataframe(
            listed[[*columns, "language", "upos", "deprel"]].rename(
                columns=columns | {"upos": "UPOS", "deprel": "relation"}
            ),
            hide_index=True,
            width="stretch",
            height=min(35 * (len(listed) + 1) + 3, 260),
            on_select="rerun",
            selection_mode="single-row",
            key=f"cs-found-{wanted}",
            column_config={"before": st.column_config.TextColumn(alignment="right")},
        )
        if len(table) > MOST_LISTED:
            st.caption(f"The first {MOST_LISTED:,} are listed.")
    chosen = event.selection.rows
    last = st.session_state.get("cs-found-chosen")
    now = (wanted, chosen[0]) if chosen else None
    if now is not None and now != last:
        st.session_state["cs-found-chosen"] = now
        pick_word(int(listed["id"].iloc[chosen[0]]), key="cs")
        st.rerun()
    if now is None:
        st.session_state.pop("cs-found-chosen", None)


@st.cache_resource(max_entries=256, show_spinner=False)
def _occurrences(key: str, wanted: str, _spec) -> np.ndarray:
    return occurrences(word_table(_spec, store()), wanted)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def _expression(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in pattern.split("*")))
