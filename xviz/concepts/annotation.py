"""From a table of words to concept labels: UPOS tags, universal relations, values of a feature."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Int

from xviz.errors import InputError

UNLABELLED = -1
UNIT_OF = {"upos": "words", "deprel": "relations"}


@dataclass(frozen=True)
class Labels:
    """The concept of each row: ``codes[i]`` indexes ``names``; -1 where the annotation says nothing."""

    names: tuple[str, ...]
    codes: Int[np.ndarray, " rows"]

    @property
    def counts(self) -> Int[np.ndarray, " concepts"]:
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.names))


def label(words: pd.DataFrame, concepts: str, *, names: tuple[str, ...] | None = None) -> Labels:
    """The concept of every word.

    Args:
        words: a table with columns ``upos``, ``deprel``, ``feats`` (see :class:`~xviz.corpora.Treebank`).
        concepts: ``upos``; ``deprel`` (subtypes stripped at the colon, paper A); ``feats:Name`` for the
            values of one morphological feature (``feats:Case``; a layered name such as ``Number[psor]`` is a
            feature of its own). Values given together ("Fem,Masc") are one value, as annotated.
        names: the concepts to be indexed (those of a train split); others become -1. Default: all that occur,
            in alphabetical order.

    Raises:
        InputError: no word has such a concept; the message names the features that occur.
    """
    values = _values(words, concepts)
    if names is None:
        names = tuple(sorted(set(values[values != ""])))
        if not names and len(words):
            raise InputError(_nothing(words, concepts))
    index = {name: code for code, name in enumerate(names)}
    codes = values.map(index).fillna(UNLABELLED).to_numpy(np.int64)
    return Labels(names, codes)


def feature_names(words: pd.DataFrame) -> list[str]:
    """The features that occur, commonest first."""
    found = words["feats"].astype(str).str.extractall(r"(?:^|\|)([^=|]+)=")[0]
    return list(found.value_counts().index)


def _values(words: pd.DataFrame, concepts: str) -> pd.Series:
    if concepts == "upos":
        values = words["upos"].astype(str)
    elif concepts == "deprel":
        values = words["deprel"].astype(str).str.split(":").str[0]
    elif concepts.startswith("feats:"):
        feature = re.escape(concepts.removeprefix("feats:"))
        values = (
            words["feats"].astype(str).str.extract(rf"(?:^|\|){feature}=([^|]*)", expand=False).fillna("")
        )
    else:
        raise InputError(
            f"Concepts are upos, deprel or feats:Name (for instance feats:Case), not {concepts!r}."
        )
    return values.mask(values == "_", "")


def _nothing(words: pd.DataFrame, concepts: str) -> str:
    if not concepts.startswith("feats:"):
        return f"No word has a {concepts} annotation in this treebank; choose another treebank or concept."
    there = feature_names(words)[:12]
    rest = f"Features there: {', '.join(there)}." if there else "It has no morphological features at all."
    return f"No word has the feature {concepts.removeprefix('feats:')!r} in this treebank. {rest}"
