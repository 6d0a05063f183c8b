"""Which colour and symbol each category of one figure has, points and prototypes alike."""

from __future__ import annotations

from collections import Counter
from typing import Literal

import pandas as pd

from xviz.figures.palette import Colour, language_style, style_of

ColourBy = Literal["concept", "language", "family"]
COLUMN: dict[str, str] = {"concept": "concept", "language": "language_name", "family": "branch"}
"""The column that holds the categories."""

Styles = dict[str, tuple[Colour, str]]


def category_styles(tables: list[pd.DataFrame], colour_by: ColourBy, *, concept_kind: str) -> Styles:
    """Colour and symbol of every category in ``tables``, in alphabetical order.

    Two treebanks of one language (the same ``language``, different ``language_name``) get different shades.
    """
    if colour_by == "language":
        about = pd.concat([table[["language_name", "language", "branch"]].astype(str) for table in tables])
        about = about.drop_duplicates("language_name").sort_values("language_name")
        seen: Counter[str] = Counter()
        styles: Styles = {}
        for name, code, branch in about.itertuples(index=False):
            styles[name] = language_style(code, branch, variant=seen[code])
            seen[code] += 1
        return styles
    column = COLUMN[colour_by]
    kind = concept_kind if colour_by == "concept" else colour_by
    names = sorted({str(name) for table in tables for name in table[column].unique()})
    positions = {name: i for i, name in enumerate(name for name in names if name)}
    return {name: style_of(kind, name, position=positions.get(name, 0)) for name in names}
