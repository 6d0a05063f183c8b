"""Beside the map: are languages apart in the full space? Neighbours of other languages, a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from xviz.corpora.folder import TreebankFiles
from xviz.dashboard.map_view import follow
from xviz.dashboard.server import store
from xviz.projection.mixing import read_mixing
from xviz.projection.spec import LanguageMixingSpec, MapSpec

CENTRED = (
    " In a centred space the means of languages are equal by construction, which leaves a linear classifier "
    "at chance: read the neighbours."
)


def show_mixing(spec: MapSpec, treebanks: Sequence[TreebankFiles]) -> None:
    """The measures, when the worker has made them; one sentence on what they say."""
    if len({treebank.language for treebank in treebanks}) < 2:
        st.caption("Choose a second language to see whether languages are mixed.")
        return
    wanted = LanguageMixingSpec(map=spec)
    found = read_mixing(store(), wanted)
    if found is None:
        follow(wanted, "How far the languages lie apart")
        return
    with st.container(key="cs-mixing"):
        _show(found, spec, {treebank.language: treebank.language_name for treebank in treebanks})


def _show(found: dict[str, Any], spec: MapSpec, names: dict[str, str]) -> None:
    over_all = found["neighbours"][-1]
    classifier = found["classifier"]
    mixed, told_apart = st.columns(2)
    with mixed, st.container(gap="xxsmall"):
        st.metric(
            "Neighbours of other languages",
            f"{over_all['share']:.1%}",
            help=f"Of the {found['k']} nearest {spec.unit} (euclidean, full space, exact) of a point.",
        )
        st.caption(
            f"{_interval(over_all)}; {over_all['chance']:.1%} were languages mixed at random; "
            f"n = {over_all['n']:,} {spec.unit}"
        )
    with told_apart, st.container(gap="xxsmall"):
        st.metric(
            "Language classifier",
            f"{classifier['accuracy']:.1%}",
            help="Accuracy of a linear (ridge) classifier of languages on sentences it was not trained on; "
            "translations of a sentence are always on one side.",
        )
        st.caption(
            f"{_interval(classifier)}; {classifier['chance']:.1%} by naming the largest language; "
            f"n = {classifier['n']:,} {spec.unit} of {classifier['sentences']:,} sentences, "
            f"{classifier['folds']} folds"
        )
    table = pd.DataFrame(
        {
            "language": [names[row["language"]] for row in found["neighbours"][:-1]],
            "n": [row["n"] for row in found["neighbours"][:-1]],
            "others nearby": [100 * row["share"] for row in found["neighbours"][:-1]],
            "at random": [100 * row["chance"] for row in found["neighbours"][:-1]],
            "of random": [100 * row["share"] / row["chance"] for row in found["neighbours"][:-1]],
            "recognised": [100 * classifier["recall"][row["language"]] for row in found["neighbours"][:-1]],
        }
    ).sort_values("of random", ascending=False)
    percent = {
        name: st.column_config.NumberColumn(format="%.1f %%") for name in ("others nearby", "at random")
    }
    st.dataframe(
        table,
        hide_index=True,
        width="stretch",
        height=min(35 * (len(table) + 1) + 3, 480),
        column_config=percent
        | {
            "of random": st.column_config.ProgressColumn(
                format="%.0f %%",
                min_value=0.0,
                max_value=100.0,
                help="Share of neighbours of other languages, divided by what random mixing would give.",
            ),
            "recognised": st.column_config.NumberColumn(
                format="%.1f %%", help="Of its points, the share that the classifier gives to it."
            ),
        },
    )
    st.caption(
        f"{found['points']:,} {spec.unit} of the map, layer {spec.sources[0].layer}. Intervals of 95 % come "
        "from a bootstrap over sentences with neighbours and classifier as they are. The nearest of a word "
        "is often the same word in another sentence: a low share is also a matter of vocabulary."
        + (CENTRED if spec.centring == "language" else "")
    )


def _interval(row: dict[str, float]) -> str:
    return f"{row['low']:.1%} to {row['high']:.1%}"
