"""What the reader points at: a word, a concept, the words inside a lasso.

It is kept while the reader goes on (to another layer, say): a row names a word, not a place on the map. The
word stands in the address too, by treebank, sentence and position, so that a link leads to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from xviz.corpora.folder import TreebankFiles
from xviz.dashboard import address
from xviz.dashboard.address import plain
from xviz.dashboard.figure import FigureEvents
from xviz.dashboard.word_points import ROWS_A_SOURCE, word_of
from xviz.dashboard.word_sentence import InSentence, sentence_of, sentence_table, whole_sentence, word_table
from xviz.projection.spec import MapSpec
from xviz.store import Store

WORD = "cs_word"
MOST_ROWS = 1000
COLUMNS = {
    "left": "before",
    "form": "word",
    "right": "after",
    "concept": "concept",
    "language_name": "language",
    "upos": "UPOS",
    "deprel": "relation",
}


@dataclass(frozen=True)
class Picks:
    """Rows (see :data:`~xviz.dashboard.word_points.ROWS_A_SOURCE`); None for nothing.

    ``concept``: that of the prototype that was clicked just now.
    """

    word: int | None
    concept: str | None
    encircled: tuple[int, ...]


def picks(spec: MapSpec, events: Sequence[FigureEvents], store: Store, *, key: str, link: bool) -> Picks:
    """What is picked, after what the reader has just done.

    Args:
        events: of every figure that shows these words.
        link: whether the word stands in the address of the page.
    """
    kept = st.session_state.setdefault(f"{key}-kept", {})
    sources = (spec.unit, *(source.table().key for source in spec.sources))
    if kept.get("sources") != sources:  # a row names a word only beside the same treebanks
        kept.clear()
        kept["sources"] = sources
        if link and st.query_params.get(WORD):
            kept["word"] = _row_of(st.query_params[WORD], spec, store)
            kept["asked"] = st.query_params[WORD]
    concept = None  # told once: from then on the list of concepts knows it
    for one in events:
        clicked = one.click or {}
        if isinstance(clicked.get("id"), int):
            kept["word"] = clicked["id"]
        concepts = (clicked.get("trace") or {}).get("concepts")
        if concepts and clicked.get("index") is not None:
            concept = concepts[int(clicked["index"])]
        if one.select is not None:
            kept["encircled"] = tuple(one.select["ids"])
    if link and kept.get("asked") and kept.get("word") is None:
        asked = plain(str(kept.pop("asked")))
        st.info(f"The link asks for the word {asked}, which is not among these treebanks.")
    if link:
        _write_address(kept.get("word"), spec, store)
    return Picks(kept.get("word"), concept, kept.get("encircled", ()))


def pick_word(row: int | None, *, key: str) -> None:
    """Put a word (of a table, say) under the glass; None puts it away."""
    st.session_state.setdefault(f"{key}-kept", {})["word"] = row


def found_sentence(row: int, spec: MapSpec, store: Store) -> InSentence:
    """The sentence of a picked word, or the picked sentence."""
    source, place = word_of(row)
    read = whole_sentence if spec.unit == "sentences" else sentence_of
    return read(spec.sources[source].table(), place, store)


def show_selection(
    events: FigureEvents,
    points: pd.DataFrame,
    spec: MapSpec,
    treebanks: Sequence[TreebankFiles],
    store: Store,
    *,
    key: str,
) -> None:
    """The word that was clicked in its sentence, and the words that were encircled, as a table."""
    picked = picks(spec, [events], store, key=key, link=False)
    if picked.word is not None:
        with st.container(border=True, key=f"{key}-word"):
            show_sentence(picked.word, found_sentence(picked.word, spec, store), treebanks)
    show_encircled(points, picked.encircled)


def show_sentence(row: int, found: InSentence, treebanks: Sequence[TreebankFiles]) -> None:
    """The sentence with its word in bold, what is annotated, and its translation where there is one."""
    # Isolated, so that the script of the sentence decides where it begins.
    if found.marked is None:
        st.markdown(f"\u2068{plain(found.form)}\u2069")
    else:
        st.markdown(f"\u2068{plain(found.before)}**{plain(found.form)}**{plain(found.after)}\u2069")
    if found.gloss and found.gloss != found.before + found.form + found.after:
        st.caption(f"*{plain(found.gloss)}*")
    treebank = treebanks[word_of(row)[0]]
    facts = [treebank.language_name, found.upos, found.deprel, found.feats.replace("|", ", ")]
    if found.lemma not in ("", "_", found.form):
        facts.insert(1, f"lemma {found.lemma}")
    if found.subwords:
        facts.append(f"{found.subwords} subword{'s' * (found.subwords > 1)}")
    st.caption(plain(" · ".join(fact for fact in facts if fact) + f" · sentence {found.sent_id}"))


def show_encircled(points: pd.DataFrame, rows: Sequence[int], *, name: str = "cs-encircled") -> None:
    """The encircled words: their concepts, their languages, each in its sentence, all of them as CSV."""
    chosen = points[points["row"].isin(list(rows))].drop_duplicates("row")
    if len(chosen) == 0:
        return
    columns = [column for column in COLUMNS if (chosen[column].astype(str) != "").any()]
    table = chosen[columns].rename(columns=COLUMNS)
    with st.container(key=name, border=True):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(plain(f"{len(chosen):,} words encircled: {_told(chosen)}."), width="stretch")
            st.download_button(
                "CSV",
                table.to_csv(index=False).encode("utf-8-sig"),  # so that spreadsheets see the script
                file_name="encircled.csv",
                mime="text/csv",
                icon=":material/download:",
                on_click="ignore",
                key=f"{name}-csv",
            )
        st.dataframe(
            table.head(MOST_ROWS),
            hide_index=True,
            width="stretch",
            height=260,
            column_config={"before": st.column_config.TextColumn(alignment="right")},
        )
        if len(chosen) > MOST_ROWS:
            st.caption(f"The first {MOST_ROWS:,} are listed; the CSV holds all.")


def _told(chosen: pd.DataFrame) -> str:
    concepts = chosen["concept"].astype(str).replace("", "not annotated").value_counts()
    languages = chosen["language_name"].astype(str).value_counts()
    parts = [
        ", ".join(f"{name} {count:,}" for name, count in counts[counts > 0].head(8).items())
        for counts in (concepts, languages)
    ]
    return "; ".join(parts)


def _write_address(row: int | None, spec: MapSpec, store: Store) -> None:
    name = _name_of(row, spec, store) if row is not None else None
    if name is None:
        st.query_params.pop(WORD, None)
    elif st.query_params.get(WORD) != name:
        st.query_params[WORD] = name
    address.remember(WORD, name)


def _name_of(row: int, spec: MapSpec, store: Store) -> str | None:
    """``German-PUD:n01001011:4``; of a sentence without the position."""
    source, place = word_of(row)
    if source >= len(spec.sources):
        return None
    table = spec.sources[source].table()
    treebank = table.treebank.name.removeprefix("UD_")
    sentences = sentence_table(table, store)
    if spec.unit == "sentences":
        return f"{treebank}:{sentences['sent_id'].iloc[place]}"
    word = word_table(table, store).iloc[place]
    sent_id = str(sentences["sent_id"].loc[word["sentence"]])
    return f"{treebank}:{sent_id}:{word['index']}"


def _row_of(name: str, spec: MapSpec, store: Store) -> int | None:
    """The row of what the address names; None where it is not here."""
    treebank, _, rest = name.partition(":")
    for number, source in enumerate(spec.sources):
        table = source.table()
        if table.treebank.name.removeprefix("UD_") != treebank:
            continue
        sentences = sentence_table(table, store)
        sent_id, _, index = (rest, "", "") if spec.unit == "sentences" else rest.rpartition(":")
        here = np.flatnonzero((sentences["sent_id"].astype(str) == sent_id).to_numpy())
        if len(here) and spec.unit == "sentences":
            return number * ROWS_A_SOURCE + int(here[0])
        if len(here) and index.isascii() and index.isdigit():
            words = word_table(table, store)
            sentence = sentences.index[here[0]]
            same = (words["sentence"] == sentence).to_numpy() & (words["index"] == int(index)).to_numpy()
            if same.any():
                return number * ROWS_A_SOURCE + int(np.flatnonzero(same)[0])
    return None
