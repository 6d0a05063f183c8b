"""A button that copies the complete link of the page."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import streamlit as st

from xviz.dashboard.address import query

HTML = '<button class="xviz-link" type="button"><span class="xviz-link-text">Copy link</span></button>'

CSS = """
.xviz-link {
  font: inherit; font-size: 0.85rem; color: var(--st-text-color); background: transparent;
  border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius); padding: 0.28rem 0.7rem;
  cursor: pointer; white-space: nowrap;
}
.xviz-link:hover, .xviz-link:focus-visible {
  border-color: var(--st-primary-color); color: var(--st-primary-color);
}
"""

JS = """
export default function ({ parentElement, data }) {
  const button = parentElement.querySelector(".xviz-link");
  const text = button.querySelector(".xviz-link-text");
  button.dataset.link = `${location.origin}${location.pathname}?${data.query}`;
  button.title = "The link restores these choices, here or on another machine with the same data";
  button.onclick = async () => {
    try {
      await navigator.clipboard.writeText(button.dataset.link);
      text.textContent = "Copied";
    } catch {
      window.prompt("The link of this view", button.dataset.link);
    }
    setTimeout(() => { text.textContent = "Copy link"; }, 1500);
  };
}
"""


def copy_link() -> None:
    """Draw the button; the link is made of what :func:`xviz.dashboard.address.remember` was told."""
    _component()(key="xviz-copy-link", data={"query": query()}, width="content")


@functools.cache
def _component() -> Callable[..., Any]:
    return st.components.v2.component("xviz_copy_link", html=HTML, css=CSS, js=JS, isolate_styles=False)
