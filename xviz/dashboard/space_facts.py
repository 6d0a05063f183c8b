"""What stands beside a concept space: how often each concept occurs, and what is known of the vectors."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from xviz.concepts.space import read_space
from xviz.concepts.spec import ConceptSpaceSpec
from xviz.corpora.folder import TreebankFiles
from xviz.projection.maps import LEAST_COUNT
from xviz.representations.stored import read_skipped
from xviz.store import Store


def show_counts(spaces: Sequence[ConceptSpaceSpec], treebanks: Sequence[TreebankFiles], store: Store) -> None:
    """Words of each concept in each language; counts that are too small for a prototype are named."""
    table = counts_table(spaces, treebanks, store)
    localised = {name: st.column_config.NumberColumn(format="localized") for name in table.columns}
    st.dataframe(table, width="stretch", height=min(33 * (len(table) + 1) + 3, 640), column_config=localised)
    few = int((table.drop(columns="All") < LEAST_COUNT).sum().sum())
    st.caption(
        f"Occurrences of each concept. {few:,} of {table.drop(columns='All').size:,} cells hold fewer than "
        f"{LEAST_COUNT}: these prototypes don't enter the one over all languages."
    )


def counts_table(
    spaces: Sequence[ConceptSpaceSpec], treebanks: Sequence[TreebankFiles], store: Store
) -> pd.DataFrame:
    """One row a concept, one column a treebank, and their sum."""
    columns = {}
    for spec, treebank in zip(spaces, treebanks, strict=True):
        space = read_space(spec, store)
        columns[_column(treebank, treebanks)] = pd.Series(space.counts, index=list(space.names))
    table = pd.DataFrame(columns).fillna(0).astype(int)
    table.insert(0, "All", table.sum(axis=1))
    return table.sort_values("All", ascending=False).rename_axis("concept")


def concepts_of(spaces: Sequence[ConceptSpaceSpec], store: Store) -> list[str]:
    """The concepts of all languages, the commonest first."""
    counts: dict[str, int] = {}
    for spec in spaces:
        space = read_space(spec, store)
        for name, count in zip(space.names, space.counts.tolist(), strict=True):
            counts[name] = counts.get(name, 0) + count
    return sorted(counts, key=lambda name: (-counts[name], name))


def show_treebanks(
    spaces: Sequence[ConceptSpaceSpec], treebanks: Sequence[TreebankFiles], store: Store
) -> None:
    """Fertility and the shape of the vectors of each treebank, and the sentences that were left out."""
    table, skipped = facts_tables(spaces, treebanks, store)
    st.dataframe(
        table,
        hide_index=True,
        width="stretch",
        column_config={
            "words": st.column_config.NumberColumn("Words", format="localized"),
            "sentences": st.column_config.NumberColumn("Sentences", format="localized"),
            "left_out": st.column_config.NumberColumn(
                "Left out", help="Sentences without vectors; named below."
            ),
            "fertility": st.column_config.NumberColumn(
                "Subwords a word",
                format="%.2f",
                help="Fertility explains much of what looks like misalignment.",
            ),
            "unknown": st.column_config.NumberColumn(
                "Unknown",
                format="percent",
                help="Share of words with a piece that the tokenizer does not know.",
            ),
            "top3": st.column_config.NumberColumn(
                "Norm in 3 dimensions",
                format="percent",
                help="Share of the squared norm in the three largest dimensions; near 100 % a few dimensions "
                "decide every distance.",
            ),
            "rank": st.column_config.NumberColumn(
                "Effective rank",
                format="%.1f",
                help="Exponential of the entropy of the spectrum (Roy and Vetterli 2007): how many "
                "directions the vectors use.",
            ),
        },
    )
    if len(skipped):
        with st.expander(f"{len(skipped):,} sentences or words without a vector, with reasons"):
            st.dataframe(skipped, hide_index=True, width="stretch")
    else:
        st.caption("No sentence was left out.")


def facts_tables(
    spaces: Sequence[ConceptSpaceSpec], treebanks: Sequence[TreebankFiles], store: Store
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One row a treebank, and one row for everything that has no vector."""
    rows, skipped = [], []
    for spec, treebank in zip(spaces, treebanks, strict=True):
        space = read_space(spec, store)
        entry = store.find(spec.vectors.table())
        left_out = read_skipped(entry.folder) if entry is not None else ()
        note = entry.note if entry is not None else {}
        rows.append(
            {
                "language": treebank.language_name,
                "treebank": treebank.name,
                "split": spec.vectors.treebank.split,
                "sentences": note.get("sentences"),
                "words": note.get("words"),
                "left_out": sum(skip.index is None for skip in left_out),
                "fertility": note.get("fertility"),
                "unknown": note.get("unknown"),
                "top3": space.facts.get("top_share"),
                "rank": space.facts.get("effective_rank"),
                "licence": treebank.licence,
            }
        )
        skipped += [
            {
                "treebank": treebank.name,
                "sentence": skip.sent_id,
                "word": skip.form or "",
                "reason": skip.reason,
            }
            for skip in left_out
        ]
    return pd.DataFrame(rows), pd.DataFrame(skipped)


def _column(treebank: TreebankFiles, among: Sequence[TreebankFiles]) -> str:
    twins = sum(other.language == treebank.language for other in among) > 1
    return treebank.name.removeprefix("UD_") if twins else treebank.language_name
