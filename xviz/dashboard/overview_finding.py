"""One true sentence about what the first screen shows, and the same number at every layer."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import streamlit as st

from xviz.concepts.agreement import Agreement, agreement
from xviz.dashboard.choices import Choices
from xviz.dashboard.figure import show_figure
from xviz.dashboard.overview_sample import MODEL, WITHIN, map_of
from xviz.dashboard.results import obtain
from xviz.dashboard.server import store
from xviz.figures.layer_curve import layer_curve
from xviz.models.spec import ModelRef
from xviz.projection.gather import gather
from xviz.projection.spec import MapSpec
from xviz.representations.opened import open_representations

TRAINED, RANDOM, CHANCE = "as trained", "random weights", "chance"
CURVES = {TRAINED: "#0B6E69", RANDOM: "#A64B00", CHANCE: "#9AA3AE"}


def show_finding(choices: Choices, layer: int) -> None:
    """One sentence on what is seen, and the same number at every layer."""
    found = agreements(choices)
    control = dataclasses.replace(choices, model=ModelRef(name=MODEL, random_weights=0))
    floor = _floor(control)
    here = found[layer]
    with st.container(key="ov-finding", gap="small"):
        st.markdown(finding_sentence(here, layer, floor[layer] if floor else None))
        curves = {TRAINED: _curve(found)} | ({RANDOM: _curve(floor)} if floor else {})
        chance = pd.DataFrame([{"layer": each, "score": a.chance} for each, a in found.items()])
        figure = layer_curve(
            curves | {CHANCE: chance},
            pd.DataFrame(),
            title="share of the same part of speech",
            chosen=layer,
            colours=CURVES,
        )
        figure.update_layout(legend_y=-0.28)
        show_figure(
            figure,
            key="ov-curve",
            height=310,
            alt="The share of nearest words of other languages with the same part of speech, by layer: "
            + ", ".join(f"layer {each} {100 * a.share:.0f} %" for each, a in found.items())
            + f"; by chance {100 * here.chance:.0f} %.",
            filename="xviz-agreement",
        )
        if not floor:
            _offer_floor()
        st.caption(
            f"{here.words:,} words of {here.sentences} sentences and their translations; ± is the 95 % "
            f"interval over sentences; {here.k} neighbours in the full space, not on the map, each "
            "language's mean taken away; punctuation and words spelt alike are left out. "
            f"{MODEL} is small and so is the sample: a demonstration, no result."
        )


def finding_sentence(found: Agreement, layer: int, floor: Agreement | None) -> str:
    """What is seen, in words that hold whatever the numbers are."""
    margin = 196 * found.standard_error
    told = (
        f"**At layer {layer}, {100 * found.share:.0f} % (± {margin:.0f}) of a word's nearest words in other "
        f"languages are of its own part of speech.** By chance it would be {100 * found.chance:.0f} %"
    )
    if found.low <= found.chance:
        told += ", so nothing of it is seen here"
    if floor is None:
        return f"{told}."
    beyond = found.low > floor.high
    verdict = "the rest was learned" if beyond else "so what was learned does not show here"
    return f"{told}, in the same network with random weights {100 * floor.share:.0f} %: {verdict}."


def _floor(control: Choices) -> dict[int, Agreement]:
    """The same with random weights, where it is there or was asked for."""
    wanted = control.work(control.layers)
    there = all(store().find(spec) is not None for spec in wanted.wanted)
    asked = bool(st.session_state.get("ov-floor"))
    if not there and (not asked or obtain(wanted, within=WITHIN, key="ov") is None):
        return {}
    return agreements(control)


def _offer_floor() -> None:
    st.button(
        "Compare with random weights",
        icon=":material/casino:",
        help="What does the architecture give without training? The sample is read once more by the same "
        "network with fresh weights (seed 0); some seconds.",
        on_click=lambda: st.session_state.update({"ov-floor": True}),
    )


def _curve(found: dict[int, Agreement]) -> pd.DataFrame:
    rows = [
        {
            "layer": layer,
            "score": a.share,
            "low": a.low,
            "high": a.high,
            "hover": f"layer {layer}: {a.share:.3f} ± {1.96 * a.standard_error:.3f}, n = {a.words:,}",
        }
        for layer, a in found.items()
    ]
    return pd.DataFrame(rows)


def agreements(choices: Choices) -> dict[int, Agreement]:
    """At every layer: do words find their part of speech among their nearest words of other languages?"""
    return {layer: _agreement(spec.key, spec) for layer, spec in _maps(choices).items()}


def _maps(choices: Choices) -> dict[int, MapSpec]:
    return {layer: map_of(choices, layer, "pca") for layer in choices.layers}


@st.cache_resource(max_entries=32, show_spinner=False)
def _agreement(key: str, _spec: MapSpec) -> Agreement:
    points = gather(_spec, store())
    forms, sentences = [], []
    for number, source in enumerate(_spec.sources):
        rows = points.word[points.source == number]
        opened = open_representations(source, store=store())
        words, named = opened.words.iloc[rows], opened.sentences.set_index("sentence")["sent_id"]
        forms.append(words["form"].astype(str).to_numpy(object))
        sentences.append(named.loc[words["sentence"]].astype(str).to_numpy(object))
    names = np.array([*points.names, ""], dtype=object)
    return agreement(
        points.vectors,
        concept=names[points.codes],
        language=np.array([s.treebank.language for s in _spec.sources], dtype=object)[points.source],
        form=np.concatenate(forms),
        sentence=np.concatenate(sentences),
    )
