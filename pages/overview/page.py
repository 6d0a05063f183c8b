"""What is here, and where do I begin?"""

import streamlit as st

from xviz.dashboard.address import show_notices
from xviz.dashboard.frame import head
from xviz.dashboard.inventory import corpora_table, models_table, results_table
from xviz.dashboard.server import store

head("xviz", "Where do the languages inside a multilingual language model agree, where not?")
show_notices()

browse, bring, command = st.columns(3)
with browse, st.container(border=True, height="stretch"):
    st.subheader("Browse", anchor=False)
    st.markdown(
        "Every word of several languages as a point, by part of speech, relation or feature, layer by layer."
    )
    st.page_link(
        "pages/concept_space/page.py", label="Open the concept space", icon=":material/scatter_plot:"
    )
with bring, st.container(border=True, height="stretch"):
    st.subheader("Bring your own", anchor=False)
    st.markdown(
        "On any page, type a folder under *Model* (a Hugging Face encoder or decoder) or under *Data* "
        "(treebanks in CoNLL-U)."
    )
with command, st.container(border=True, height="stretch"):
    st.subheader("Without a browser", anchor=False)
    st.markdown("The same work from the command line; its results appear here.")
    st.code("xviz extract --model M --data DIR --treebank A,B", language="shell")

st.subheader("On this machine", anchor=False)
models, corpora, results = st.tabs(["Models", "Treebanks", "Results"])
with models:
    models_table()
with corpora:
    corpora_table(st.session_state.get("data") or "sample", store())
with results:
    results_table(store())
