"""The choices that pages share: which network, which treebanks, which part of them, which layer.

They stand in the sidebar, live in the address, and keep their keys on every page, so that a reader who goes
from one page to another stays with the same model and languages.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import streamlit as st

from xviz.corpora.catalogue import without_ud
from xviz.corpora.folder import TreebankFiles, choose, find_treebanks
from xviz.corpora.spec import TreebankSpec
from xviz.dashboard import address
from xviz.dashboard.results import Work
from xviz.errors import XvizError
from xviz.models.devices import choose_dtype
from xviz.models.folder import ModelFacts, describe
from xviz.models.listing import list_models
from xviz.models.spec import ModelRef
from xviz.representations.spec import WordPooling, WordVectorsSpec

DEFAULT_MODEL = "mini-encoder"
DEFAULT_DATA = "sample"
SPLITS = ("auto", "train", "dev", "test", "all")
POOLINGS = ("auto", "first", "last", "mean")
FEW = 12
SMALLEST_SET = 3


@dataclass(frozen=True)
class Choices:
    """What the reader looks at; everything is on this machine."""

    model: ModelRef
    facts: ModelFacts
    data: str
    treebanks: tuple[TreebankFiles, ...]
    specs: tuple[TreebankSpec, ...]
    split: str
    pooling: str

    @property
    def layers(self) -> range:
        """0 is the embedding output, the last is ``facts.layers``."""
        return range(self.facts.layers + 1)

    def vectors(self, layer: int) -> tuple[WordVectorsSpec, ...]:
        """The word vectors of one layer, one a treebank."""
        by_family = "first" if self.facts.family == "encoder" else "last"
        pooling = cast(WordPooling, by_family if self.pooling == "auto" else self.pooling)
        return tuple(
            WordVectorsSpec(
                model=self.model, treebank=spec, layer=layer, pooling=pooling, dtype=choose_dtype("auto")
            )
            for spec in self.specs
        )

    def work(self, layers: Sequence[int]) -> Work:
        """Computing some layers: those, and the one that the others are turned onto."""
        wanted = sorted({*layers, default_layer(self.facts)})
        every = len(wanted) == len(self.layers)
        label = "Compute all layers" if every else f"Compute layer {layers[0]}"
        return Work(
            label,
            tuple(spec for layer in wanted for spec in self.vectors(layer)),
            f"Vectors of {len(self.specs)} treebanks with {self.model.name}",
            self.command(wanted),
        )

    def command(self, layers: Sequence[int]) -> str:
        """The command line that computes the same vectors."""
        names = ",".join(without_ud(spec.name) for spec in self.specs)
        wanted = "all" if len(layers) == len(self.layers) else ",".join(map(str, layers))
        parts = [
            "xviz extract",
            f"--model {shlex.quote(self.model.name)}",
            f"--data {shlex.quote(self.data)}",
        ]
        parts += [f"--treebank {names}", f"--layers {wanted}"]
        parts += [f"--split {self.split}"] * (self.split != "auto")
        parts += [f"--pooling {self.pooling}"] * (self.pooling != "auto")
        return " \\\n  ".join(parts)


def shared_choices() -> Choices | None:
    """Draw the choices in the sidebar; None where one of them can't be met, and then the page says why."""
    address.forget_all()
    found: list[TreebankFiles] = []
    chosen: list[TreebankFiles] = []
    with st.sidebar:
        here = [row["name"] for row in _models() if row["available"]]
        name = _text_choice("Model", "model", DEFAULT_MODEL, here, "A name, or a folder with a transformer")
        facts, no_model = _described(name)
        data = _text_choice("Data", "data", DEFAULT_DATA, (), "A folder of UD treebanks, or `sample`")
        no_data = None
        try:
            found = _treebanks(data)
        except XvizError as error:
            no_data = error
        else:
            chosen = _treebank_choice(found)
        split, pooling = _details()
    if no_model is not None:
        _tell_no_model(name, here, no_model)
    if no_data is not None:
        _tell_no_data(data, no_data)
    if facts is None or no_data is not None:
        return None
    if not chosen:
        st.info("Choose at least one language in the sidebar.", icon=":material/language:")
        return None
    try:
        specs = tuple(choose(data, [t.name for t in chosen], split=None if split == "auto" else split))  # type: ignore[arg-type]
    except XvizError as error:
        st.warning(address.plain(str(error)), icon=":material/call_split:")
        return None
    return Choices(ModelRef(name=name), facts, data, tuple(chosen), specs, split, pooling)


def layer_choice(choices: Choices) -> int:
    """The slider over layers, with what its ends mean."""
    last = choices.facts.layers
    address.check("layer", choices.layers, noun="layer")
    if st.session_state.get("layer", 0) > last:
        st.session_state["layer"] = last
    final = ", after the final norm" if choices.facts.family == "decoder" else ""
    layer = st.slider(
        "Layer",
        0,
        last,
        value=default_layer(choices.facts),
        key="layer",
        bind="query-params",
        help=f"0 is the embedding output; {last} is the output of the last block{final}.",
    )
    address.remember("layer", layer)
    return layer


def default_layer(facts: ModelFacts) -> int:
    """Where syntax is usually plainest: a little above the middle (paper A took layer 7 of 12)."""
    return round(0.6 * facts.layers)


def branch_of(treebank: TreebankFiles) -> str:
    """The family of a language; for Indo-European ones, which are many, the branch."""
    return treebank.genus if treebank.family == "Indo-European" and treebank.genus else treebank.family


