"""What does this language's concept space look like?"""

import streamlit as st

from xviz.dashboard import choices as shared
from xviz.dashboard.address import show_notices
from xviz.dashboard.concept_choices import (
    concept_choice,
    map_choices,
    map_specification,
    with_concept,
)
from xviz.dashboard.frame import finish_head, head
from xviz.dashboard.map_view import all_maps, as_pca, show_map, show_quality
from xviz.dashboard.results import Work, obtain
from xviz.dashboard.server import store
from xviz.dashboard.space_facts import show_counts, show_treebanks

head("Concept space", "Words of several languages in one space: does the same concept lie in the same place?")
choices = shared.shared_choices()
if choices is None:
    show_notices()
    st.stop()

concepts = concept_choice()
looks = map_choices()
layer = shared.layer_choice(choices)
finish_head()
show_notices()

vectors, anchor = choices.vectors(layer), choices.vectors(shared.default_layer(choices.facts))
title = f"{choices.model.name}, layer {layer}"
if obtain(choices.work([layer]), fuller=choices.work(choices.layers)) is None:
    st.stop()

vectors, anchor, treebanks = with_concept(concepts, vectors, anchor, choices.treebanks)
chart = map_specification(vectors, anchor, concepts, looks)
needed = (*chart.spaces(), *all_maps(as_pca(chart)))
if obtain(Work("Compute the space", needed, f"Concept space of {title}", ""), within=60) is None:
    st.stop()

shown = show_map(chart, treebanks, colour_by=looks.colour_by, title=title, key="cs-map")
if shown == chart:
    show_quality(shown)
counts, about = st.tabs(["Concepts", "Treebanks"])
with counts:
    show_counts(chart.spaces(), treebanks, store())
with about:
    show_treebanks(chart.spaces(), treebanks, store())
