"""What is here, and where do I begin?"""

import streamlit as st

from xviz.dashboard.address import forget_all, show_notices
from xviz.dashboard.frame import finish_head, head
from xviz.dashboard.inventory import corpora_table, models_table, results_table
from xviz.dashboard.overview_map import get_ready, living_map
from xviz.dashboard.overview_ways import ways_in
from xviz.dashboard.server import store

head("xviz", "Where do the languages inside a multilingual language model agree, and where not?")
forget_all()
map_place = st.container()

ways_in(st.session_state.get("ov_layer"))

st.subheader("On this machine", anchor=False)
models, corpora, results = st.tabs(["Models", "Treebanks", "Results"])
with models:
    models_table()
with corpora:
    corpora_table(st.session_state.get("data") or "sample", store())
with results:
    results_table(store())

with map_place:  # last, so that all else is there while it is computed for the first time
    layers = living_map()
finish_head()
show_notices()
with map_place:
    get_ready(layers)
