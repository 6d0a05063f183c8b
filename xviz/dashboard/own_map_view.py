"""The reader's own vectors as a concept map, with prototypes and counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from xviz.concepts.own_vectors import OwnVectors
from xviz.corpora.languages import display_name, family, genus
from xviz.dashboard import address
from xviz.dashboard.figure import show_figure
from xviz.errors import InputError
from xviz.figures.concept_map import ColourBy, concept_map, pca_axes
from xviz.figures.hover import hover_text
from xviz.projection.maps import LEAST_COUNT
from xviz.projection.own_map import OwnMap, own_map
from xviz.projection.spec import Centring

HEIGHT = 620
SAMPLE = 1000
DIMENSIONS = {"2-D": 2, "3-D": 3}
COLOURS: dict[str, ColourBy] = {"concept": "concept", "language": "language", "family": "family"}
CENTRES: dict[str, Centring] = {"as they are": "none", "each language": "language"}


@dataclass(frozen=True)
class OwnChoices:
    """What of the vectors is shown."""

    concepts: str
    layer: int
    dims: int
    colour_by: ColourBy
    centring: Centring
    languages: tuple[str, ...]


def own_choices(own: OwnVectors) -> OwnChoices:
    """Controls in one row above the map."""
    columns = own.concept_columns
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="own-controls"):
        concepts = st.selectbox("Concepts", columns, key="own_concepts", width=160)
        dims = _segmented("Dimensions", "own_dims", list(DIMENSIONS))
        colour = _segmented("Colour by", "own_colour", list(COLOURS))
        centre = _segmented("Centre", "own_centre", list(CENTRES))
        languages = st.multiselect(
            "Languages", own.languages, format_func=display_name, key="own_languages", placeholder="All"
        )
    layer = st.slider("Layer", 0, own.layers - 1, key="own_layer") if own.layers > 1 else 0
    return OwnChoices(
        str(concepts), int(layer), DIMENSIONS[dims], COLOURS[colour], CENTRES[centre], tuple(languages)
    )


def show_own_map(own: OwnVectors, chosen: OwnChoices) -> None:
    """The map, what it is of, and the counts of its concepts."""
    try:
        chart = own_map(
            own,
            concepts=chosen.concepts,
            layer=chosen.layer,
            dims=chosen.dims,  # type: ignore[arg-type]
            languages=chosen.languages,
            sample=SAMPLE,
            centring=chosen.centring,
        )
    except InputError as error:
        st.warning(address.plain(str(error)), icon=":material/warning:")
        return
    points, prototypes = points_of(own, chart), prototypes_of(chart)
    kind = chosen.concepts if chosen.concepts in ("upos", "deprel") else f"feats:{chosen.concepts}"
    show_figure(
        concept_map(
            points,
            prototypes,
            axes=pca_axes(chart.shares),
            colour_by=chosen.colour_by,
            concept_kind=kind,
            view=f"own-{chosen.dims}-{chosen.centring}",
        ),
        key="own-map",
        height=HEIGHT,
        alt=f"{len(points):,} words of {points['language'].nunique()} languages by {chosen.concepts}, on "
        "principal components.",
        filename="xviz-own-vectors",
    )
    centred = "; each language's mean taken away" if chosen.centring == "language" else ""
    st.caption(
        f"{len(points):,} of {len(own.words):,} words, at most {SAMPLE:,} a language (seed 0){centred}; 1 on "
        "the axes is the root mean square distance from the centre. Large marks are prototypes over all "
        f"languages in which the concept occurs at least {LEAST_COUNT} times, each counting once, projected "
        "exactly."
    )
    table = prototypes[prototypes["language"] != ""].pivot(
        index="concept", columns="language_name", values="count"
    )
    table = table.fillna(0).astype(int)
    table.insert(0, "All", table.sum(axis=1))
    st.dataframe(table.sort_values("All", ascending=False), width="stretch")


def points_of(own: OwnVectors, chart: OwnMap) -> pd.DataFrame:
    """What :func:`xviz.figures.concept_map.concept_map` draws."""
    words = own.words.iloc[chart.points["word"]].reset_index(drop=True)
    blank = pd.Series("", index=words.index)
    table = pd.DataFrame({name: words.get(name, blank) for name in ("form", "upos", "deprel")})
    table["left"], table["right"] = "", ""
    table["language"] = chart.points["language"]
    table["language_name"], table["branch"] = _named(chart.points["language"])
    table["concept"] = chart.points["concept"]
    table["row"] = chart.points["word"].to_numpy(np.int64)
    table["hover"] = hover_text(table)
    return pd.concat([table, chart.points[_axes(chart)]], axis=1)


def prototypes_of(chart: OwnMap) -> pd.DataFrame:
    """Prototypes with the names of their languages; "" for those over all."""
    names, branches = _named(chart.prototypes["language"])
    return chart.prototypes.assign(language_name=names, branch=branches)


def _axes(chart: OwnMap) -> list[str]:
    return list("xyz"[: len(chart.shares)])


def _named(codes: pd.Series) -> tuple[pd.Series, pd.Series]:
    def branch(code: str) -> str:
        return genus(code) if family(code) == "Indo-European" and genus(code) else family(code)

    distinct = [code for code in codes.unique() if code]
    return (
        codes.map({"": ""} | {code: display_name(code) for code in distinct}),
        codes.map({"": ""} | {code: branch(code) for code in distinct}),
    )


def _segmented(label: str, key: str, options: list[str]) -> str:
    value = st.segmented_control(label, options, default=options[0], required=True, key=key)
    return str(value or options[0])
