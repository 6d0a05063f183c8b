"""Controls whose value lives in the address of the page."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from xviz.dashboard import address


def segmented(label: str, key: str, options: Iterable[str], *, help: str | None = None) -> str:
    """A row of buttons, one of them chosen; the first by default. Returns the name of the chosen one."""
    address.check(key, options, noun=label.lower())
    first = next(iter(options))
    value = st.segmented_control(
        label, list(options), default=first, required=True, key=key, bind="query-params", help=help
    )
    address.remember(key, value)
    return str(value or first)
