"""The choices of a page that shows a concept space: which concepts, which map, which colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import streamlit as st

from xviz.concepts.annotation import UNIT_OF
from xviz.corpora.folder import TreebankFiles
from xviz.dashboard import address
from xviz.dashboard.server import store
from xviz.dashboard.word_points import features_of
from xviz.figures.concept_map import ColourBy
from xviz.projection.spec import Centring, MapSpec, Method, Unit
from xviz.representations.spec import WordVectorsSpec

FEATURES = (
    *(
        "Case",
        "Number",
        "Gender",
        "Person",
        "Tense",
        "Mood",
        "Aspect",
        "Voice",
        "VerbForm",
        "Definite",
        "Degree",
    ),
    *("PronType", "NumType", "Poss", "Reflex", "Polarity", "Animacy", "Evident", "Polite", "Foreign"),
)
"""Features of Universal Dependencies that are offered; any other can be typed."""

KINDS = {"UPOS": "upos", "relations": "deprel"}
"""What is offered -> what a specification says; features stand under their own names."""

METHODS: dict[str, Method] = {"PCA": "pca", "UMAP": "umap"}
DIMENSIONS = {"2-D": 2, "3-D": 3}
COLOURS: dict[str, ColourBy] = {"concept": "concept", "language": "language", "family": "family"}
CENTRES: dict[str, Centring] = {"as they are": "none", "each language": "language"}
SAMPLES = (200, 500, 1000, 2000, 5000)


@dataclass(frozen=True)
class Looks:
    """How a map is laid out and coloured."""

    method: Method
    dims: int
    colour_by: ColourBy
    centring: Centring
    sample: int


def concept_choice() -> str:
    """``upos``, ``deprel`` or ``feats:Name``."""
    options = [*KINDS, *FEATURES]
    given = st.session_state.get("concepts") or st.query_params.get("concepts", "")
    if (
        given
        and given not in options
        and given.isascii()
        and given.replace("[", "").replace("]", "").isalnum()
    ):
        options.append(given)  # a feature of some treebank alone
    address.check("concepts", options, noun="the concepts")
    chosen = st.sidebar.selectbox(
        "Concepts",
        options,
        key="concepts",
        bind="query-params",
        accept_new_options=True,
        help="What words are grouped by: part of speech, relation (a word's head minus the word) or the "
        "values of a feature. A prototype is the mean vector of its words. Type any other feature.",
    )
    address.remember("concepts", chosen)
    return KINDS.get(chosen, f"feats:{chosen}")


def map_choices() -> Looks:
    """Controls in one row above the map."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="cs-controls"):
        method = _segmented("Map", "cs_map", METHODS)
        dims = _segmented("Dimensions", "cs_dims", DIMENSIONS)
        colour_by = _segmented("Colour by", "cs_colour", COLOURS)
        centring = _segmented(
            "Centre",
            "cs_centre",
            CENTRES,
            help="Taking each language's mean away removes what all its words share, and shows what is left.",
        )
        address.check("cs_words", SAMPLES, noun="a number of words,")
        sample = st.selectbox(
            "Words a language",
            SAMPLES,
            index=SAMPLES.index(1000),
            key="cs_words",
            bind="query-params",
            width=140,
            help="Drawn at random, always the same ones (seed 0).",
        )
        address.remember("cs_words", sample)
    return Looks(METHODS[method], DIMENSIONS[dims], COLOURS[colour_by], CENTRES[centring], int(sample))


def with_concept(
    concepts: str,
    vectors: Sequence[WordVectorsSpec],
    anchor: Sequence[WordVectorsSpec],
    treebanks: Sequence[TreebankFiles],
) -> tuple[tuple[WordVectorsSpec, ...], tuple[WordVectorsSpec, ...], tuple[TreebankFiles, ...]]:
    """Only the treebanks that annotate a feature; the others are named. Stops the page where none does."""
    if not concepts.startswith("feats:"):
        return tuple(vectors), tuple(anchor), tuple(treebanks)
    feature = concepts.removeprefix("feats:")
    there = features_of([source.table() for source in vectors], store())
    has = [feature in there[source.treebank.name] for source in vectors]
    lacking = [t.language_name for t, with_it in zip(treebanks, has, strict=True) if not with_it]
    if not any(has):
        common = sorted(set.union(*there.values())) if there else []
        st.info(
            address.plain(
                f"No word of these treebanks has the feature {feature}."
                + (f" There are: {', '.join(common[:20])}." if common else "")
            ),
            icon=":material/label_off:",
        )
        st.stop()
    if lacking:
        st.caption(address.plain(f"Without {feature}, left out: {', '.join(lacking)}."))
    kept = [
        [item for item, with_it in zip(items, has, strict=True) if with_it] for items in (vectors, anchor)
    ]
    return (
        tuple(kept[0]),
        tuple(kept[1]),
        tuple(t for t, with_it in zip(treebanks, has, strict=True) if with_it),
    )


def map_specification(
    vectors: Sequence[WordVectorsSpec], anchor: Sequence[WordVectorsSpec], concepts: str, looks: Looks
) -> MapSpec:
    """The map of a layer, turned onto that of the layer where the slider begins."""
    unit = cast(Unit, UNIT_OF.get(concepts, "words"))

    def of(sources: Sequence[WordVectorsSpec], start: MapSpec | None) -> MapSpec:
        return MapSpec(
            sources=tuple(sources),
            unit=unit,
            concepts=concepts,
            method=looks.method,
            dims=looks.dims,  # type: ignore[arg-type]
            sample=looks.sample,
            centring=looks.centring,
            start=start,
        )

    return of(vectors, None if tuple(vectors) == tuple(anchor) else of(anchor, None))


def _segmented(label: str, key: str, options: Mapping[str, object], *, help: str | None = None) -> str:
    address.check(key, options, noun=label.lower())
    first = next(iter(options))
    value = st.segmented_control(
        label, list(options), default=first, required=True, key=key, bind="query-params", help=help
    )
    address.remember(key, value)
    return str(value or first)
