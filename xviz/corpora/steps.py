"""How the store is filled with parsed treebanks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from xviz.corpora.spec import TreebankSpec
from xviz.corpora.tables import open_treebank
from xviz.journal import Journal
from xviz.store import Store


def compute_treebanks(
    specs: Sequence[TreebankSpec], *, store: Store, journal: Journal, load: Callable[..., Any]
) -> None:
    """Parse each treebank once."""
    for spec in specs:
        open_treebank(spec, store=store, journal=journal)
