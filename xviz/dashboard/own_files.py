"""Two files from the reader, read as data: an array and the table of its words."""

from __future__ import annotations

import streamlit as st

from xviz.concepts.own_vectors import EXAMPLE, OwnVectors, read_own_vectors
from xviz.dashboard.address import plain
from xviz.errors import InputError

KEPT = "own-kept"
MOST_MEGABYTES = 200
PYTHON = """\
import numpy as np

# [words, dim] or [layers, words, dim]
np.save("vectors.npy", vectors.astype("float16"))
# a row for each vector: form, language, upos, ...
table.to_csv("words.tsv", sep="\\t", index=False)
"""


def own_files() -> OwnVectors | None:
    """Two fields for files; None until both are there and right, and then the page says what is lacking."""
    left, right = st.columns(2)
    with left:
        array = st.file_uploader(
            "Vectors (.npy)",
            type="npy",
            key="own-array",
            max_upload_size=MOST_MEGABYTES,
            help="Floating-point numbers, [words, dim] or [layers, words, dim].",
        )
    with right:
        table = st.file_uploader(
            "Table of words (.tsv or .csv)",
            type=["tsv", "csv", "txt"],
            key="own-table",
            max_upload_size=MOST_MEGABYTES,
            help="UTF-8, with a header. Row i describes vector i.",
        )
    if array is None or table is None:
        _tell_format(waiting_for="table" if array is not None else "array" if table is not None else None)
        return None
    name = (array.file_id, table.file_id)
    kept = st.session_state.get(KEPT)
    if kept is None or kept[0] != name:
        try:
            with st.spinner("Reading"):
                found: OwnVectors | InputError = read_own_vectors(
                    array.getvalue(), table.getvalue(), table_name=table.name
                )
        except InputError as error:
            found = error
        st.session_state[KEPT] = kept = (name, found)
    if isinstance(kept[1], InputError):
        st.error(plain(str(kept[1])), icon=":material/error:")
        return None
    return kept[1]


def _tell_format(*, waiting_for: str | None) -> None:
    if waiting_for is not None:
        st.info(f"Now the {waiting_for}: the two belong together.", icon=":material/attach_file:")
    example, python = st.columns(2)
    with example:
        st.caption(
            "The table has a row for each vector: `form`, `language` (any code or English name) and one or "
            "more columns that name concepts (`upos`, `deprel`, or your own), with tabs or commas between."
        )
        st.code(EXAMPLE.expandtabs(12), language=None)
    with python:
        st.caption("From Python. The files are read here, kept for this session and nowhere else.")
        st.code(PYTHON, language="python")
