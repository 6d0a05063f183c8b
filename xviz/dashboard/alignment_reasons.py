"""What explains alignability, and whether translations find each other: two sections beneath the matrix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from xviz.alignability.explain import leave_one_family_out, mrqap
from xviz.alignability.predictors import language_facts, pair_predictors
from xviz.alignability.sentences import read_mexa, read_mixing
from xviz.alignability.spec import AlignSpec, RetrieveSpec
from xviz.alignability.summary import matrix_of
from xviz.corpora.tables import open_treebank
from xviz.dashboard.address import plain
from xviz.dashboard.alignment_view import Comparison
from xviz.dashboard.choices import Choices
from xviz.dashboard.figure import show_figure
from xviz.dashboard.results import Work, obtain
from xviz.dashboard.server import store
from xviz.errors import InputError
from xviz.figures.layer_curve import layer_curve
from xviz.figures.palette import language_style

PERMUTATIONS = 1000
MEANINGS = {
    "same_family": "same family",
    "same_script": "same script",
    "size": "size of the smaller treebank (log words)",
    "order": "difference in head direction, relation by relation",
    "order_entropy": "difference in freedom of word order",
    "fertility": "difference in subwords a word (log)",
}
SENTENCES = 1000
FEWEST_SENTENCES = 50


def show_reasons(shown: Comparison, spec: AlignSpec, layer: int) -> None:
    """Partial MRQAP of the scores on facts about the languages, and a prediction without each family."""
    banks = [open_treebank(bank, store=store()) for bank in spec.treebanks]
    fertility = {
        name: float(found["fertility"])
        for name, found in shown.facts["treebanks"].items()
        if "fertility" in found
    }
    known = fertility if len(fertility) == len(banks) else None
    languages, orders = language_facts(banks, known)
    pairs = shown.at(layer)
    matrix = matrix_of(pairs, [bank.name for bank in banks], "score")
    try:
        predictors = _few_enough(pair_predictors(languages, orders), len(banks))
        effects = mrqap(matrix, predictors, permutations=PERMUTATIONS, seed=spec.seed)
    except InputError as error:
        st.info(plain(str(error)), icon=":material/info:")
        return
    n, r2 = int(effects["n_pairs"].iloc[0]), float(effects["r2"].iloc[0])
    table = effects.assign(predictor=[MEANINGS[name] for name in effects["predictor"]])
    st.dataframe(
        table[["predictor", "beta", "p"]],
        hide_index=True,
        width="content",
        column_config={
            "beta": st.column_config.NumberColumn("effect (β)", format="%+.2f"),
            "p": st.column_config.NumberColumn("p", format="%.3f"),
        },
    )
    st.caption(
        f"{shown.looks.measure} at layer {layer} of {n:,} pairs of {len(banks)} treebanks, regressed on all "
        f"of these together (R² = {r2:.2f}). β in standard deviations; p by renaming languages "
        f"{PERMUTATIONS:,} times with the other predictors held (MRQAP, Dekker et al. 2007), since pairs "
        "share languages. It describes these languages; it is no cause."
    )
    try:
        found = leave_one_family_out(matrix, predictors, languages["family"].tolist())
    except InputError as error:
        st.caption(plain(str(error)))
        return
    st.caption(
        f"Predicting the pairs of a family from all pairs without it: R² = {found.r2:.2f}, rank correlation "
        f"{found.spearman:.2f}, over {len(found.pairs):,} pairs and {len(found.families)} families "
        f"({', '.join(found.families)}). An R² below 0 means that nothing was learnt that carries over."
    )


def retrieve_specification(choices: Choices, spec: AlignSpec) -> RetrieveSpec | None:
    """Sentence retrieval over the chosen treebanks, where they translate one another."""
    banks = [open_treebank(bank, store=store()) for bank in choices.specs]
    common = set.intersection(*(set(bank.sentences["sent_id"]) for bank in banks))
    languages = [bank.language for bank in choices.specs]
    if len(common) < FEWEST_SENTENCES or len(set(languages)) < len(languages):
        return None
    return RetrieveSpec(
        model=spec.model,
        treebanks=choices.specs,
        languages=tuple(languages),
        pivot="eng" if "eng" in languages else languages[0],
        layers=spec.layers,
        poolings=("weighted", "last"),
        n=min(SENTENCES, len(common)),
        dtype=spec.dtype,
    )


def show_translations(shown: Comparison, choices: Choices, spec: AlignSpec, layer: int) -> None:
    """MEXA from the pivot by layer, before and after centring, beside the floor of random weights."""
    wanted = retrieve_specification(choices, spec)
    if wanted is None:
        st.info(
            "These treebanks don't hold the same sentences, one language each, so translations can't be "
            "looked for. Choose the sample, or PUD treebanks.",
            icon=":material/translate:",
        )
        return
    command = (
        f"xviz retrieve \\\n  --model {wanted.model.name} \\\n  --data {choices.data} \\\n"
        f"  --languages {','.join(wanted.languages)} --pivot {wanted.pivot} --out mexa.parquet"
    )
    title = f"Retrieval of {len(wanted.languages)} languages with {wanted.model.name}"
    if obtain(Work("Look for translations", (wanted,), title, command), key="retrieve") is None:
        return
    table = read_mexa(wanted, store())
    table = table[table["pooling"] == "weighted"]
    centred = st.toggle("Take each language's mean away", value=True, key="al-centred")
    rows = table[table["centred"] == centred]
    branches = {bank.language: shown.branches[bank.name] for bank in choices.treebanks}
    names = {bank.language: shown.names[bank.name] for bank in choices.treebanks}
    curves = {names[str(language)]: group for language, group in rows.groupby("language")}
    colours = {names[language]: language_style(language, branches[language])[0] for language in branches}
    floor = rows.groupby("layer")["random_weights"].agg(["mean", "max"]).reset_index()
    floor.columns = ["layer", "null_mean", "null_p95"]
    figure = layer_curve(
        curves, floor.assign(null_kind="random_weights"), title="MEXA", chosen=layer, colours=colours
    )
    pivot = names[wanted.pivot]
    show_figure(
        figure,
        key="al-mexa",
        height=460,
        alt=f"MEXA of {len(curves)} languages from {pivot} by layer.",
        filename="mexa-by-layer",
        table=rows.drop(columns=["model"]).round(4),
    )
    at = rows[rows["layer"] == layer]
    st.caption(
        f"Share of {int(rows['n'].iloc[0]):,} sentences whose translation is nearer than any other sentence, "
        f"both ways, from {pivot} (MEXA, Kargaran et al. 2024; position-weighted mean of the tokens). At "
        f"layer {layer}: mean {at['score'].mean():.3f} over {len(at)} languages, chance "
        f"{rows['chance'].iloc[0]:.4f}, random weights {at['random_weights'].mean():.3f} (shared strings "
        f"alone; mean of {wanted.random_weights} seeds). It falls with the number of sentences: compare "
        "only at the same n."
    )
    _tell_mixing(read_mixing(wanted, store()), centred, layer)


def _tell_mixing(mixing: pd.DataFrame, centred: bool, layer: int) -> None:
    """How far languages are mixed at this layer, and what lies between them."""
    rows = mixing[(mixing["pooling"] == "weighted") & (mixing["layer"] == layer)]
    at = rows[rows["centred"] == centred]
    near, told = at[at["measure"] == "neighbours"], at[at["measure"] == "classifier"]
    whole = rows.set_index("measure")["value"]
    st.caption(
        f"Of a sentence's nearest neighbours that are no translations of it, {near['value'].mean():.0%} are "
        f"of other languages (mixed at random: {near['chance'].mean():.0%}). A linear classifier names the "
        f"language of {told['value'].iloc[0]:.0%} of unseen sentences (chance {told['chance'].iloc[0]:.0%}). "
        f"Uncentred, the means of languages lie {whole['mean distance']:.2f} deviations apart, and "
        f"{whole['variance in span of means']:.0%} of all variance lies in their span."
    )


def _few_enough(predictors: dict[str, np.ndarray], languages: int) -> dict[str, np.ndarray]:
    """Few languages bear few predictors: the first ones of :data:`MEANINGS` are kept."""
    most = max(1, languages * (languages - 1) // 2 // 10)
    kept: Sequence[str] = [name for name in MEANINGS if name in predictors][:most]
    return {name: predictors[name] for name in kept}
