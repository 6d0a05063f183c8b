"""A map on a page: principal components at once, UMAP when it has been laid out, quality when measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from xviz.corpora.folder import TreebankFiles
from xviz.dashboard.address import plain
from xviz.dashboard.figure import show_figure
from xviz.dashboard.results import POLL_SECONDS
from xviz.dashboard.selection import show_selection
from xviz.dashboard.server import map_worker, store
from xviz.dashboard.word_points import points_table, prototypes_table
from xviz.figures.concept_map import ColourBy, concept_map, pca_axes, umap_axes
from xviz.projection.maps import Map, read_map, read_quality
from xviz.projection.spec import MapQualitySpec, MapSpec
from xviz.projection.worker import Status

HEIGHT = 640


def show_map(
    spec: MapSpec, treebanks: Sequence[TreebankFiles], *, colour_by: ColourBy, title: str, key: str
) -> MapSpec:
    """Draw a map; until a UMAP is there, the principal components of the same words stand in its place.

    Returns:
        The specification of the map that is shown.
    """
    shown = spec
    if spec.method == "umap" and store().find(spec) is None:
        shown = as_pca(spec)
        _follow_layout(spec)
    chart = _map(shown.key, shown)
    points = points_table(shown, chart, treebanks, store())
    prototypes = prototypes_table(shown, chart, treebanks)
    shares = chart.facts["shares_of_variance"]
    figure = concept_map(
        points,
        prototypes,
        axes=pca_axes(shares) if shares else umap_axes(spec.dims),
        colour_by=colour_by,
        concept_kind=spec.concepts,
        view=f"{shown.method}-{shown.dims}-{shown.unit}-{shown.centring}",
    )
    events = show_figure(
        figure,
        key=key,
        height=HEIGHT,
        alt=_alternative(title, chart, len(treebanks), colour_by),
        events=("click", "select"),
        filename=f"{title} {shown.method} {shown.dims}-D".replace(" ", "-"),
    )
    st.caption(_how_to_read(shown, chart))
    show_selection(events, points, shown, treebanks, store(), key=key)
    return shown


def _how_to_read(spec: MapSpec, chart: Map) -> str:
    unit = "words" if spec.unit == "words" else "relations (the vector of the head minus that of the word)"
    drawn = f"{len(chart.points):,} {unit}, at most {spec.sample:,} a treebank (seed {spec.seed})"
    if spec.method == "pca":
        scale = "1 on the axes is the root mean square distance from the centre"
    else:
        scale = "near is alike; distances between groups and the sizes of groups mean little"
    centred = "; each language's mean taken away" if spec.centring == "language" else ""
    return (
        f"{drawn}{centred}; {scale}. Large marks are prototypes over all languages, each counting once "
        f"({chart.facts['prototypes']}). Click a word for its sentence; encircle words with the lasso."
    )


def show_quality(spec: MapSpec) -> None:
    """How far the map may be believed; measured by the worker while the reader looks."""
    wanted = MapQualitySpec(map=spec)
    measures = read_quality(store(), wanted)
    if measures is None:
        _follow_quality(wanted)
    else:
        _tell_quality(measures)


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


@st.fragment(run_every=POLL_SECONDS)
def _follow_quality(wanted: MapQualitySpec) -> None:
    if store().find(wanted) is not None:
        st.rerun()
        return
    status = map_worker().request(wanted)
    if status.state == "failed":
        _tell_failed(status, wanted)
    else:
        _tell_waiting(status, "Measuring how far this map may be believed")


def _tell_failed(status: Status, spec: MapSpec | MapQualitySpec) -> None:
    st.warning(plain(status.message), icon=":material/warning:")
    st.button(
        "Try again",
        key=f"again-{spec.key}",
        on_click=_again,
        args=(spec,),
    )


def _again(spec: MapSpec | MapQualitySpec) -> None:
    map_worker().request(spec, again=True)


def _tell_waiting(status: Status, what: str) -> None:
    share = min(1.0, status.done / status.total) if status.total else 0.0
    st.progress(share, plain(f"{what}: {status.message[:1].lower()}{status.message[1:]}"))


def _tell_quality(measures: dict[str, Any]) -> None:
    k = measures["k"]
    concept, language = measures["concept_purity"], measures["language_purity"]
    tiles = [
        (
            "Trustworthiness",
            _share(measures["trustworthiness"]["value"]),
            _error(measures["trustworthiness"]),
            f"1 is perfect, .5 is chance: of the {k} nearest points on the map, how far from the nearest "
            "they are "
            "in the full space (Venna and Kaski 2001).",
        ),
        (
            "Continuity",
            _share(measures["continuity"]["value"]),
            _error(measures["continuity"]),
            f"The converse: are the {k} nearest in the full space near on the map?",
        ),
        (
            "Same concept nearby",
            _share(concept["map"]),
            f"{_share(concept['full_space'])} in full space, chance {_share(concept['chance'])}",
            f"Share of the {k} nearest points that have the point's own concept.",
        ),
        (
            "Same language nearby",
            _share(language["map"]),
            f"{_share(language['full_space'])} in full space, chance {_share(language['chance'])}",
            f"Share of the {k} nearest points that are of the point's own treebank; "
            "at chance, languages are mixed.",
        ),
        _stability_tile(measures),
    ]
    for column, (name, value, beneath, explanation) in zip(st.columns(len(tiles)), tiles, strict=True):
        with column, st.container(gap="xxsmall"):
            st.metric(name, value, help=explanation)
            st.caption(beneath)


def _stability_tile(measures: dict[str, Any]) -> tuple[str, str, str, str]:
    found = measures["stability"]
    if found is None:
        return (
            "Stability",
            "exact",
            "no seed in it",
            "Principal components of the same words are always the same.",
        )
    return (
        "Neighbours kept",
        _share(found["neighbour_overlap"]),
        f"chance {_share(found['chance_overlap'])}; arrangement kept: {_share(1 - found['disparity'])}",
        f"A second UMAP, from random places and another seed: the share of a point's {measures['k']} nearest "
        "points that stay, and the share of the variance of the one map that the other explains when turned "
        "onto it. What another seed would move, don't read.",
    )


def _share(value: float) -> str:
    if value != value:
        return "–"
    return "1" if value >= 0.9995 else f"{value:.3f}".removeprefix("0").replace("-0.", "-.")


def _error(mean: dict[str, float]) -> str:
    if mean["rows"] == mean["points"]:
        return f"all {mean['points']:,} points"
    return f"± {1.96 * mean['standard_error']:.3f}, from {mean['rows']:,} points"


def _alternative(title: str, chart: Map, languages: int, colour_by: str) -> str:
    named = chart.prototypes.loc[chart.prototypes["source"] == -1, "concept"]
    return (
        f"{title}: {len(chart.points):,} points of {languages} treebanks, coloured by {colour_by}, "
        f"with the prototypes of {', '.join(named)}."
    )


@st.cache_resource(max_entries=24, show_spinner=False)
def _map(key: str, _spec: MapSpec) -> Map:
    return read_map(store(), _spec)
