"""The first screen's living map: the sample in the bundled network, and one true sentence about it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from xviz.dashboard import address
from xviz.dashboard.choices import Choices, default_layer
from xviz.dashboard.figure import show_figure
from xviz.dashboard.live_sentence import LiveSentence, live_sentence, place_typed_words
from xviz.dashboard.overview_finding import show_finding
from xviz.dashboard.overview_sample import CONCEPTS, MODEL, WITHIN, map_of, sample_choices
from xviz.dashboard.results import Work, obtain
from xviz.dashboard.selection import show_sentence
from xviz.dashboard.server import map_worker, store
from xviz.dashboard.word_points import points_table, prototypes_table, word_of
from xviz.dashboard.word_sentence import sentence_of
from xviz.figures.concept_map import ColourBy, concept_map, pca_axes, umap_axes
from xviz.projection.maps import Map, read_map
from xviz.projection.spec import MapSpec, Method
from xviz.store import Spec

HEIGHT = 540
FAR = 0.01
"""Of the words lie beyond each edge of the first view (a double click shows all)."""

POLL_SECONDS = 1.0
LOOKS: dict[str, Method] = {"PCA": "pca", "UMAP": "umap"}
COLOURS: dict[str, ColourBy] = {"part of speech": "concept", "language": "language"}


def living_map() -> list[Spec]:
    """Layer slider, map, finding, and the field for a sentence; what is lacking is computed on the spot.

    Returns:
        What :func:`get_ready` is to compute when the page is drawn.
    """
    choices = sample_choices()
    controls, beneath = st.container(), st.container()
    with beneath:
        chart_place, finding_place = st.columns([5, 3], gap="large")
    with chart_place:
        if obtain(choices.work(choices.layers), within=WITHIN, key="ov") is None:
            return []
    with controls:
        layer, method, colour_by = _controls(choices)
    every = {each: map_of(choices, each, "pca") for each in choices.layers}
    with chart_place:
        needed = (*every[layer].spaces(), *_with_start(every[layer]))
        if obtain(Work("Draw the map", needed, "The map of the sample", ""), within=WITHIN, key="ov") is None:
            return []
        drawing = st.container()
    with st.container(key="ov-live"):
        st.subheader("Try a sentence", anchor=False)
        live = live_sentence(choices, CONCEPTS, key="ov-live")
    with drawing:
        _draw(choices, layer, method, colour_by, live)
    with finding_place, st.spinner("Measuring every layer"):
        show_finding(choices, layer)
    return [each for chart in every.values() for each in (*chart.spaces(), chart)]


def get_ready(wanted: Sequence[Spec]) -> None:
    """The other layers, while the reader looks at the first: the slider and the sentence find them there."""
    if any(store().find(spec) is None for spec in wanted):
        with st.container(key="ov-ready"):
            obtain(Work("Get every layer ready", tuple(wanted), "Every layer", ""), within=WITHIN, key="ov")


def _controls(choices: Choices) -> tuple[int, Method, ColourBy]:
    left, right = st.columns([5, 3], gap="large", vertical_alignment="bottom")
    with left:
        address.check("ov_layer", choices.layers, noun="layer")
        layer = st.slider(
            "Layer",
            0,
            choices.facts.layers,
            value=default_layer(choices.facts),
            key="ov_layer",
            bind="query-params",
            help="0 is the embedding of the words alone; the last layer is what the network ends with.",
        )
    with right, st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        colour = st.segmented_control(
            "Colour by",
            list(COLOURS),
            default=next(iter(COLOURS)),
            required=True,
            key="ov_colour",
            bind="query-params",
        )
        look = st.segmented_control(
            "Map", list(LOOKS), default="PCA", required=True, key="ov_map", bind="query-params"
        )
    for name, value in (("ov_layer", layer), ("ov_colour", colour), ("ov_map", look)):
        address.remember(name, value)
    return int(layer), LOOKS[look or "PCA"], COLOURS[colour or next(iter(COLOURS))]


def _draw(
    choices: Choices, layer: int, method: Method, colour_by: ColourBy, live: LiveSentence | None
) -> None:
    wanted = map_of(choices, layer, method)
    shown = wanted
    if method == "umap" and store().find(wanted) is None:
        shown = map_of(choices, layer, "pca")
    chart = _map(shown.key, shown)
    points = points_table(shown, chart, choices.treebanks, store())
    prototypes = prototypes_table(shown, chart, choices.treebanks)
    figure = _figure(shown, chart, points, prototypes[prototypes["language"] == ""], colour_by, live is None)
    _open_on_most(figure, choices, shown)
    said = [
        f"{len(points):,} words of {len(choices.treebanks)} languages, drawn at random, each language's "
        "mean taken away; diamonds stand for the means of parts of speech. Double-click to see all, click a "
        "word for its sentence."
    ]
    if live is not None:
        said.append(place_typed_words(figure, live, shown, points))
    events = show_figure(
        figure,
        key="ov-map",
        height=HEIGHT,
        alt=f"{len(points):,} words of {len(choices.treebanks)} languages at layer {layer} of {MODEL}, as "
        f"{'principal components' if shown.method == 'pca' else 'a UMAP'}, coloured by {colour_by}.",
        events=("click",),
        filename=f"xviz-{MODEL}-layer-{layer}",
    )
    if method == "umap":
        _follow(_every_umap(choices, layer), shown.key)
    st.caption(" ".join(said))
    if events.click is not None and isinstance(events.click.get("id"), int):
        st.session_state["ov-word"] = events.click["id"]
    row = st.session_state.get("ov-word")
    if row is not None:
        source, place = word_of(row)
        with st.container(border=True, key="ov-word-panel"):
            found = sentence_of(shown.sources[source].table(), place, store())
            show_sentence(row, found, choices.treebanks)


def _figure(
    shown: MapSpec,
    chart: Map,
    points: pd.DataFrame,
    prototypes: pd.DataFrame,
    colour_by: ColourBy,
    labels: bool,
) -> go.Figure:
    shares = chart.facts["shares_of_variance"]
    return concept_map(
        points,
        prototypes,
        axes=pca_axes(shares) if shares else umap_axes(shown.dims),
        colour_by=colour_by,
        concept_kind=CONCEPTS,
        view=f"overview-{shown.method}",
        labels=labels,
    )


def _open_on_most(figure: go.Figure, choices: Choices, shown: MapSpec) -> None:
    """Let the view begin where most words are; a few lie far off, and punctuation does.

    It is taken from the layer where the slider begins, whichever is shown: a window that changed with the
    layer would throw the reader's own zoom away. (Axes are in units of each map's own spread.)
    """
    anchor = map_of(choices, default_layer(choices.facts), shown.method)
    points = points_table(anchor, _map(anchor.key, anchor), choices.treebanks, store())
    xy = points[["x", "y"]].to_numpy(float)
    xy = xy / np.sqrt(((xy - xy.mean(axis=0)) ** 2).sum(axis=1).mean())
    words = xy[(points["concept"].astype(str) != "PUNCT").to_numpy()]
    for axis, column in (("xaxis", words[:, 0]), ("yaxis", words[:, 1])):
        low, high = np.quantile(column, [FAR, 1 - FAR])
        margin = 0.15 * (high - low)
        figure.layout[axis].update(range=[float(low - margin), float(high + margin)], autorange=False)


def _every_umap(choices: Choices, layer: int) -> list[MapSpec]:
    """This layer's first (after the one it is turned onto), then the others, nearest first."""
    anchor = default_layer(choices.facts)
    others = sorted(set(choices.layers) - {anchor, layer}, key=lambda each: abs(each - layer))
    return [map_of(choices, each, "umap") for each in dict.fromkeys([anchor, layer, *others])]


