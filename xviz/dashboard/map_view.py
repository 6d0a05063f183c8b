"""A map on a page: principal components at once, UMAP when it has been laid out, quality when measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import streamlit as st

from xviz.concepts.spec import ConceptSpaceSpec
from xviz.corpora.catalogue import without_ud
from xviz.corpora.folder import TreebankFiles
from xviz.dashboard.address import plain
from xviz.dashboard.figure import FigureEvents, Link, show_figure
from xviz.dashboard.live_sentence import LiveSentence, place_typed_words
from xviz.dashboard.map_quality import tell_quality
from xviz.dashboard.selection import show_selection
from xviz.dashboard.server import map_worker, store
from xviz.dashboard.word_points import (
    ROWS_A_SOURCE,
    names_of_treebanks,
    points_table,
    prototypes_table,
)
from xviz.figures.category_styles import RIGHT, WRONG
from xviz.figures.concept_map import ColourBy, concept_map, pca_axes, umap_axes
from xviz.figures.concept_marks import Highlight
from xviz.projection.maps import ALL, Map, read_map, read_quality
from xviz.projection.spec import MapQualitySpec, MapSpec
from xviz.projection.worker import Status, Wanted

Skeleton = Literal["none", "all", "each"]
HEIGHT = 640
POLL_SECONDS = 0.7
"""Between two looks at what the worker has made."""


@dataclass(frozen=True)
class Extras:
    """What a map may carry beside its points.

    Attributes:
        skeleton: ``none``, ``all`` (over all languages) or ``each`` (one a language).
        judge: a probe whose right and wrong words can be told by colour.
        rings: points that are ringed.
        only: the sources that are drawn, of a map that lays out more; None for all.
        typed: a sentence whose words are placed among the points.
    """

    skeleton: Skeleton = "none"
    judge: ConceptSpaceSpec | None = None
    rings: tuple[Highlight, ...] = ()
    only: tuple[int, ...] | None = None
    typed: LiveSentence | None = None


@dataclass(frozen=True)
class Drawn:
    """A map on the page: its specification, its points, and what the reader did with it."""

    spec: MapSpec
    points: pd.DataFrame
    events: FigureEvents


def show_map(
    spec: MapSpec, treebanks: Sequence[TreebankFiles], *, colour_by: ColourBy, title: str, key: str
) -> MapSpec:
    """Draw a map, and beneath it the word that is clicked and the words that are encircled.

    Returns:
        The specification of the map that is shown.
    """
    drawn = draw_map(spec, treebanks, colour_by=colour_by, title=title, key=key)
    show_selection(drawn.events, drawn.points, drawn.spec, treebanks, store(), key=key)
    return drawn.spec


def draw_map(
    spec: MapSpec,
    treebanks: Sequence[TreebankFiles],
    *,
    colour_by: ColourBy,
    title: str,
    key: str,
    extras: Extras | None = None,
    link: Link | None = None,
    height: int = HEIGHT,
    caption: bool = True,
) -> Drawn:
    """Draw a map; until a UMAP is there, the principal components of the same words stand in its place.

    Args:
        link: other figures that share what is encircled.
        caption: whether a line beneath says how to read it.
    """
    extras = extras or Extras()
    shown = spec
    with st.container():  # there in any case, so that the map keeps its place, and with it the reader's view
        if spec.method == "umap" and store().find(spec) is None:
            shown = as_pca(spec)
            _follow_layout(spec)
    chart = _map(shown.key, shown)
    points = points_table(shown, chart, treebanks, store())
    if extras.judge is not None:
        points = points.assign(probe=judgements(shown, extras.judge, points))
    prototypes = prototypes_table(shown, chart, treebanks)
    bones = _skeleton(shown, treebanks, extras.skeleton)
    whole = points
    if extras.only is not None:
        points, prototypes, bones = _only(extras.only, treebanks, points, prototypes, bones)
    shares = chart.facts["shares_of_variance"]
    figure = concept_map(
        points,
        prototypes,
        axes=pca_axes(shares) if shares else umap_axes(spec.dims),
        colour_by=colour_by,
        concept_kind=spec.concepts,
        view=f"{shown.method}-{shown.dims}-{shown.unit}-{shown.centring}-{shown.probe is not None}",
        skeleton=bones,
        highlights=extras.rings,
        frame=whole,
    )
    placed = place_typed_words(figure, extras.typed, shown, points) if extras.typed is not None else ""
    events = show_figure(
        figure,
        key=key,
        height=height,
        alt=_alternative(title, shown, len(points), prototypes, colour_by),
        events=("click", "select"),
        filename=f"{title} {shown.method} {shown.dims}-D".replace(" ", "-"),
        link=link,
    )
    if caption:
        st.caption(how_to_read(shown, chart.facts, len(points), prototypes=len(prototypes) > 0))
    if placed:
        st.caption(placed)
    return Drawn(shown, points, events)


def judgements(spec: MapSpec, probe: ConceptSpaceSpec, points: pd.DataFrame) -> np.ndarray:
    """``right`` or ``wrong`` for each point; "" where the annotation says nothing."""
    table = judged_words(spec, probe)
    rows = table["source"].to_numpy() * ROWS_A_SOURCE + table["row"].to_numpy()
    verdict = np.where(table["said"] == table["annotated"], RIGHT, WRONG)
    verdict = np.where(table["annotated"] == "", "", verdict)
    return pd.Series(verdict, index=rows).reindex(points["row"]).fillna("").to_numpy()


def judged_words(spec: MapSpec, probe: ConceptSpaceSpec) -> pd.DataFrame:
    """:func:`xviz.projection.judged.judged`, remembered."""
    as_read = spec.model_copy(update={"centring": "none", "probe": None, "start": None, "method": "pca"})
    return _judged(as_read.key, probe.key, as_read, probe)


@st.cache_resource(max_entries=16, show_spinner=False)
def _judged(key: str, probe_key: str, _spec: MapSpec, _probe: ConceptSpaceSpec) -> pd.DataFrame:
    from xviz.projection.judged import judged

    return judged(_spec, _probe, store())


def _skeleton(spec: MapSpec, treebanks: Sequence[TreebankFiles], wanted: Skeleton) -> pd.DataFrame | None:
    if wanted == "none" or spec.unit == "sentences":
        return None
    edges = _edges(spec.key, wanted == "each", spec)
    names = names_of_treebanks(treebanks)
    return edges.assign(language_name=["" if source < 0 else names[source] for source in edges["source"]])


@st.cache_resource(max_entries=32, show_spinner=False)
def _edges(key: str, each: bool, _spec: MapSpec) -> pd.DataFrame:
    from xviz.projection.skeleton import skeleton

    return skeleton(_spec, store(), each=each)


def _only(
    sources: Sequence[int],
    treebanks: Sequence[TreebankFiles],
    points: pd.DataFrame,
    prototypes: pd.DataFrame,
    bones: pd.DataFrame | None,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame | None]:
    """What belongs to some of the treebanks; prototypes over all stay, they are what is compared with."""
    inside = (points["row"] // ROWS_A_SOURCE).isin(list(sources))
    there = prototypes["source"].isin([*sources, ALL])
    if bones is not None:
        bones = bones[bones["source"].isin([*sources, ALL])]
    return points[inside].reset_index(drop=True), prototypes[there].reset_index(drop=True), bones


def how_to_read(spec: MapSpec, facts: Mapping[str, Any], drawn: int, *, prototypes: bool) -> str:
    """What is drawn, what the axes mean, what can be done."""
    units = {"words": "words", "sentences": "sentences (mean of their subwords)"}
    unit = units.get(spec.unit, "relations (the vector of the head minus that of the word)")
    told = f"{drawn:,} {unit}, at most {spec.sample:,} a treebank (seed {spec.seed})"
    if spec.method == "pca":
        scale = "1 on the axes is the root mean square distance from the centre"
    else:
        scale = "near is alike; distances between groups and the sizes of groups mean little"
    space = "; each language's mean taken away" if spec.centring == "language" else ""
    if spec.probe is not None:
        trained = without_ud(spec.probe.vectors.treebank.name)
        space += f"; seen through the probe of {trained} ({spec.probe.vectors.treebank.split})"
    marks = (
        f" Large marks are prototypes over all languages, each counting once ({facts['prototypes']})."
        if prototypes
        else ""
    )
    lasso = f"; encircle {spec.unit} with the lasso" if spec.dims == 2 else ""  # which a solid map lacks
    return f"{told}{space}; {scale}.{marks} Click a {spec.unit[:-1]} to read it{lasso}."


def show_quality(spec: MapSpec) -> None:
    """How far the map may be believed; measured by the worker while the reader looks."""
    wanted = MapQualitySpec(map=spec)
    measures = read_quality(store(), wanted)
    if measures is None:
        _follow_quality(wanted)
    else:
        tell_quality(measures)


def as_pca(spec: MapSpec) -> MapSpec:
    """The principal components of the same words."""
    start = as_pca(spec.start) if spec.start is not None else None
    return spec.model_copy(update={"method": "pca", "start": start})


def all_maps(spec: MapSpec) -> list[MapSpec]:
    """The map that another one starts from, then that one."""
    return [*(all_maps(spec.start) if spec.start is not None else []), spec]


@st.fragment(run_every=POLL_SECONDS)
def _follow_layout(spec: MapSpec) -> None:
    for needed in all_maps(spec):
        if store().find(needed) is None:
            status = map_worker().request(needed)
            break
    else:
        st.rerun()
        return
    if status.state == "failed":
        _tell_failed(status, needed)
        return
    which = "the layer that it is turned onto" if needed is not spec else "this layer"
    _tell_waiting(status, f"UMAP of {which}; meanwhile, principal components")


def _follow_quality(wanted: MapQualitySpec) -> None:
    follow(wanted, "Measuring how far this map may be believed")


@st.fragment(run_every=POLL_SECONDS)
def follow(wanted: Wanted, what: str) -> None:
    """Ask the worker for something, tell how far it is, and run the page again when it is there."""
    if store().find(wanted) is not None:
        st.rerun()
        return
    status = map_worker().request(wanted)
    if status.state == "failed":
        _tell_failed(status, wanted)
    else:
        _tell_waiting(status, what)


def _tell_failed(status: Status, spec: Wanted) -> None:
    st.warning(plain(status.message), icon=":material/warning:")
    st.button(
        "Try again",
        key=f"again-{spec.key}",
        on_click=_again,
        args=(spec,),
    )


def _again(spec: Wanted) -> None:
    map_worker().request(spec, again=True)


def _tell_waiting(status: Status, what: str) -> None:
    share = min(1.0, status.done / status.total) if status.total else 0.0
    st.progress(share, plain(f"{what}: {status.message[:1].lower()}{status.message[1:]}"))


def _alternative(title: str, spec: MapSpec, drawn: int, prototypes: pd.DataFrame, colour_by: ColourBy) -> str:
    named = prototypes.loc[prototypes["source"] == ALL, "concept"]
    marks = f", with the prototypes of {', '.join(named)}" if len(named) else ""
    treebanks = len(spec.sources)
    return f"{title}: {drawn:,} {spec.unit} of {treebanks} treebanks, coloured by {colour_by}{marks}."


@st.cache_resource(max_entries=24, show_spinner=False)
def _map(key: str, _spec: MapSpec) -> Map:
    return read_map(store(), _spec)
