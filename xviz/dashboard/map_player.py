"""The layer slider with a button that plays it: a step at a time through the layers that are there."""

from __future__ import annotations

import time
from collections.abc import Sequence

import streamlit as st

PACE = 1.6
"""Seconds a layer is looked at; drawing it is not counted."""
PLAYING, NEXT, SINCE = "cs-playing", "cs-next-layer", "cs-layer-since"


def step_layer() -> None:
    """Take the step that was due; call it before the slider is made."""
    upcoming = st.session_state.pop(NEXT, None)
    if upcoming is not None:
        st.session_state["layer"] = upcoming


def play_button(layers: Sequence[int]) -> None:
    """Play or stop; disabled where there are not two layers to go through."""
    playing = bool(st.session_state.get(PLAYING))
    st.button(
        "Stop" if playing else "Play",
        icon=":material/stop:" if playing else ":material/play_arrow:",
        key="cs-play",
        on_click=_toggle,
        args=(tuple(layers),),
        disabled=len(layers) < 2,
        help="Go through the layers that have been computed; the view stays."
        if len(layers) > 1
        else "With these choices only this layer has been computed.",
    )


def keep_playing(layers: Sequence[int], layer: int) -> None:
    """Go on to the next layer after a while; call it when the map has been drawn."""
    if not st.session_state.get(PLAYING):
        return
    st.session_state[SINCE] = time.monotonic()
    _wait(tuple(layers), layer)


def _toggle(layers: tuple[int, ...]) -> None:
    st.session_state[PLAYING] = not st.session_state.get(PLAYING)
    if st.session_state[PLAYING] and st.session_state.get("layer") == layers[-1]:
        st.session_state[NEXT] = layers[0]


@st.fragment(run_every=PACE / 4)
def _wait(layers: tuple[int, ...], layer: int) -> None:
    if not st.session_state.get(PLAYING) or time.monotonic() - st.session_state[SINCE] < PACE:
        return
    later = [other for other in layers if other > layer]
    if later:
        st.session_state[NEXT] = later[0]
    else:
        st.session_state[PLAYING] = False
    st.rerun()
