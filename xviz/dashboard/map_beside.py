"""A second map beside the first: another layer, another network, or other languages of the same layout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import streamlit as st

from xviz.corpora.catalogue import without_ud
from xviz.corpora.folder import TreebankFiles
from xviz.dashboard import address
from xviz.dashboard.address import plain
from xviz.dashboard.choices import Choices, default_layer
from xviz.errors import XvizError
from xviz.models.folder import describe
from xviz.models.listing import list_models
from xviz.models.spec import ModelRef

KINDS = ("nothing", "a layer", "a model", "languages")


@dataclass(frozen=True)
class Beside:
    """What stands beside the first map.

    Attributes:
        choices: of the second map.
        layer: of the second map.
        only: for languages, the treebanks that the second map draws; the first draws the others.
        title: what it is.
    """

    kind: str
    choices: Choices
    layer: int
    only: tuple[int, ...] | None
    title: str


def beside_kind(treebanks: Sequence[TreebankFiles]) -> str:
    """The choice of what stands beside the map."""
    options = [kind for kind in KINDS if kind != "languages" or len(treebanks) > 1]
    address.check("cs_beside", options, noun="a view beside")
    if st.session_state.get("cs_beside") not in (None, *options):
        del st.session_state["cs_beside"]
    value = st.selectbox(
        "Beside it",
        options,
        key="cs_beside",
        bind="query-params",
        width=130,
        help="A second map. Words that are encircled in one are shown in the other.",
    )
    address.remember("cs_beside", value)
    return value or KINDS[0]


def beside_choices(kind: str, choices: Choices, layer: int) -> Beside | None:
    """What exactly stands beside; None for nothing, or where it can't be (the page says why)."""
    if kind == "a layer":
        other = _layer("cs_beside_layer", choices, 0 if layer else choices.facts.layers)
        return Beside(kind, choices, other, None, f"layer {other}")
    if kind == "a model":
        return _other_model(choices)
    if kind == "languages":
        return _other_languages(choices, layer)
    return None


def _layer(key: str, choices: Choices, default: int) -> int:
    address.check(key, choices.layers, noun="layer")
    last = choices.facts.layers
    if st.session_state.get(key, 0) > last:
        st.session_state[key] = last
    value = st.slider("Layer beside it", 0, last, value=default, key=key, bind="query-params")
    address.remember(key, value)
    return int(value)


def _other_model(choices: Choices) -> Beside | None:
    here = [row["name"] for row in list_models() if row["available"] and row["name"] != choices.model.name]
    typed = st.query_params.get("cs_beside_model")
    options = list(dict.fromkeys([*here, *([typed] if typed else [])]))
    if st.session_state.get("cs_beside_model") not in (None, *options):
        options.append(st.session_state["cs_beside_model"])
    name = st.selectbox(
        "Model beside it",
        options,
        index=0 if options else None,
        key="cs_beside_model",
        bind="query-params",
        accept_new_options=True,
        placeholder="A name, or a folder with a transformer",
    )
    address.remember("cs_beside_model", name)
    if not name:
        st.caption("No other model is on this machine: type the folder of one.")
        return None
    try:
        facts = describe(name)
    except XvizError as error:
        st.warning(plain(str(error)), icon=":material/warning:")
        return None
    other = replace(choices, model=ModelRef(name=name), facts=facts)
    layer = _layer("cs_beside_layer", other, default_layer(facts))
    return Beside("a model", other, layer, None, f"{name}, layer {layer}")


def _other_languages(choices: Choices, layer: int) -> Beside | None:
    names = [without_ud(treebank.name) for treebank in choices.treebanks]
    address.check("cs_beside_treebank", names, noun="treebank")
    key = "cs_beside_treebank"
    if key in st.session_state:
        st.session_state[key] = [name for name in st.session_state[key] if name in names]
    chosen = st.multiselect(
        "Languages beside it; the others stay in the first map",
        names,
        default=names[-1:],
        key=key,
        bind="query-params",
    )
    address.remember(key, chosen)
    only = tuple(i for i, name in enumerate(names) if name in chosen)
    if not only or len(only) == len(names):
        st.caption("Choose at least one language, and leave one for the first map.")
        return None
    return Beside("languages", choices, layer, only, ", ".join(chosen))
