"""Choices live in the address of the page: what a link says and this machine can't follow is told.

Widgets are bound to query parameters by Streamlit, which drops values that it does not understand without a
word. So each choice is compared with its options *before* its widget is made; the sentences stay on the page
until the reader dismisses them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

import streamlit as st

NOTICES = "xviz-notices"
SAID = "xviz-said"
ADDRESS = "xviz-address"


def check(name: str, options: Iterable[Any], *, noun: str) -> None:
    """Note what the address says for ``name`` that is none of ``options``."""
    given = [value for value in st.query_params.get_all(name) if value != ""]
    allowed = [str(option) for option in options]
    wrong = [value for value in given if value not in allowed]
    if wrong:
        note(name, f"The link asks for {noun} {', '.join(wrong)}, which is not here{_range(allowed)}.")


def note(name: str, sentence: str) -> None:
    """Keep a sentence about the address until it is dismissed; each is said once a session."""
    said = st.session_state.setdefault(SAID, set())
    if (name, sentence) not in said:
        said.add((name, sentence))
        st.session_state.setdefault(NOTICES, {})[name] = sentence


def tell_what_was_not_understood() -> None:
    """Reserve the place where :func:`show_notices` speaks."""
    st.session_state["xviz-notice-place"] = st.empty()


def show_notices() -> None:
    """Say, above the page, what of the address was not understood."""
    place, notices = st.session_state.pop("xviz-notice-place", None), st.session_state.get(NOTICES)
    if place is None or not notices:
        return
    with place, st.container(border=True, key="xviz-notices"):
        st.markdown("\n".join(f"- {plain(sentence)}" for sentence in notices.values()))
        st.button("Understood", key="xviz-dismiss", on_click=notices.clear, type="tertiary")


def remember(name: str, value: Any) -> None:
    """Let the link of this page say ``value`` (a list is repeated), also where it is the default."""
    st.session_state.setdefault(ADDRESS, {})[name] = value


def forget_all() -> None:
    """Begin the link of a page anew."""
    st.session_state[ADDRESS] = {}


def query() -> str:
    """The complete query of this page: opened on another server it shows the same."""
    values: Mapping[str, Any] = st.session_state.get(ADDRESS, {})
    return urlencode({name: value for name, value in values.items() if value is not None}, doseq=True)


def _range(allowed: list[str]) -> str:
    if not allowed:
        return ""
    if all(a.lstrip("-").isdigit() for a in allowed):
        return f" (there are {allowed[0]} to {allowed[-1]})"
    shown = ", ".join(allowed[:6])
    return f" (there {'is' if len(allowed) == 1 else 'are'} {shown}{' ...' if len(allowed) > 6 else ''})"


def plain(sentence: str) -> str:
    """Nothing in an address is markdown."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>()#+!|~$:" else c for c in sentence)
