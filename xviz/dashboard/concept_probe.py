"""The prototype probe beside the map: how well it names the concepts of its own language, and of others."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from xviz.concepts.space import read_accuracy
from xviz.concepts.spec import ConceptSpaceSpec
from xviz.corpora.catalogue import without_ud
from xviz.corpora.folder import TreebankFiles
from xviz.dashboard.address import plain
from xviz.dashboard.map_view import judged_words
from xviz.dashboard.server import store
from xviz.dashboard.word_points import names_of_treebanks
from xviz.projection.judged import accuracy_by_source
from xviz.projection.spec import MapSpec

METHODS = {"probe": "probe", "lookup": "word type", "majority": "majority", "control": "control task"}


def show_probe(probe: ConceptSpaceSpec, spec: MapSpec, treebanks: Sequence[TreebankFiles]) -> None:
    """Accuracy on its dev split beside the baselines, then of every language on the page."""
    trained = without_ud(probe.vectors.treebank.name)
    own = read_accuracy(probe, store())
    held = own[(own["convention"] == "unseen_wrong") & (own["subset"] == "all")].set_index("method")
    told = [
        f"{METHODS[str(name)]} {row['accuracy']:.1%} ({row['low']:.1%} to {row['high']:.1%})"
        for name, row in held.loc[[name for name in METHODS if name in held.index]].iterrows()
    ]
    n = int(held["n"].iloc[0])
    split = str(held["split"].iloc[0])
    st.markdown(
        plain(f"Probe of {trained}, layer {probe.vectors.layer}, on its {split} split (n = {n:,}): ")
        + plain(", ".join(told))
        + "."
    )
    st.caption(
        "Intervals of 95 % (Wilson, over words). The word type: the commonest concept of the form in "
        "training. The control task: the same probe on random concepts a word type; what it reaches is "
        "memory. The split on which the probe was chosen flatters it a little."
    )
    accuracy = accuracy_by_source(judged_words(spec, probe))
    names = names_of_treebanks(treebanks)
    same = [spec.sources[source].treebank == probe.vectors.treebank for source in accuracy["source"]]
    table = pd.DataFrame(
        {
            "language": [names[source] for source in accuracy["source"]],
            "n": accuracy["n"],
            "accuracy": 100 * accuracy["accuracy"],
            "low": 100 * accuracy["low"],
            "high": 100 * accuracy["high"],
            "majority": 100 * accuracy["majority"],
            "": ["trained on these" if own_words else "" for own_words in same],
        }
    ).sort_values("accuracy", ascending=False)
    percent = {
        name: st.column_config.NumberColumn(format="%.1f %%") for name in ("low", "high", "majority")
    } | {"accuracy": st.column_config.ProgressColumn(format="%.1f %%", min_value=0.0, max_value=100.0)}
    st.dataframe(
        table,
        hide_index=True,
        width="stretch",
        height=min(35 * (len(table) + 1) + 3, 480),
        column_config=percent,
    )
    st.caption(
        f"The same probe on every language, without any learning; a concept that {trained} lacks is counted "
        "as an error (paper A)."
    )
