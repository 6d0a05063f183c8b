"""The choices of a page that shows a concept space: which concepts, which map, which colours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import streamlit as st

from xviz.concepts.annotation import UNIT_OF
from xviz.concepts.spec import ConceptSpaceSpec
from xviz.corpora.catalogue import without_ud
from xviz.corpora.folder import TreebankFiles, choose
from xviz.dashboard import address
from xviz.dashboard.frame import finish_head
from xviz.dashboard.map_view import Skeleton
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

Space = Literal["raw", "centred", "probe"]

KINDS = {"UPOS": "upos", "relations": "deprel"}
"""What is offered -> what a specification says; features stand under their own names."""

METHODS: dict[str, Method] = {"PCA": "pca", "UMAP": "umap"}
DIMENSIONS = {"2-D": 2, "3-D": 3}
COLOURS: dict[str, ColourBy] = {
    "concept": "concept",
    "language": "language",
    "family": "family",
    "treebank": "treebank",
    "side of the head": "head",
    "right or wrong": "probe",
}
SPACES: dict[str, Space] = {"raw": "raw", "centred": "centred", "probe": "probe"}
SKELETONS: dict[str, Skeleton] = {"no skeleton": "none", "over all": "all", "each language": "each"}
UNITS: dict[str, Unit] = {"words": "words", "relations": "relations", "sentences": "sentences"}
SAMPLES = (200, 500, 1000, 2000, 5000)


@dataclass(frozen=True)
class Looks:
    """How a map is laid out and coloured; ``probe_of`` names the treebank whose probe is meant."""

    method: Method
    dims: int
    colour_by: ColourBy
    centring: Centring
    sample: int
    unit: Unit = "words"
    space: Space = "raw"
    skeleton: Skeleton = "none"
    probe_of: str | None = None

    @property
    def asks_probe(self) -> bool:
        """Whether a probe is needed: for the space, or for the colours."""
        return self.space == "probe" or self.colour_by == "probe"


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


def map_choices(concepts: str, can_probe: Sequence[str] = ()) -> Looks:
    """Controls in one row above the map; what is seldom changed stands under *More*.

    Args:
        concepts: what words are grouped by (see :func:`concept_choice`).
        can_probe: treebanks with a train and a dev split, on which a probe can be trained and chosen.
    """
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="cs-controls"):
        unit = _unit_choice(concepts)
        method = METHODS[_segmented("Map", "cs_map", METHODS)]
        dims = DIMENSIONS[_segmented("Dimensions", "cs_dims", DIMENSIONS)]
        spaces = [name for name in SPACES if name != "probe" or (can_probe and unit != "sentences")]
        space = SPACES[_segmented("Space", "cs_space", spaces, help=SPACE_HELP)]
        colours = _colours(unit, bool(can_probe))
        colour_by = COLOURS[_selected("Colour by", "cs_colour", colours, width=150)]
        asks_probe = space == "probe" or colour_by == "probe"
        probe_of = _probe_choice(can_probe) if asks_probe else None
        with st.popover("More", icon=":material/tune:"):
            skeleton = SKELETONS[_segmented("Skeleton", "cs_bones", SKELETONS, help=SKELETON_HELP)]
            sample = int(
                _selected(
                    "Words a language",
                    "cs_words",
                    SAMPLES,
                    first=SAMPLES.index(1000),
                    help="Drawn at random, always the same ones (seed 0).",
                )
            )
    centring: Centring = "language" if space == "centred" else "none"
    return Looks(method, dims, colour_by, centring, sample, unit, space, skeleton, probe_of)


def _unit_choice(concepts: str) -> Unit:
    """Words or relations go with the concepts, and the concepts with them."""
    fits = UNIT_OF.get(concepts, "words")
    address.check("cs_unit", UNITS, noun="units")
    known = st.session_state.get("cs_unit") or st.query_params.get("cs_unit")
    if known != "sentences" and known != fits and known in UNITS:
        st.session_state["cs_unit"] = fits
    value = st.segmented_control(
        "Units",
        list(UNITS),
        default=fits,
        required=True,
        key="cs_unit",
        bind="query-params",
        on_change=_concepts_of_unit,
        help="Relations are the vector of the head minus that of the word; sentences the mean of their "
        "subwords.",
    )
    address.remember("cs_unit", value)
    return UNITS[value or fits]


def _concepts_of_unit() -> None:
    unit, concepts = st.session_state.get("cs_unit"), st.session_state.get("concepts")
    if unit == "relations":
        st.session_state["concepts"] = "relations"
    elif unit == "words" and concepts == "relations":
        st.session_state["concepts"] = "UPOS"


def _colours(unit: Unit, can_probe: bool) -> list[str]:
    if unit == "sentences":
        return ["language", "family", "treebank"]
    return [name for name in COLOURS if name != "right or wrong" or can_probe]


def _probe_choice(can_probe: Sequence[str]) -> str:
    """The treebank on which the probe is trained: English where it is there."""
    first = next((i for i, name in enumerate(can_probe) if name.startswith("English")), 0)
    return str(_selected("Probe of", "cs_probe", can_probe, first=first, help=PROBE_HELP, width=190))


SPACE_HELP = (
    "raw: vectors as the network gives them. centred: each language's mean taken away, which removes what "
    "all its words share. probe: through the prototype probe, a learned subspace in which the nearest "
    "prototype names the concept; offered where a treebank has a train and a dev split."
)
SKELETON_HELP = (
    "Joins prototypes by the minimum spanning tree of their distances in the full space: over all languages, "
    "or one tree a language. Where a short edge looks long, the map has torn what is near."
)
PROBE_HELP = "Trained on this treebank's train split, chosen on its dev split, and used on every language."


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
        finish_head()
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
    vectors: Sequence[WordVectorsSpec],
    anchor: Sequence[WordVectorsSpec],
    concepts: str,
    looks: Looks,
    *,
    probes: Sequence[ConceptSpaceSpec] = (),
) -> MapSpec:
    """The map of a layer, turned onto that of the layer where the slider begins.

    Args:
        probes: of the layer and of the anchor's layer, where the space is that of a probe.
    """
    unit = "sentences" if looks.unit == "sentences" else cast(Unit, UNIT_OF.get(concepts, "words"))

    def of(
        sources: Sequence[WordVectorsSpec], start: MapSpec | None, probe: ConceptSpaceSpec | None
    ) -> MapSpec:
        return MapSpec(
            sources=tuple(sources),
            unit=unit,
            concepts=concepts,
            probe=probe,
            method=looks.method,
            dims=looks.dims,  # type: ignore[arg-type]
            sample=looks.sample,
            centring=looks.centring,
            start=start,
        )

    here, there = probes if looks.space == "probe" and probes else (None, None)
    return of(vectors, None if tuple(vectors) == tuple(anchor) else of(anchor, None, there), here)


def probe_of(name: str, vectors: Sequence[WordVectorsSpec], concepts: str, data: str) -> ConceptSpaceSpec:
    """The probe of one treebank at the layer of ``vectors``, trained on train and chosen on dev."""
    example = vectors[0]
    train, dev = (
        example.model_copy(update={"treebank": choose(data, [name], split=part)[0]})  # type: ignore[arg-type]
        for part in ("train", "dev")
    )
    return ConceptSpaceSpec(vectors=train, dev=dev, concepts=concepts, space="probe")


def can_probe(treebanks: Sequence[TreebankFiles]) -> list[str]:
    """Names of the treebanks that have a train and a dev split."""
    return [without_ud(t.name) for t in treebanks if {"train", "dev"} <= set(t.splits)]


def _segmented(label: str, key: str, options: Iterable[str], *, help: str | None = None) -> str:
    names = list(options)
    address.check(key, names, noun=label.lower())
    if st.session_state.get(key) not in (None, *names):
        del st.session_state[key]  # an option that other choices took away
    value = st.segmented_control(
        label, names, default=names[0], required=True, key=key, bind="query-params", help=help
    )
    address.remember(key, value)
    return str(value or names[0])


def _selected(
    label: str,
    key: str,
    options: Sequence[Any],
    *,
    first: int = 0,
    help: str | None = None,
    width: int | Literal["stretch"] = "stretch",
) -> Any:
    address.check(key, options, noun=label.lower())
    if st.session_state.get(key) not in (None, *options):
        del st.session_state[key]
    value = st.selectbox(
        label, list(options), index=first, key=key, bind="query-params", help=help, width=width
    )
    address.remember(key, value)
    return value if value is not None else options[first]