@st.fragment(run_every=POLL_SECONDS)
def _follow(specs: Sequence[MapSpec], shown: str) -> None:
    """The maps of all layers are laid out one after another, so that the slider finds them there."""
    missing = [spec for spec in specs if store().find(spec) is None]
    here = specs[min(1, len(specs) - 1)] if len(specs) > 1 else specs[0]
    here = next((spec for spec in specs if _layer(spec) == st.session_state.get("ov_layer")), here)
    if here not in missing and shown != here.key:
        st.rerun()
    if not missing:
        return
    ready = [spec for spec in missing if all(store().find(need) for need in spec.needs())]
    if not ready:
        return
    status = map_worker().request(ready[0])
    if status.state == "failed":
        st.caption(address.plain(status.message))
        return
    done = len(specs) - len(missing)
    what = "UMAP of this layer is on its way; meanwhile, principal components." * (here in missing)
    st.caption(f"{what} {done} of {len(specs)} layers are laid out.".strip())


def _layer(spec: MapSpec) -> int:
    return spec.sources[0].layer


def _with_start(spec: MapSpec) -> list[MapSpec]:
    return [*([spec.start] if spec.start is not None else []), spec]


@st.cache_resource(max_entries=32, show_spinner=False)
def _map(key: str, _spec: MapSpec) -> Map:
    return read_map(store(), _spec)
