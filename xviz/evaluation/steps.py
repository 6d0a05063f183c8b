"""How the store is filled with measurements of language modelling, and with cards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from xviz.evaluation.card.measure import compute_card
from xviz.evaluation.language_modelling import compute_language_modelling
from xviz.evaluation.spec import CardSpec
from xviz.journal import Journal
from xviz.store import Store

__all__ = ["compute_cards", "compute_language_modelling"]


def compute_cards(
    specs: Sequence[CardSpec], *, store: Store, journal: Journal, load: Callable[..., Any]
) -> None:
    """One card after the other; what they need (language modelling, probes) is in the store."""
    for spec in specs:
        compute_card(spec, store=store, journal=journal, load=load)
