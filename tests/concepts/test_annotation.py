"""Labels of words: tags, relations without subtypes, features."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from xviz.concepts.annotation import feature_names, label
from xviz.errors import InputError

WORDS = pd.DataFrame(
    {
        "upos": ["DET", "NOUN", "VERB", "_", "NOUN"],
        "deprel": ["det", "nsubj:pass", "root", "dep", "nsubj"],
        "feats": ["Definite=Def", "Case=Nom|Number=Sing", "Number[psor]=Plur", "", "Abbr=Yes|Case=Acc"],
    }
)


def test_tags_are_indexed_in_alphabetical_order_and_underscore_is_no_tag() -> None:
    labels = label(WORDS, "upos")
    assert labels.names == ("DET", "NOUN", "VERB")
    assert labels.codes.tolist() == [0, 1, 2, -1, 1]
    assert labels.counts.tolist() == [1, 2, 1]


def test_subtypes_of_relations_are_stripped() -> None:
    labels = label(WORDS, "deprel")
    assert labels.names == ("dep", "det", "nsubj", "root")
    assert labels.codes.tolist() == [1, 2, 3, 0, 2]


def test_a_feature_is_matched_whole() -> None:
    assert label(WORDS, "feats:Case").names == ("Acc", "Nom")
    assert label(WORDS, "feats:Number").names == ("Sing",)  # not Number[psor]
    assert label(WORDS, "feats:Number[psor]").codes.tolist() == [-1, -1, 0, -1, -1]


def test_given_names_fix_the_index_and_others_are_unlabelled() -> None:
    labels = label(WORDS, "upos", names=("NOUN", "X"))
    assert labels.codes.tolist() == [-1, 0, -1, -1, 0]
    assert labels.counts.tolist() == [2, 0]


def test_a_concept_that_no_word_has_is_told_with_what_there_is() -> None:
    with pytest.raises(InputError, match=r"'Tense'.*Case"):
        label(WORDS, "feats:Tense")
    with pytest.raises(InputError, match="upos, deprel or feats:Name"):
        label(WORDS, "xpos")


def test_features_are_listed_commonest_first() -> None:
    assert feature_names(WORDS)[0] == "Case"
    assert set(feature_names(WORDS)) == {"Case", "Number", "Number[psor]", "Definite", "Abbr"}


def test_codes_are_integers_even_without_any_row() -> None:
    assert label(WORDS.iloc[:0], "upos", names=("NOUN",)).codes.dtype == np.int64
