"""What the reader points at: a word in its whole sentence, and the words inside a lasso."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from xviz.corpora.folder import TreebankFiles
from xviz.dashboard.address import plain
from xviz.dashboard.figure import FigureEvents
from xviz.dashboard.word_points import sentence_of, word_of
from xviz.projection.spec import MapSpec
from xviz.store import Store

MOST_ROWS = 1000
COLUMNS = {
    "left": "before",
    "form": "word",
    "right": "after",
    "language_name": "language",
    "upos": "UPOS",
    "deprel": "relation",
}


def show_selection(
    events: FigureEvents,
    points: pd.DataFrame,
    spec: MapSpec,
    treebanks: Sequence[TreebankFiles],
    store: Store,
    *,
    key: str,
) -> None:
    """The word that was clicked in its sentence, and the words that were encircled, as a table.

    Both are kept while the reader goes on (to another layer, say): rows name words, not places on the map.
    """
    kept = st.session_state.setdefault(f"{key}-kept", {})
    sources = tuple(source.table().key for source in spec.sources)
    if kept.get("sources") != sources:  # a row names a word only beside the same treebanks
        kept.clear()
        kept["sources"] = sources
    if events.click is not None and isinstance(events.click.get("id"), int):
        kept["word"] = events.click["id"]
    if events.select is not None:
        kept["encircled"] = list(events.select["ids"])
    if kept.get("word") is not None:
        _show_word(kept["word"], spec, treebanks, store)
    if kept.get("encircled"):
        _show_encircled(points[points["row"].isin(kept["encircled"])], spec.concepts)


def _show_word(row: int, spec: MapSpec, treebanks: Sequence[TreebankFiles], store: Store) -> None:
    source, word = word_of(row)
    found = sentence_of(spec.sources[source].table(), word, store)
    with st.container(border=True, key="cs-word"):
        # Isolated, so that the script of the sentence decides where it begins.
        st.markdown(f"\u2068{plain(found.before)}**{plain(found.form)}**{plain(found.after)}\u2069")
        facts = [treebanks[source].language_name, found.upos, found.deprel, found.feats.replace("|", ", ")]
        st.caption(plain(" · ".join(fact for fact in facts if fact) + f" · sentence {found.sent_id}"))


def _show_encircled(chosen: pd.DataFrame, concepts: str) -> None:
    counts = chosen["concept"].astype(str).replace("", "not annotated").value_counts()
    languages = chosen["language_name"].value_counts()
    with st.container(key="cs-encircled"):
        st.markdown(
            plain(
                f"{len(chosen):,} words encircled: "
                + ", ".join(f"{name} {count:,}" for name, count in counts[counts > 0].head(8).items())
                + "; "
                + ", ".join(f"{name} {count:,}" for name, count in languages.head(8).items())
                + "."
            )
        )
        shown = chosen[list(COLUMNS)].head(MOST_ROWS).rename(columns=COLUMNS)
        st.dataframe(
            shown,
            hide_index=True,
            width="stretch",
            height=260,
            column_config={"before": st.column_config.TextColumn(alignment="right")},
        )
        if len(chosen) > MOST_ROWS:
            st.caption(f"The first {MOST_ROWS:,} are listed.")
