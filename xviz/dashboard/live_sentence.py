"""A live sentence: the reader types, the network reads, every word is named at every layer.

What is typed stays in the memory of the reader's session: it is in no link, no log and no file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from xviz.concepts.annotation import UNIT_OF
from xviz.concepts.live import (
    Named,
    ReadSentence,
    name_by_probes,
    name_by_prototypes,
    nearest_concepts,
    read_sentence,
)
from xviz.concepts.probe import Probe
from xviz.concepts.prototypes import ConceptSpace
from xviz.concepts.space import read_probe, read_space
from xviz.concepts.spec import ConceptSpaceSpec
from xviz.dashboard.address import plain
from xviz.dashboard.choices import Choices
from xviz.dashboard.figure import show_figure
from xviz.dashboard.live_network import network
from xviz.dashboard.results import Work, obtain
from xviz.dashboard.server import store
from xviz.errors import XvizError
from xviz.figures.live_words import add_typed_words, heatmap_height, live_heatmap
from xviz.projection.placement import Placement, placement
from xviz.projection.spec import MapSpec

ALL = "all languages together"
PLACEHOLDER = "Type a sentence in any language, and press Enter"
MOST_CONCEPTS = 5


@dataclass(frozen=True)
class LiveSentence:
    """A sentence that was read, and its nearest concepts (:func:`xviz.concepts.live.nearest_concepts`).

    ``by``: ``probe`` or ``prototypes``; ``languages``: how many of them name the words; ``source``: the one
    treebank that the reader compares with, None for all.
    """

    sentence: ReadSentence
    table: pd.DataFrame
    by: Literal["probe", "prototypes"]
    languages: int
    source: int | None


def live_sentence(choices: Choices, concepts: str, *, key: str = "live") -> LiveSentence | None:
    """The field, and beneath it what the network makes of the sentence; None until there is one.

    Args:
        choices: the network and the languages whose concepts the words are compared with.
        concepts: ``upos`` or ``feats:Name``. A typed sentence has no tree, so it has no relations.
        key: of the widgets and of what is kept in the session.
    """
    with st.form(f"{key}-form", border=False):
        field, language, button = st.columns([7, 3, 1], vertical_alignment="bottom")
        text = field.text_input("A sentence", key=f"{key}-text", placeholder=PLACEHOLDER, max_chars=1000)
        names = [ALL, *(t.language_name or t.name for t in choices.treebanks)]
        against = language.selectbox("Compared with", names, key=f"{key}-against")
        button.form_submit_button("Read", type="primary", width="stretch")
    if not (text or "").strip():
        st.caption("Every word is named by the concepts it lies nearest to. What you type is kept nowhere.")
        return None
    if UNIT_OF.get(concepts, "words") != "words":
        st.info(
            "A typed sentence has no tree, so its relations are not known; choose parts of speech or a "
            "feature under *Concepts*.",
            icon=":material/account_tree:",
        )
        return None
    layers = [layer for layer in choices.layers if all(store().find(v) for v in choices.vectors(layer))]
    if not layers:
        st.info("No layer has been computed yet: compute one above, then type.", icon=":material/layers:")
        return None
    chosen = range(len(choices.specs)) if against == ALL else [names.index(against) - 1]
    try:
        live = _read(choices, concepts, text, layers, list(chosen), key)
    except XvizError as error:
        st.warning(plain(str(error)), icon=":material/keyboard:")
        return None
    if live is not None:
        _show(live, [layer for layer in choices.layers if layer not in layers], key)
    return live


def place_typed_words(figure: go.Figure, live: LiveSentence, chart: MapSpec, points: pd.DataFrame) -> str:
    """Put the words on the figure of a map; returns how they got there, for the caption.

    Args:
        figure: from :func:`xviz.figures.concept_map.concept_map`; stars are added to it.
        points: what it was drawn from (:func:`xviz.dashboard.word_points.points_table`).
    """
    layer = chart.sources[0].layer
    vectors = live.sentence.vectors.get(layer)
    if vectors is None or chart.unit != "words":
        return ""
    put = _placement(chart.key, chart)
    hover = [
        f"<b>{form}</b><br>{', '.join(nearest)}"
        for form, nearest in zip(live.sentence.forms, _nearest_at(live, layer), strict=True)
    ]
    places = put.place(vectors, source=live.source)
    add_typed_words(figure, places, live.sentence.forms, hover=hover, points=points)
    return put.how(source=live.source)


def _read(
    choices: Choices, concepts: str, text: str, layers: list[int], chosen: list[int], key: str
) -> LiveSentence | None:
    """Read and named, or what was read before where nothing has changed."""
    vectors = {layer: [choices.vectors(layer)[i] for i in chosen] for layer in layers}
    raw = {
        layer: [ConceptSpaceSpec(vectors=v, concepts=concepts) for v in specs]
        for layer, specs in vectors.items()
    }
    if concepts.startswith("feats:"):
        raw = {layer: [s for s in specs if _annotates(s)] for layer, specs in raw.items()}
    wanted = tuple(spec for specs in raw.values() for spec in specs)
    if not wanted:
        raise XvizError("None of the chosen languages annotates this feature; choose another.")
    asked = (text, concepts, tuple(spec.key for spec in wanted))
    kept = st.session_state.get(f"{key}-kept")
    if kept is not None and kept[0] == asked:
        return kept[1]
    if (
        obtain(Work("Compute the prototypes", wanted, "Prototypes of every layer", ""), within=120, key=key)
        is None
    ):
        return None
    first = choices.vectors(layers[0])[0]
    loaded = network(choices.model, first.dtype)
    with loaded.lock:
        if loaded.model is None:
            raise XvizError("The network was let go for another one; press Read again.")
        sentence = read_sentence(loaded.model, text, layers=layers, pooling=first.pooling)
    probes = {layer: _probes_of(raw[layer]) for layer in layers}
    named: Mapping[int, Named]
    by: Literal["probe", "prototypes"] = "probe" if any(probes.values()) else "prototypes"
    if by == "probe":
        named = {
            layer: name_by_probes([p for p, _ in found], [name for _, name in found], sentence.vectors[layer])
            for layer, found in probes.items()
            if found
        }
    else:
        named = {
            layer: name_by_prototypes(_spaces(tuple(s.key for s in specs), specs), sentence.vectors[layer])
            for layer, specs in raw.items()
        }
    languages = len({name for found in named.values() for name in found.languages})
    source = chosen[0] if len(chosen) == 1 else None
    table = nearest_concepts(sentence, named, most=MOST_CONCEPTS)
    live = LiveSentence(sentence, table, by, languages, source)
    st.session_state[f"{key}-kept"] = (asked, live)
    return live


def _annotates(spec: ConceptSpaceSpec) -> bool:
    from xviz.dashboard.word_points import features_of

    feature = spec.concepts.removeprefix("feats:")
    return any(feature in names for names in features_of([spec.vectors.table()], store()).values())


def _probes_of(raw: Sequence[ConceptSpaceSpec]) -> list[tuple[Probe, str]]:
    """Probes in the store that read these vectors: same network, layer, pooling, treebank and concepts."""
    wanted = {_reads(spec): spec for spec in raw}
    found: dict[tuple, tuple[Probe, str]] = {}
    for entry in store().entries("concept_space"):
        if entry.spec.get("space") != "probe":
            continue
        spec = ConceptSpaceSpec.model_validate(entry.spec)
        name = _reads(spec)
        if name in wanted and name not in found and store().find(spec) is not None:
            found[name] = (read_probe(spec, store()), spec.vectors.treebank.language)
    return [found[name] for name in wanted if name in found]


def _reads(spec: ConceptSpaceSpec) -> tuple:
    v = spec.vectors
    return (str(v.model), v.layer, v.pooling, v.treebank.name, spec.concepts)


def _show(live: LiveSentence, absent: list[int], key: str) -> None:
    sentence, languages = live.sentence, live.languages
    with st.container(key=f"{key}-shown", gap="small"):
        show_figure(
            live_heatmap(live.table, by=live.by),
            key=f"{key}-heatmap",
            height=heatmap_height(len(sentence.forms)),
            alt=_alternative(live),
            table=_shown_table(live),
            filename="live-sentence",
        )
        said = [sentence.how]
        many = sum(count > 1 for count in sentence.subwords)
        if many:
            said.append(f"{many} of {len(sentence.forms)} words are several pieces to the tokenizer.")
        if sentence.left_out:
            said.append(f"Without a vector: {', '.join(sentence.left_out)}.")
        mean = f"the mean of {languages} languages, each counting once" if languages > 1 else "one language"
        if live.by == "probe":
            there = ", ".join(map(str, sorted(live.table["layer"].unique())))
            said.append(f"Probabilities of trained prototype probes ({mean}), at layer {there}.")
        else:
            said.append(
                f"No probe has been trained on these vectors, so a word takes the name of the nearest raw "
                f"prototype ({mean}); the colour is 1 − d₁/d₂, how much nearer it is than the second. That "
                "is no probability."
            )
        if absent:
            said.append(f"Not computed yet: layer {', '.join(map(str, absent))}.")
        st.caption(plain(" ".join(said)))


def _shown_table(live: LiveSentence) -> pd.DataFrame:
    value = "probability" if live.by == "probe" else "distance"
    return live.table[["form", "layer", "rank", "concept", value]].rename(columns={"form": "word"})


def _alternative(live: LiveSentence) -> str:
    last = live.table["layer"].max()
    best = live.table[(live.table["layer"] == last) & (live.table["rank"] == 1)]
    named = ", ".join(
        f"{form} {concept}" for form, concept in zip(best["form"], best["concept"], strict=True)
    )
    return f"The nearest concept of every word at every layer. At layer {last}: {named}."


def _nearest_at(live: LiveSentence, layer: int) -> list[list[str]]:
    """The three nearest concepts of each word, with what they are measured by."""
    here = live.table[(live.table["layer"] == layer) & (live.table["rank"] <= 3)]
    if live.by == "probe":
        told = here["concept"] + (100 * here["probability"]).map(" {:.0f} %".format)
    else:
        told = here["concept"] + here["distance"].map(" (distance {:.3g})".format)
    by_word = told.groupby(here["position"]).agg(list)
    return [by_word.get(position, []) for position in range(1, len(live.sentence.forms) + 1)]


@st.cache_resource(max_entries=64, show_spinner=False)
def _spaces(keys: tuple[str, ...], _specs: Sequence[ConceptSpaceSpec]) -> list[ConceptSpace]:
    return [read_space(spec, store()) for spec in _specs]


@st.cache_resource(max_entries=8, show_spinner=False)
def _placement(key: str, _chart: MapSpec) -> Placement:
    return placement(_chart, store())
