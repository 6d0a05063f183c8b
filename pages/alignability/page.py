"""How alike are the concept spaces of two languages, layer by layer, and is it more than chance?"""

import streamlit as st

from xviz.alignability.compute import read_content, read_facts, read_layers, read_scores
from xviz.dashboard import choices as shared
from xviz.dashboard.address import plain
from xviz.dashboard.alignment_choices import align_specification, align_work, alignment_looks, other_model
from xviz.dashboard.alignment_reasons import show_reasons, show_translations
from xviz.dashboard.alignment_view import (
    comparison,
    show_curve,
    show_matrix,
    show_plane,
    show_summary,
    show_table,
    tell_chosen_layer,
    tell_content,
)
from xviz.dashboard.concept_choices import concept_choice
from xviz.dashboard.frame import end_page, head
from xviz.dashboard.pair_panel import pair_choice, show_pair
from xviz.dashboard.results import obtain
from xviz.dashboard.server import store
from xviz.errors import XvizError

head("Alignability", "How alike are the concept spaces of two languages, and is it more than chance?")
choices = shared.shared_choices()
if choices is None:
    end_page()
if len(choices.specs) < 2:
    st.info("Choose at least two languages in the sidebar.", icon=":material/language:")
    end_page()

concepts = concept_choice()
second = other_model(choices)
looks = alignment_looks()
layer = shared.layer_choice(choices)

try:
    spec = align_specification(choices, concepts, looks.space)
    beside = align_specification(choices, concepts, looks.space, model=second) if second else None
except XvizError as error:
    st.warning(plain(str(error)), icon=":material/warning:")
    end_page()
if obtain(align_work(spec, choices)) is None:
    end_page()
shown = comparison(read_scores(spec, store()), read_facts(spec, store()), choices.treebanks, looks)

show_summary(shown, layer)
tell_content(shown, read_content(spec, store()), layer)
left, right = st.columns([3, 2] if beside is None else 2, gap="medium")
with left:
    clicked = show_matrix(shown, layer, key="al-matrix", title=f"{spec.model.name}, layer {layer}")
with right:
    if beside is not None and obtain(align_work(beside, choices), key="beside") is not None:
        other = comparison(
            read_scores(beside, store()), read_facts(beside, store()), choices.treebanks, looks
        )
        depth = min(layer, beside.layers[-1])
        show_matrix(other, depth, key="al-matrix-beside", title=f"{beside.model.name}, layer {depth}")
    curve = st.container()
pair = pair_choice(shown, clicked)
with curve:
    show_curve(shown, layer, pair, key="al-curve")
if pair is not None:
    show_pair(shown, spec, pair, layer)
    tell_chosen_layer(shown, read_layers(spec, store()), pair)

points, translations, reasons, table = st.tabs(
    ["Languages in a plane", "Translations", "What explains it", "Table and files"]
)
with points:
    show_plane(shown, layer, key="al-plane")
with translations:
    show_translations(shown, choices, spec, layer)
with reasons:
    show_reasons(shown, spec, layer)
with table:
    show_table(shown, layer, spec.key)
end_page()
