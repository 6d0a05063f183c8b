"""A word in its sentence: the text around it, its annotation, the tree, a translation where there is one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from xviz.corpora.languages import dominant_script, is_right_to_left
from xviz.corpora.spec import TreebankSpec
from xviz.errors import InputError
from xviz.figures.dependency_tree import TreeWord
from xviz.representations.spec import WordTableSpec
from xviz.representations.stored import SENTENCES, WORDS
from xviz.store import Store


@dataclass(frozen=True)
class InSentence:
    """A word in the text of its sentence; of a whole sentence ``form`` is the text and ``marked`` None.

    ``words``: the words of the sentence that have a vector, with heads as positions among them (from 1; 0 for
    a root, -1 where the head has no vector). ``gloss``: ``text_en`` of the treebank, "" without one.
    """

    before: str
    form: str
    after: str
    sent_id: str
    upos: str
    deprel: str
    feats: str
    lemma: str
    subwords: int
    words: tuple[TreeWord, ...]
    marked: int | None
    gloss: str
    right_to_left: bool


def sentence_of(spec: WordTableSpec, row: int, store: Store) -> InSentence:
    """The sentence of a word, given by its row in the word table."""
    words = word_table(spec, store)
    if row >= len(words):
        raise InputError("This word is not in the store (any more); reload the page.")
    word = words.iloc[row]
    text, sent_id = map(str, sentence_table(spec, store).loc[word["sentence"], ["text", "sent_id"]])
    start, end = int(word["start"]), int(word["end"])
    tree, rows = _tree(words, int(word["sentence"]))
    return InSentence(
        text[:start],
        text[start:end],
        text[end:],
        sent_id,
        str(word["upos"]),
        str(word["deprel"]),
        str(word["feats"]),
        str(word["lemma"]),
        int(word["subwords"]),
        tree,
        rows.index(row),
        glosses(spec.treebank).get(sent_id, ""),
        is_right_to_left(dominant_script([text])),
    )


def whole_sentence(spec: WordTableSpec, row: int, store: Store) -> InSentence:
    """A sentence, given by its row in the table of sentences."""
    sentences = sentence_table(spec, store)
    if row >= len(sentences):
        raise InputError("This sentence is not in the store (any more); reload the page.")
    text, sent_id = str(sentences["text"].iloc[row]), str(sentences["sent_id"].iloc[row])
    tree, _ = _tree(word_table(spec, store), int(sentences.index[row]))
    gloss = glosses(spec.treebank).get(sent_id, "")
    rtl = is_right_to_left(dominant_script([text]))
    return InSentence("", text, "", sent_id, "", "", "", "", 0, tree, None, gloss, rtl)


def word_table(spec: WordTableSpec, store: Store) -> pd.DataFrame:
    """Every word that has a vector (shared by sessions: don't change it)."""
    entry = store.find(spec)
    if entry is None:
        raise InputError(
            f"The words of {spec.treebank.name} are not in the store (any more); reload the page."
        )
    return _read_words(str(entry.file(WORDS)))


def sentence_table(spec: WordTableSpec, store: Store) -> pd.DataFrame:
    """``sent_id`` and ``text`` of every sentence, under its number (shared: don't change it)."""
    entry = store.find(spec)
    if entry is None:
        raise InputError(
            f"The sentences of {spec.treebank.name} are not in the store (any more); reload the page."
        )
    return _read_sentences(str(entry.file(SENTENCES)))


def glosses(spec: TreebankSpec) -> Mapping[str, str]:
    """``sent_id`` -> English translation, from the comments ``# text_en = ...`` of a treebank's files."""
    return _glosses(spec.files)


def _tree(words: pd.DataFrame, sentence: int) -> tuple[tuple[TreeWord, ...], list[int]]:
    numbers = words["sentence"].to_numpy()
    first, last = numbers.searchsorted(sentence), numbers.searchsorted(sentence, side="right")
    part = words.iloc[first:last]
    position = {index: i for i, index in enumerate(part["index"].tolist(), 1)}
    tree = tuple(
        TreeWord(str(form), str(upos), str(deprel), 0 if head == 0 else position.get(head, -1))
        for form, upos, deprel, head in zip(
            part["form"], part["upos"], part["deprel"], part["head"].tolist(), strict=True
        )
    )
    return tree, list(range(first, last))


@st.cache_resource(max_entries=64, show_spinner=False)
def _read_words(path: str) -> pd.DataFrame:
    columns = ["sentence", "index", "form", "lemma", "upos", "deprel", "head", "feats", "start", "end"]
    return pd.read_parquet(path, columns=[*columns, "subwords"])


@st.cache_resource(max_entries=64, show_spinner=False)
def _read_sentences(path: str) -> pd.DataFrame:
    return pd.read_parquet(path, columns=["sentence", "sent_id", "text"]).set_index("sentence")


@st.cache_resource(max_entries=64, show_spinner=False)
def _glosses(files: tuple[str, ...]) -> Mapping[str, str]:
    found = {}
    for file in files:
        sent_id = ""
        with open(file, encoding="utf-8") as lines:
            for line in lines:
                if not line.startswith("#"):
                    sent_id = sent_id if line.strip() else ""
                    continue
                name, _, value = line[1:].partition("=")
                if name.strip() == "sent_id":
                    sent_id = value.strip()
                elif name.strip() == "text_en" and sent_id:
                    found[sent_id] = value.strip()
    return found
