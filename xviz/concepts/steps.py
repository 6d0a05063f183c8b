"""How the store is filled with concept spaces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from xviz.concepts.space import compute_space
from xviz.concepts.spec import ConceptSpaceSpec
from xviz.journal import Journal
from xviz.store import Store


def compute_spaces(
    specs: Sequence[ConceptSpaceSpec], *, store: Store, journal: Journal, load: Callable[..., Any]
) -> None:
    """One space after the other; their vectors are in the store."""
    for spec in specs:
        compute_space(spec, store=store, journal=journal)
