"""The points of a map as readers see them: the word in its sentence, its language, its concept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from xviz.corpora.folder import TreebankFiles
from xviz.corpora.languages import display_name
from xviz.dashboard.choices import branch_of
from xviz.dashboard.word_sentence import sentence_table, word_table
from xviz.figures.category_styles import HEAD_AFTER, HEAD_BEFORE, ROOT
from xviz.figures.hover import hover_text
from xviz.projection.gather import names_of_concepts
from xviz.projection.maps import ALL, Map
from xviz.projection.spec import MapSpec
from xviz.representations.spec import WordTableSpec
from xviz.store import Store

AROUND = 2
"""Words shown on each side of a word."""

SHOWN = 90
"""Characters of a sentence under the pointer."""

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


def names_of_treebanks(treebanks: Sequence[TreebankFiles]) -> list[str]:
    """The language of each; with its treebank where a language has several."""
    return [_about(treebank, treebanks)[1] for treebank in treebanks]


def word_of(row: int) -> tuple[int, int]:
    """Source and row in its word table, of a point's ``row``."""
    return divmod(row, ROWS_A_SOURCE)


def features_of(specs: Sequence[WordTableSpec], store: Store) -> Mapping[str, set[str]]:
    """Morphological features that occur, by treebank."""
    return {spec.treebank.name: _features(spec.key, spec, store) for spec in specs}


@st.cache_resource(max_entries=256, show_spinner=False)
def _features(key: str, _spec: WordTableSpec, _store: Store) -> set[str]:
    from xviz.concepts.annotation import feature_names

    return set(feature_names(word_table(_spec, _store)))


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
        part = (
            _sentences_drawn(source.table(), drawn, _store)
            if _spec.unit == "sentences"
            else words_drawn(source.table(), drawn, _store, concepts=_spec.concepts)
        )
        told = _about(_treebanks[number], _treebanks)
        part["language"], part["language_name"], part["branch"] = told
        part["treebank"] = _treebanks[number].name.removeprefix("UD_")
        part["row"] = number * ROWS_A_SOURCE + drawn
        parts.append(part)
    table = pd.concat(parts, ignore_index=True)
    table["hover"] = hover_text(table)
    return table.astype(dict.fromkeys(("language", "branch", "concept", "treebank", "head"), "category"))


def words_drawn(spec: WordTableSpec, rows: np.ndarray, store: Store, *, concepts: str) -> pd.DataFrame:
    """What is said of some words of one treebank: the word, two words on each side, its annotation."""
    words = word_table(spec, store)
    part = words.iloc[rows][["form", "upos", "deprel"]].reset_index(drop=True)
    part["left"], part["right"] = _around(words, rows, sentence_table(spec, store)["text"])
    part["concept"] = names_of_concepts(words.iloc[rows], concepts)
    head, index = words["head"].to_numpy()[rows], words["index"].to_numpy()[rows]
    part["head"] = np.select([head == 0, head < index], [ROOT, HEAD_BEFORE], HEAD_AFTER)
    return part


def _sentences_drawn(spec: WordTableSpec, rows: np.ndarray, store: Store) -> pd.DataFrame:
    texts = sentence_table(spec, store)["text"].iloc[rows].astype(str)
    short = [text if len(text) <= SHOWN else text[: SHOWN - 1] + "…" for text in texts]
    nothing = dict.fromkeys(("upos", "deprel", "left", "right", "concept", "head"), "")
    return pd.DataFrame({"form": short} | nothing)


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
