"""What is on this machine: models, treebanks, results."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from xviz.corpora.languages import display_name
from xviz.corpora.listing import list_corpora
from xviz.dashboard.address import plain
from xviz.errors import XvizError
from xviz.models.listing import list_models
from xviz.runs.resolve import readable_bytes
from xviz.store import Store

RESULT_NAMES = {
    "treebank": "Treebanks read",
    "words": "Word tables",
    "word_vectors": "Word vectors (one a treebank and layer)",
    "sentence_vectors": "Sentence vectors",
    "concept_space": "Concept spaces",
    "neighbours": "Neighbours",
    "layout": "Layouts",
    "map": "Maps",
    "map_quality": "Qualities of maps",
}


def models_table() -> None:
    """Models that can be used now; those that xviz knows besides are one click away."""
    rows = pd.DataFrame(list_models())
    known = rows[rows["layers"].notna()]
    here, elsewhere = known[known["available"]], known[~known["available"]]
    if len(here):
        _models(here)
    else:
        st.markdown("No model is on this machine yet; any encoder or decoder works from its folder.")
    with st.expander(f"{len(elsewhere)} more that xviz knows by name"):
        st.caption(
            "With a network, `hf download NAME` brings one here. Any other Hugging Face "
            "encoder or decoder with safetensors weights works from its folder."
        )
        _models(elsewhere)


def _models(rows: pd.DataFrame) -> None:
    st.dataframe(
        rows[["name", "family", "layers", "width", "parameters"]],
        hide_index=True,
        width="stretch",
        column_config={"parameters": st.column_config.NumberColumn(format="compact")},
    )


def corpora_table(data: str, store: Store) -> None:
    """Treebanks in the folder that is chosen (``sample`` at first)."""
    try:
        rows = list_corpora(data, store=store)
    except XvizError as error:
        st.markdown(plain(str(error)))
        return
    words = sum(row["words"] for row in rows)
    languages = len({row["language"] for row in rows})
    st.caption(plain(f"{data}: {len(rows)} treebanks of {languages} languages, {words:,} words."))
    table = pd.DataFrame(rows)
    table["language"] = table["language"].map(display_name)
    table["splits"] = table["splits"].map(", ".join)
    st.dataframe(
        table[["language", "name", "family", "script", "splits", "words", "licence"]],
        hide_index=True,
        width="stretch",
        column_config={"words": st.column_config.NumberColumn("words", format="localized")},
    )


def results_table(store: Store) -> None:
    """How many results of each kind the store holds, and how large they are."""
    entries = store.entries()
    if not entries:
        st.markdown("Nothing has been computed yet: open the concept space, or run `xviz extract`.")
        return
    table = pd.DataFrame({"kind": [e.kind for e in entries], "size": [e.size for e in entries]})
    summed = table.groupby("kind")["size"].agg(["count", "sum"]).reset_index()
    st.caption(
        f"{readable_bytes(table['size'].sum())} in {len(entries):,} results; "
        "`xviz cache` lists and clears them."
    )
    summed["what"] = summed["kind"].map(lambda kind: RESULT_NAMES.get(kind, kind))
    summed["size"] = summed["sum"].map(readable_bytes)
    st.dataframe(summed[["what", "count", "size"]], hide_index=True)