def _described(name: str) -> tuple[ModelFacts | None, XvizError | None]:
    try:
        facts = describe(name)
    except XvizError as error:
        return None, error
    parameters = f", {_millions(facts.parameters)} parameters" if facts.parameters else ""
    st.caption(f"{facts.family}, {facts.layers} layers of {facts.width} dimensions{parameters}")
    return facts, None


def _tell_no_model(name: str, here: Sequence[str], error: XvizError) -> None:
    st.subheader(f"The model {address.plain(name)} can't be used", anchor=False)
    st.markdown(address.plain(str(error)))
    if here:
        names = ", ".join(f"`{n}`" for n in here)
        st.markdown(f"On this machine: {names}. Choose one under *Model* in the sidebar.")
    else:
        st.markdown(
            "Type a folder with a Hugging Face encoder or decoder (config.json, tokenizer, safetensors) "
            "under *Model* in the sidebar, or the name of a model of the hub."
        )


def _tell_no_data(data: str, error: XvizError) -> None:
    st.subheader(f"No treebanks in {address.plain(data)}", anchor=False)
    st.markdown(address.plain(str(error)))
    st.markdown(
        "Type a folder of [Universal Dependencies](https://universaldependencies.org) treebanks under "
        "*Data* in the sidebar; `xviz corpora --data FOLDER` lists what is in it."
    )


def _text_choice(label: str, key: str, default: str, known: Sequence[str], placeholder: str) -> str:
    """A list that also takes what is typed."""
    options = list(dict.fromkeys([default, *known, *_typed(key)]))
    value = st.selectbox(
        label,
        options,
        key=key,
        bind="query-params",
        accept_new_options=True,
        placeholder=placeholder,
        help=f"{placeholder}. Type to add one.",
    )
    address.remember(key, value)
    return value or default


def _typed(key: str) -> list[str]:
    """What was typed stays an option, also while another is chosen."""
    kept: list[str] = st.session_state.setdefault(f"xviz-typed-{key}", [])
    for value in (st.session_state.get(key), st.query_params.get(key)):
        if value and value not in kept:
            kept.append(value)
    return kept


def _treebank_choice(found: Sequence[TreebankFiles]) -> list[TreebankFiles]:
    by_name = {without_ud(t.name): t for t in found}
    key = "treebank"
    address.check(key, by_name, noun="treebank")
    if key in st.session_state:
        st.session_state[key] = [name for name in st.session_state[key] if name in by_name]
    names = st.multiselect(
        "Languages",
        list(by_name),
        default=_default_names(found),
        key=key,
        bind="query-params",
        placeholder="Choose languages",
    )
    address.remember(key, names)
    sets = _sets(found)
    if sets:
        with st.popover("Sets of languages", icon=":material/library_add_check:", width="stretch"):
            for title, members in sets.items():
                st.button(
                    f"{title} ({len(members)})", on_click=_choose_set, args=(key, members), width="stretch"
                )
            st.button("None", on_click=_choose_set, args=(key, []), type="tertiary")
    return [by_name[name] for name in names]


def _choose_set(key: str, names: Sequence[str]) -> None:
    st.session_state[key] = list(names)


def _sets(found: Sequence[TreebankFiles]) -> dict[str, list[str]]:
    """Treebanks of one collection (PUD, GSD), of one branch, and all."""
    names = {without_ud(t.name): t for t in found}
    collections = Counter(name.partition("-")[2] for name in names)
    sets = {
        f"All {suffix}": [n for n in names if n.partition("-")[2] == suffix]
        for suffix, count in collections.most_common()
        if suffix and SMALLEST_SET <= count < len(names)
    }
    if len(names) <= 2 * FEW:
        branches = Counter(branch_of(t) for t in found)
        for branch, count in branches.most_common():
            if branch and SMALLEST_SET <= count < len(names):
                sets[branch] = [n for n, t in names.items() if branch_of(t) == branch]
    if SMALLEST_SET <= len(names) <= 2 * FEW:
        sets = {"All": list(names)} | sets
    return sets


def _default_names(found: Sequence[TreebankFiles]) -> list[str]:
    """All of a small collection; of a large one, four languages of four families where it has them."""
    names = [without_ud(t.name) for t in found]
    if len(names) <= FEW:
        return names
    few = [n for n in names if n in ("English-PUD", "German-PUD", "Turkish-PUD", "Chinese-PUD")]
    return few or names[:4]


def _details() -> tuple[str, str]:
    with st.expander("Which words, which vectors"):
        values = []
        for label, key, options, text in (
            ("Split", "split", SPLITS, "auto: train, else the only one there"),
            (
                "Word vector",
                "pooling",
                POOLINGS,
                "Which of a word's subwords; auto: first (encoder), last (decoder)",
            ),
        ):
            address.check(key, options, noun=label.lower())
            value = st.selectbox(label, options, key=key, bind="query-params", help=text)
            address.remember(key, value)
            values.append(value)
    return values[0], values[1]


@st.cache_data(ttl=60, show_spinner=False)
def _models() -> list[dict]:
    return list_models()


@st.cache_data(ttl=60, show_spinner=False)
def _treebanks(data: str) -> list[TreebankFiles]:
    return find_treebanks(data)


def _millions(count: int) -> str:
    return f"{count / 1e9:.1f} B" if count >= 1e9 else f"{count / 1e6:.1f} M"
