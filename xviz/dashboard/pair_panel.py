"""One pair of languages: both spaces in one map, what remains of each concept, the sentences behind it."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from xviz.alignability.pair import PairView, view_pair
from xviz.alignability.spec import AlignSpec
from xviz.concepts.annotation import label
from xviz.corpora.spec import TreebankSpec
from xviz.corpora.tables import open_treebank
from xviz.corpora.treebank import Treebank
from xviz.dashboard import address
from xviz.dashboard.address import plain
from xviz.dashboard.alignment_view import Comparison
from xviz.dashboard.figure import show_figure
from xviz.dashboard.server import store
from xviz.errors import XvizError
from xviz.figures.pair_spaces import pair_spaces, residual_bars

SENTENCES = 12


def pair_choice(shown: Comparison, clicked: tuple[str, str] | None) -> tuple[str, str] | None:
    """Two languages, by a click on a cell or by name; they live in the address."""
    names = {shown.names[bank]: bank for bank in shown.names}
    for key, bank in zip(("al_a", "al_b"), clicked or (), strict=False):
        st.session_state[key] = shown.names[bank]
    with st.container(horizontal=True, vertical_alignment="bottom", key="al-pair"):
        chosen = []
        for key, what in (("al_a", "Pair"), ("al_b", "and")):
            address.check(key, names, noun="language")
            if st.session_state.get(key) not in (None, *names):
                st.session_state[key] = None
            value = st.selectbox(
                what,
                list(names),
                index=None,
                key=key,
                bind="query-params",
                width=200,
                placeholder="a language",
            )
            address.remember(key, value)
            chosen.append(value)
    a, b = chosen
    return None if a is None or b is None or a == b else (names[a], names[b])


def show_pair(shown: Comparison, spec: AlignSpec, pair: tuple[str, str], layer: int) -> None:
    """The spaces after the rotation, the residuals, and on a click the sentences of a concept."""
    a, b = (shown.names[bank] for bank in pair)
    try:
        view = _view(spec.key, layer, pair, spec)
    except XvizError as error:
        st.info(plain(str(error)), icon=":material/info:")
        return
    _tell_scores(shown, pair, layer, view, (a, b))
    kind = spec.concepts.removeprefix("feats:")
    left, right = st.columns([3, 2], gap="medium")
    with left:
        events = show_figure(
            pair_spaces(view.a, view.b, view.concepts["concept"].tolist(), names=(a, b), kind=kind),
            key="al-spaces",
            height=480,
            alt=f"Prototypes of {a}, rotated, and of {b} on their shared axes.",
            events=("click",),
            filename=f"{a}-{b}-layer-{layer}",
        )
        st.caption(
            f"Filled: {a}, rotated onto {b} by all concepts; open: {b}. Short lines: the same concept lies "
            "in the same place. Two of at most eight shared axes are drawn, and this rotation saw every "
            "concept: for what carries over, trust the bars."
        )
    with right:
        bars = show_figure(
            residual_bars(view.concepts, names=(a, b)),
            key="al-residuals",
            height=480,
            alt=f"Residual of each concept of {a} under the rotation fitted without it.",
            events=("click",),
            filename=f"{a}-{b}-residuals-layer-{layer}",
            table=view.concepts.round(3),
        )
        st.caption(
            f"Each concept of {a} is carried by a rotation fitted **without** it. Colour says whether the "
            f"nearest concept of {b} is the right one (red: it is the one named); length says how far off it "
            f"lands: 0 is exact, 1 no better than {b}'s mean, so green beyond 1 is a weak match."
        )
    for found in (events.click, bars.click):
        if found is not None and found.get("id") in set(view.concepts["concept"]):
            st.session_state["al_concept"] = found["id"]
    _show_sentences(shown, spec, pair, view.concepts["concept"].tolist())


def _tell_scores(
    shown: Comparison, pair: tuple[str, str], layer: int, view: PairView, names: tuple[str, str]
) -> None:
    rows = shown.of(*pair)
    row = rows[rows["layer"] == layer]
    there, back = int(view.concepts["hit"].sum()), int(view.concepts["hit_back"].sum())
    total = len(view.concepts)
    score = f"{shown.looks.measure} {row['score'].iloc[0]:.2f}" if len(row) else ""
    beyond = ""
    if len(row) and row["null_mean"].notna().iloc[0]:
        fails = str(row["fails"].iloc[0])
        beyond = ", beyond every null" if not fails else f", **not** beyond: {fails.replace('_', ' ')}"
    st.markdown(
        f"**{plain(names[0])} and {plain(names[1])}**, layer {layer}: {score}{beyond}. Left out of the "
        f"rotation, {there} of {total} concepts are carried from {plain(names[0])} to their counterpart and "
        f"{back} of {total} back (by chance about 1)."
    )


def _show_sentences(
    shown: Comparison, spec: AlignSpec, pair: tuple[str, str], concepts: Sequence[str]
) -> None:
    address.check("al_concept", concepts, noun="concept")
    if st.session_state.get("al_concept") not in (None, *concepts):
        st.session_state["al_concept"] = None
    concept = st.selectbox(
        "Sentences behind a concept",
        list(concepts),
        index=None,
        key="al_concept",
        bind="query-params",
        width=260,
        placeholder="click a point or a bar, or choose",
    )
    address.remember("al_concept", concept)
    if concept is None:
        return
    banks = {bank.name: bank for bank in spec.treebanks}
    table, parallel = concept_sentences(
        *(_treebank(banks[name].key, banks[name]) for name in pair),
        concepts=spec.concepts,
        concept=concept,
        names=(shown.names[pair[0]], shown.names[pair[1]]),
    )
    st.dataframe(table, hide_index=True, width="stretch", height=36 * (len(table) + 1) + 4)
    both = "translations of one another" if parallel else "not translations: the treebanks share no sentences"
    st.caption(f"The first {len(table)} sentences with {concept} in both languages, {both}.")


def concept_sentences(
    a: Treebank, b: Treebank, *, concepts: str, concept: str, names: tuple[str, str], most: int = SENTENCES
) -> tuple[pd.DataFrame, bool]:
    """Sentences with a concept, side by side where both treebanks hold the same ``sent_id``.

    Returns:
        Columns ``<a>: words``, ``<a>``, ``<b>: words``, ``<b>``, ``sent_id``; and whether the rows are
        translations of one another.
    """
    found = [_with_concept(bank, concepts, concept) for bank in (a, b)]
    shared = [sent_id for sent_id in found[0].index if sent_id in found[1].index]
    parallel = bool(shared)
    if parallel:
        left, right = (each.loc[shared[:most]].reset_index() for each in found)
    else:
        most = min(most, *(len(each) for each in found))
        left, right = (each.head(most).reset_index() for each in found)
    table = pd.DataFrame(
        {
            f"{names[0]}: words": left["words"],
            names[0]: left["text"],
            f"{names[1]}: words": right["words"],
            names[1]: right["text"],
            "sent_id": left["sent_id"] if parallel else left["sent_id"] + " / " + right["sent_id"],
        }
    )
    return table, parallel


def _with_concept(bank: Treebank, concepts: str, concept: str) -> pd.DataFrame:
    """Sentences of a treebank that hold the concept: ``sent_id`` -> ``text, words``."""
    words = bank.words
    labels = label(words, concepts)
    chosen = words[labels.codes == labels.names.index(concept)]
    joined = chosen.groupby("sentence", sort=True)["form"].agg(lambda forms: ", ".join(forms.astype(str)))
    sentences = bank.sentences.loc[joined.index, ["sent_id", "text"]]
    return sentences.assign(words=joined).set_index("sent_id")


@st.cache_resource(max_entries=64, show_spinner=False)
def _view(key: str, layer: int, pair: tuple[str, str], _spec: AlignSpec) -> PairView:
    return view_pair(_spec, store(), *pair, layer)


@st.cache_resource(max_entries=64, show_spinner=False)
def _treebank(key: str, _spec: TreebankSpec) -> Treebank:
    return open_treebank(_spec, store=store())
