"""One concept: how often, how spread, its commonest words, its most and least typical ones."""

from __future__ import annotations

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
from xviz.errors import XvizError
from xviz.projection.spec import MapSpec
from xviz.projection.typical import ConceptWords, concept_words

NONE = "choose one, or click a prototype"
SHOWN = 8


def concept_pick(names: Sequence[str], clicked: str | None) -> str | None:
    """Which concept is looked at: the one whose prototype was just clicked, else the one in the list."""
    options = [NONE, *names]
    if clicked is not None and clicked in names:
        st.session_state["cs_concept"] = clicked
    if st.session_state.get("cs_concept") not in (None, *options):
        del st.session_state["cs_concept"]
    address.check("cs_concept", options, noun="concept")
    value = st.selectbox("Look at a concept", options, key="cs_concept", bind="query-params", width=320)
    address.remember("cs_concept", None if value == NONE else value)
    return None if value in (None, NONE) else value


def show_concept(concept: str, spec: MapSpec, treebanks: Sequence[TreebankFiles]) -> None:
    """The panel of one concept."""
    cloud = spec.model_copy(update={"method": "pca", "dims": 2, "start": None})
    try:
        found = _concept_words(cloud.key, concept, cloud)
    except XvizError as error:
        st.info(plain(str(error)))
        return
    names = names_of_treebanks(treebanks)
    with st.container(border=True, key="cs-concept-panel"):
        total, ratio = _summary(found)
        st.markdown(
            plain(
                f"{concept}: {total:,} occurrences in {len(found.languages)} of {len(treebanks)} treebanks. "
                f"Its words lie {ratio:.0%} as far from their prototype as all words of a language from "
                "their mean (root mean square, mean over treebanks)."
            )
        )
        st.dataframe(
            _languages_table(found, names),
            hide_index=True,
            width="stretch",
            height=min(35 * (len(found.languages) + 1) + 3, 300),
            column_config={
                "spread": st.column_config.NumberColumn(
                    format="%.2f", help="Root mean square distance to the language's own prototype."
                ),
                "of all": st.column_config.NumberColumn(
                    format="%.0f %%", help="Divided by the spread of all words around their mean."
                ),
            },
        )
        near, far = st.columns(2)
        with near:
            st.markdown("**Most typical**")
            _words(found.words.head(SHOWN), spec, names, key=f"cs-typical-{concept}")
        with far:
            st.markdown("**Least typical**")
            _words(found.words.tail(SHOWN).iloc[::-1], spec, names, key=f"cs-untypical-{concept}")
        st.caption(
            "Distance to the prototype of the word's own language, euclidean, in the full space. "
            "Choose a row to read its sentence."
        )


def _summary(found: ConceptWords) -> tuple[int, float]:
    ratio = (found.languages["spread"] / found.languages["spread_of_all"]).mean()
    return int(found.languages["count"].sum()), float(ratio)


def _languages_table(found: ConceptWords, names: Sequence[str]) -> pd.DataFrame:
    rows = found.languages
    return pd.DataFrame(
        {
            "language": [names[source] for source in rows["source"]],
            "count": rows["count"],
            "forms": rows["forms"],
            "spread": rows["spread"],
            "of all": 100 * rows["spread"] / rows["spread_of_all"],
            "commonest": [", ".join(f"{form} {n}" for form, n in common) for common in rows["commonest"]],
        }
    )


def _words(words: pd.DataFrame, spec: MapSpec, names: Sequence[str], *, key: str) -> None:
    rows = []
    for source, row, distance in words[["source", "row", "distance"]].itertuples(index=False):
        table = spec.sources[int(source)].table()
        told = words_drawn(table, np.array([int(row)]), store(), concepts=spec.concepts).iloc[0]
        rows.append(
            {
                "before": told["left"],
                "word": told["form"],
                "after": told["right"],
                "language": names[int(source)],
                "distance": float(distance),
                "id": int(source) * ROWS_A_SOURCE + int(row),
            }
        )
    shown = pd.DataFrame(rows)
    event = st.dataframe(
        shown.drop(columns="id"),
        hide_index=True,
        width="stretch",
        on_select="rerun",
        selection_mode="single-row",
        key=key,
        column_config={
            "before": st.column_config.TextColumn(alignment="right"),
            "distance": st.column_config.NumberColumn(format="%.2f"),
        },
    )
    chosen = event.selection.rows
    now = (key, chosen[0]) if chosen else None
    if now is not None and now != st.session_state.get(f"{key}-chosen"):
        st.session_state[f"{key}-chosen"] = now
        pick_word(int(shown["id"].iloc[chosen[0]]), key="cs")
        st.rerun()


@st.cache_resource(max_entries=64, show_spinner=False)
def _concept_words(key: str, concept: str, _spec: MapSpec) -> ConceptWords:
    return concept_words(_spec, concept, store())
