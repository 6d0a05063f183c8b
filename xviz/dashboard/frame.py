"""What stands around every page: name, navigation, style."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import streamlit as st

from xviz.dashboard.address import show_notices, tell_what_was_not_understood
from xviz.dashboard.figure import load_plotly
from xviz.dashboard.link import copy_link

HERE = Path(__file__).parent


@dataclass(frozen=True)
class PageEntry:
    """A page in the navigation: ``pages/<name>/page.py``."""

    title: str
    icon: str


def open_frame(pages: Mapping[str, PageEntry], folder: Path) -> None:
    """Set up the page, draw the navigation, run the page that was asked for.

    Args:
        pages: folder name -> entry; the first is the default.
        folder: in which the folders of the pages lie.
    """
    st.set_page_config(
        page_title="xviz", page_icon=HERE / "icon.svg", layout="wide", menu_items={"About": ABOUT}
    )
    st.html(HERE / "frame.css")
    st.logo(HERE / "wordmark.svg", size="large")
    entries = [
        st.Page(folder / name / "page.py", title=entry.title, icon=entry.icon, url_path=name)
        for name, entry in pages.items()
    ]

    def root() -> None:
        st.switch_page(entries[0])

    # Streamlit serves the default page at the root alone; behind the root every page has its own address.
    home = st.Page(root, title="xviz", url_path="root", default=True, visibility="hidden")
    chosen = st.navigation([home, *entries], position="top")
    load_plotly()
    chosen.run()


def head(title: str, question: str) -> None:
    """A page's head: its name, the question that it answers, the link that restores it."""
    with st.container(key="xviz-head", horizontal=True, vertical_alignment="bottom"):
        with st.container(gap="xsmall"):
            st.title(title, anchor=False)
            st.caption(question)
        link_place = st.empty()
    st.session_state["xviz-link-place"] = link_place
    tell_what_was_not_understood()


def finish_head() -> None:
    """Put the link into the head, once every choice of the page is known."""
    place = st.session_state.pop("xviz-link-place", None)
    if place is not None:
        with place:
            copy_link()


def end_page() -> NoReturn:
    """End a page here: its link and what of the address was not understood stand in the head."""
    finish_head()
    show_notices()
    st.stop()


ABOUT = "**xviz** shows where the languages inside a multilingual language model agree, and where not."
