"""The dependency tree of a sentence on a page: arcs over its words, from the right where it is so read."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from xviz.figures.dependency_tree import TreeWord, dependency_tree

FOLDER = Path(__file__).parent / "figure"


def show_tree(
    words: Sequence[TreeWord], *, key: str, marked: int | None = None, right_to_left: bool = False
) -> None:
    """Draw the tree; a long sentence is scrolled sideways, to the word that is ``marked`` first."""
    drawn = dependency_tree(words, marked=marked, right_to_left=right_to_left)
    _component()(key=key, data=drawn)


@functools.cache
def _component() -> Callable[..., Any]:
    return st.components.v2.component(
        "xviz_tree",
        html='<div class="xviz-tree" tabindex="0"></div>',
        css=(FOLDER / "word_tree.css").read_text("utf-8"),
        js=(FOLDER / "word_tree.js").read_text("utf-8"),
        isolate_styles=False,
    )
