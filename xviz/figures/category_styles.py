"""Which colour and symbol each category of one figure has, points and prototypes alike."""

from __future__ import annotations

from collections import Counter
from typing import Literal

import pandas as pd

from xviz.figures.palette import Colour, language_style, style_of

ColourBy = Literal["concept", "language", "family", "treebank", "head", "probe"]
COLUMN: dict[str, str] = {
    "concept": "concept",
    "language": "language_name",
    "family": "branch",
    "treebank": "treebank",
    "head": "head",
    "probe": "probe",
}
"""The column that holds the categories."""

HEAD_BEFORE, HEAD_AFTER, ROOT = "head before", "head after", "root"
RIGHT, WRONG = "right", "wrong"
FIXED: dict[str, dict[str, tuple[Colour, str]]] = {
    "head": {
        HEAD_BEFORE: ("#2F6BC4", "circle"),
        HEAD_AFTER: ("#C04E0A", "diamond"),
        ROOT: ("#424B40", "x"),
    },
    "probe": {RIGHT: ("#07A087", "circle"), WRONG: ("#9D0A12", "x")},
}
"""Categories that are always the same: where the head stands, whether the probe names the concept."""

Styles = dict[str, tuple[Colour, str]]


def category_styles(tables: list[pd.DataFrame], colour_by: ColourBy, *, concept_kind: str) -> Styles:
    """Colour and symbol of every category in ``tables``, in alphabetical order.

    Two treebanks of one language (the same ``language``, different ``language_name``) get different shades.
    """
    if colour_by in ("language", "treebank"):
        columns = [COLUMN[colour_by], "language", "branch"]
        about = pd.concat([table[columns].astype(str) for table in tables if columns[0] in table])
        about = about.drop_duplicates(columns[0]).sort_values(columns[0])
        seen: Counter[str] = Counter()
        styles: Styles = {}
        for name, code, branch in about.itertuples(index=False):
            styles[name] = language_style(code, branch, variant=seen[code])
            seen[code] += 1
        return styles
    if colour_by in FIXED:
        return FIXED[colour_by] | {"": style_of(colour_by, "")}
    column = COLUMN[colour_by]
    kind = concept_kind if colour_by == "concept" else colour_by
    there = [table[column] for table in tables if column in table]
    names = sorted({str(name) for values in there for name in values.unique()})
    positions = {name: i for i, name in enumerate(name for name in names if name)}
    return {name: style_of(kind, name, position=positions.get(name, 0)) for name in names}
