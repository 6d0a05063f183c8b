"""What happens once a server: its pieces are made when it starts and ended when it stops."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import streamlit as st

from xviz.dashboard.address import plain
from xviz.errors import XvizError
from xviz.projection.worker import MapWorker
from xviz.store import Store, home


def in_session() -> bool:
    """Whether this is the run of a page for a reader, and not the start of the server."""
    from streamlit.runtime.scriptrunner import get_script_run_ctx

    return get_script_run_ctx(suppress_warning=True) is not None


@asynccontextmanager
async def lifespan(_app: Any) -> AsyncIterator[None]:
    """Start the process that lays out maps with the server, and end it with the server."""
    from streamlit.runtime.pages_manager import PagesManager

    # Streamlit takes a folder called pages for its old kind of pages until st.navigation has run once, and
    # tells the first reader of a copied link that there is no such page.
    PagesManager.uses_pages_directory = False
    worker = map_worker()
    try:
        yield
    finally:
        worker.close()


def tell_error(error: Exception) -> bool:
    """A sentence instead of a traceback, which goes to the terminal."""
    if isinstance(error, XvizError):
        st.error(plain(str(error)), icon=":material/error:")
    else:
        st.error(
            plain(
                f"This page broke off ({type(error).__name__}: {error}). That is a fault of xviz: "
                "the terminal in which it runs shows where. Reload the page, or change the last choice."
            ),
            icon=":material/bug_report:",
        )
    return True


def store() -> Store:
    """The store that all pages of this server read."""
    return Store(home() / "store")


def map_worker() -> MapWorker:
    """The one process that lays out maps for all sessions of this server."""
    return _map_worker(str(store().root))


@st.cache_resource(show_spinner=False)
def _map_worker(root: str) -> MapWorker:
    return MapWorker(store())
