"""What stands on the points of a map: prototypes, the skeleton that joins them, rings round single points."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from xviz.figures.category_styles import Styles
from xviz.figures.palette import INK, MUTED, PAPER

MOST_MARKS = 150


@dataclass(frozen=True)
class Highlight:
    """Points to be ringed: ``rows`` are values of the column ``row``; ``name`` stands in the legend."""

    name: str
    rows: Sequence[int]
    strong: bool = False


def identifier(name: str) -> str:
    """A name as plotly wants a trace's ``uid``: it goes into CSS selectors, where few characters may."""
    return re.sub(r"[^A-Za-z0-9_-]", lambda found: f"_{ord(found[0]):x}_", name)


def marks(
    prototypes: pd.DataFrame, colours: list[str], dims: int, scale: float, *, size: int, name: str
) -> list:
    """Prototypes: diamonds with a light edge, few enough to afford one; and their entry in the legend.

    Very many (each concept in each of twenty languages) are there, but hidden until their entry is clicked.
    """
    whose = np.where(prototypes["language"] == "", "all languages", prototypes["language_name"])
    text = [
        f"<b>{concept}</b> prototype, {who}<br>mean of {count:,}"
        for concept, who, count in zip(prototypes["concept"], whose, prototypes["count"], strict=True)
    ]
    visible = "legendonly" if len(prototypes) > MOST_MARKS else True
    mark = {"symbol": "diamond", "line": {"width": 1.5 if size > 8 else 1, "color": PAPER}, "opacity": 1.0}
    size_here = size if dims == 2 else size * 0.6
    marks = trace_of(
        prototypes,
        dims,
        scale,
        mode="markers",
        uid=identifier(name),
        legendgroup=name,
        showlegend=False,
        visible=visible,
        marker=mark | {"color": colours, "size": size_here},
        hovertext=text,
        hovertemplate="%{hovertext}<extra></extra>",
        meta={"prototypes": name, "concepts": prototypes["concept"].astype(str).tolist()},
    )
    entry = trace_of(
        prototypes.iloc[:1].assign(**dict.fromkeys("xyz"[:dims], np.nan)),
        dims,
        1.0,
        mode="markers",
        name=f"{name}  {len(prototypes):,}",
        uid=identifier(f"{name}-entry"),
        legendgroup=name,
        legendrank=2000 + size,
        visible=visible,
        marker=mark | {"color": MUTED, "size": size_here},
        hoverinfo="skip",
        meta={"entry": name},
    )
    return [marks, entry]


def rings(ring: Highlight, points: pd.DataFrame, dims: int, scale: float) -> list:
    """An open ring round each point, in the colour of text; nothing where none is on the map."""
    here = points[points["row"].isin(list(ring.rows))]
    if len(here) == 0:
        return []
    size = 17 if ring.strong else 12
    return [
        trace_of(
            here,
            dims,
            scale,
            mode="markers",
            name=f"{ring.name}  {len(here):,}",
            uid=identifier(f"ring-{ring.name}"),
            legendgroup=f"ring-{ring.name}",
            legendrank=3000,
            marker={
                "symbol": "circle-open",
                "size": size if dims == 2 else size * 0.8,
                "color": INK,
                "opacity": 1.0,
                "line": {"width": 2.5 if ring.strong else 1.5, "color": INK},
            },
            hoverinfo="skip",
            meta={"ring": ring.name},
        )
    ]


def bones(skeleton: pd.DataFrame, prototypes: pd.DataFrame, styles: Styles, dims: int, scale: float) -> list:
    """The edges of a skeleton: one trace over all languages, or one a language in its colour."""
    columns = list("xyz"[:dims])
    xyz = prototypes[columns].to_numpy(float)
    owners = zip(prototypes["language_name"].astype(str), prototypes["concept"].astype(str), strict=True)
    place = dict(zip(owners, xyz, strict=True))
    traces = []
    for language, edges in skeleton.groupby("language_name", sort=True):
        ends = [
            (place.get((str(language), str(one))), place.get((str(language), str(other))))
            for one, other in zip(edges["one"], edges["other"], strict=True)
        ]
        drawn = [(one, other) for one, other in ends if one is not None and other is not None]
        if not drawn:
            continue
        gap = np.full(dims, np.nan)
        line = pd.DataFrame(np.concatenate([[one, other, gap] for one, other in drawn]), columns=columns)
        who = str(language) or "all languages"
        colour = styles[who][0] if language else INK
        traces.append(
            trace_of(
                line,
                dims,
                scale,
                mode="lines",
                name=f"skeleton, {who}" if language else "skeleton",
                uid=identifier(f"bones-{language}"),
                legendgroup=f"bones-{language}",
                legendrank=2500,
                line={"color": colour, "width": 1.2 if language else 2},
                opacity=0.75,
                hoverinfo="skip",
                meta={"skeleton": who},
            )
        )
    return traces


def trace_of(table: pd.DataFrame, dims: int, scale: float, **fields):
    place = {c: (table[c].to_numpy(np.float32) / scale) for c in "xyz"[:dims]}
    return go.Scattergl(**place, **fields) if dims == 2 else go.Scatter3d(**place, **fields)
