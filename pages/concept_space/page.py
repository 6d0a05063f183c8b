"""What does this language's concept space look like?"""

import streamlit as st

from xviz.dashboard import choices as shared
from xviz.dashboard.address import show_notices
from xviz.dashboard.concept_choices import can_probe, concept_choice, map_choices
from xviz.dashboard.concept_panel import concept_pick, show_concept
from xviz.dashboard.concept_probe import show_probe
from xviz.dashboard.concept_views import View, first_view, ready, second_view, show_views
from xviz.dashboard.frame import finish_head, head
from xviz.dashboard.live_sentence import live_sentence
from xviz.dashboard.map_beside import beside_choices, beside_kind
from xviz.dashboard.map_mixing import show_mixing
from xviz.dashboard.map_player import keep_playing, play_button, step_layer
from xviz.dashboard.map_view import show_quality
from xviz.dashboard.selection import show_encircled
from xviz.dashboard.server import store
from xviz.dashboard.space_facts import concepts_of, show_counts, show_treebanks
from xviz.dashboard.word_panel import show_word
from xviz.dashboard.word_search import search_choice, show_found

head("Concept space", "Words of several languages in one space: does the same concept lie in the same place?")
choices = shared.shared_choices()
if choices is None:
    show_notices()
    st.stop()

step_layer()
concepts = concept_choice()
looks = map_choices(concepts, can_probe(choices.treebanks))
with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="cs-second-row"):
    play_place = st.container(width="content")
    layer = shared.layer_choice(choices)
    wanted = search_choice()
    kind = beside_kind(choices.treebanks)
with st.container():
    beside = beside_choices(kind, choices, layer)
show_notices()

with st.container():
    view = first_view(choices, layer, concepts, looks)
    if not ready(view):
        finish_head()
        st.stop()
layers = view.layers()
with play_place:
    play_button(layers)
with st.container():
    other: View | None = second_view(beside, view, concepts, looks) if beside is not None else None
    if other is not None and not ready(other):
        finish_head()
        st.stop()

map_place = st.container()  # places of their own: a panel that opens must not make what is beneath it anew
with st.container(), st.expander("Try a sentence", icon=":material/edit_note:"):
    typed = live_sentence(choices, concepts, key="cs-live")
with map_place:
    shown = show_views(view, other, looks, wanted, typed=typed)
with st.container():
    if shown.picked.word is not None:
        show_word(shown.picked.word, shown.neighbours, shown.spec, view.treebanks)
    show_found(wanted, shown.found, shown.found_on_map, shown.spec, view.treebanks)
    show_encircled(shown.points, shown.picked.encircled)

names = ["Concepts", "Languages", "The map"] + ["Probe"] * (view.probe is not None) + ["Treebanks"]
tabs = dict(zip(names, st.tabs(names), strict=True))
with tabs["Concepts"]:
    if view.spec.unit != "sentences":
        concept = concept_pick(concepts_of(view.spaces, store()), shown.picked.concept)
        if concept is not None:
            show_concept(concept, view.spec, view.treebanks)
    show_counts(view.spaces, view.treebanks, store())
if shown.spec == view.spec:  # else the worker is at the layout; of what is asked it takes the newest first
    with tabs["The map"]:
        show_quality(view.spec)
    with tabs["Languages"]:
        show_mixing(view.spec, view.treebanks)
if view.probe is not None:
    with tabs["Probe"]:
        show_probe(view.probe, view.spec, view.treebanks)
with tabs["Treebanks"]:
    show_treebanks(view.spaces, view.treebanks, store())

finish_head()  # now that every choice is known, also the word that was clicked
keep_playing(layers, layer)
