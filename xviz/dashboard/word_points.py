"""The points of a map as readers see them: the word in its sentence, its language, its concept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from xviz.corpora.folder import TreebankFiles
from xviz.corpora.languages import display_name
from xviz.dashboard.choices import branch_of
from xviz.errors import InputError
from xviz.figures.hover import hover_text
from xviz.projection.gather import names_of_concepts
from xviz.projection.maps import ALL, Map
from xviz.projection.spec import MapSpec
from xviz.representations.extract import SENTENCES, WORDS
from xviz.representations.spec import WordTableSpec
from xviz.store import Store

AROUND = 2
"""Words shown on each side of a word."""

ROWS_A_SOURCE = 10_000_000
"""``row`` of a point is its source times this, plus its row in the word table of that source."""


def points_table(spec: MapSpec, chart: Map, treebanks: Sequence[TreebankFiles], store: Store) -> pd.DataFrame:
    """What :func:`xviz.figures.concept_map.concept_map` draws."""
    words = _words(spec, chart, treebanks, store)
    coordinates = chart.points[list("xyz"[: spec.dims])].reset_index(drop=True)
    return pd.concat([words, coordinates], axis=1)


def prototypes_table(spec: MapSpec, chart: Map, treebanks: Sequence[TreebankFiles]) -> pd.DataFrame:
    """Prototypes with the names of their languages; "" for those over all."""
    about = {ALL: ("", "", "")} | {i: _about(t, treebanks) for i, t in enumerate(treebanks)}
    names = ["language", "language_name", "branch"]
    told = pd.DataFrame([about[source] for source in chart.prototypes["source"]], columns=names)
    return pd.concat([chart.prototypes.reset_index(drop=True), told], axis=1)


@dataclass(frozen=True)
class InSentence:
    """A word in the text of its sentence."""

    before: str
    form: str
    after: str
    sent_id: str
    upos: str
    deprel: str
    feats: str


def sentence_of(spec: WordTableSpec, row: int, store: Store) -> InSentence:
    """The sentence of a word, given by its row in the word table."""
    entry = store.find(spec)
    words = word_table(spec, store)
    if entry is None or row >= len(words):
        raise InputError("This word is not in the store (any more); reload the page.")
    word = words.iloc[row]
    sentences = _sentences(str(entry.file(SENTENCES)))
    text, sent_id = map(str, sentences.loc[word["sentence"], ["text", "sent_id"]])
    start, end = int(word["start"]), int(word["end"])
    return InSentence(
        text[:start],
        text[start:end],
        text[end:],
        sent_id,
        str(word["upos"]),
        str(word["deprel"]),
        str(word["feats"]),
    )


def word_of(row: int) -> tuple[int, int]:
    """Source and row in its word table, of a point's ``row``."""
    return divmod(row, ROWS_A_SOURCE)


def word_table(spec: WordTableSpec, store: Store) -> pd.DataFrame:
    """Every word that has a vector (shared by sessions: don't change it)."""
    entry = store.find(spec)
    if entry is None:
        raise InputError(
            f"The words of {spec.treebank.name} are not in the store (any more); reload the page."
        )
    return _read(str(entry.file(WORDS)))


def features_of(specs: Sequence[WordTableSpec], store: Store) -> Mapping[str, set[str]]:
    """Morphological features that occur, by treebank."""
    return {spec.treebank.name: _features(spec.key, spec, store) for spec in specs}


@st.cache_resource(max_entries=256, show_spinner=False)
def _features(key: str, _spec: WordTableSpec, _store: Store) -> set[str]:
    from xviz.concepts.annotation import feature_names

    return set(feature_names(word_table(_spec, _store)))


@st.cache_resource(max_entries=64, show_spinner=False)
def _read(path: str) -> pd.DataFrame:
    columns = ["sentence", "index", "form", "upos", "deprel", "feats", "start", "end", "subwords"]
    return pd.read_parquet(path, columns=columns)


@st.cache_resource(max_entries=64, show_spinner=False)
def _sentences(path: str) -> pd.DataFrame:
    return pd.read_parquet(path, columns=["sentence", "sent_id", "text"]).set_index("sentence")


def _words(spec: MapSpec, chart: Map, treebanks: Sequence[TreebankFiles], store: Store) -> pd.DataFrame:
    """The same for every layer and layout of one sample, so it is kept under what decides the sample."""
    sources = ",".join(source.table().key for source in spec.sources)
    name = f"{sources}/{spec.unit}/{spec.root}/{spec.concepts}/{spec.sample}/{spec.seed}"
    return _words_of_sample(name, spec, chart, treebanks, store)


@st.cache_resource(max_entries=16, show_spinner=False)
def _words_of_sample(
    name: str, _spec: MapSpec, _chart: Map, _treebanks: Sequence[TreebankFiles], _store: Store
) -> pd.DataFrame:
    parts = []
    for number, source in enumerate(_spec.sources):
        drawn = _chart.points.loc[_chart.points["source"] == number, "word"].to_numpy()
        entry = _store.find(source.table())
        if entry is None:
            raise InputError("The words of this map are not in the store (any more); reload the page.")
        words = word_table(source.table(), _store)
        part = words.iloc[drawn][["form", "upos", "deprel"]].reset_index(drop=True)
        part["left"], part["right"] = _around(words, drawn, _sentences(str(entry.file(SENTENCES)))["text"])
        part["concept"] = names_of_concepts(words.iloc[drawn], _spec.concepts)
        told = _about(_treebanks[number], _treebanks)
        part["language"], part["language_name"], part["branch"] = told
        part["row"] = number * ROWS_A_SOURCE + drawn
        parts.append(part)
    table = pd.concat(parts, ignore_index=True)
    table["hover"] = hover_text(table)
    return table.astype({"language": "category", "branch": "category", "concept": "category"})


def _around(words: pd.DataFrame, rows: np.ndarray, texts: pd.Series) -> tuple[list[str], list[str]]:
    """The text before and after each word, as it is written (with or without spaces)."""
    sentence = words["sentence"].to_numpy()
    start, end = words["start"].to_numpy(), words["end"].to_numpy()
    left, right = [], []
    for row in rows:
        text = str(texts.at[sentence[row]])
        first = max(row - AROUND, 0)
        while sentence[first] != sentence[row]:
            first += 1
        last = min(row + AROUND, len(words) - 1)
        while sentence[last] != sentence[row]:
            last -= 1
        left.append(text[start[first] : start[row]].strip())
        right.append(text[end[row] : end[last]].strip())
    return left, right


def _about(treebank: TreebankFiles, among: Sequence[TreebankFiles]) -> tuple[str, str, str]:
    """Code, name and branch; two treebanks of a language are told apart by their names."""
    twins = sum(other.language == treebank.language for other in among) > 1
    shown = treebank.language_name or display_name(treebank.language)
    suffix = Path(treebank.name).name.partition("-")[2]
    return treebank.language, f"{shown} ({suffix})" if twins and suffix else shown, branch_of(treebank)
