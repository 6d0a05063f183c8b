"""What is said of a word under the pointer."""

from __future__ import annotations

import html

import pandas as pd

FROM, UNTIL = "\u2068", "\u2069"
"""Isolate the words, so that their own script decides whether they run from the left or from the right."""


def hover_text(points: pd.DataFrame) -> list[str]:
    """One string a point: the word among its neighbours, then language, UPOS and relation.

    Args:
        points: columns ``left``, ``form``, ``right`` (the words around, two on each side), ``language_name``,
            ``upos``, ``deprel``.
    """

    def escaped(column: str) -> pd.Series:
        return points[column].astype(str).map(lambda word: html.escape(word, quote=False))

    facts = points["language_name"].astype(str)
    for column in ("upos", "deprel"):  # a sentence has neither
        value = points[column].astype(str)
        facts += (" · " + value).where(value != "", "")
    text = escaped("left") + " <b>" + escaped("form") + "</b> " + escaped("right")
    return (FROM + text.str.strip() + UNTIL + "<br>" + facts).tolist()
