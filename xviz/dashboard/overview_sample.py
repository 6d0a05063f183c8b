"""What the first screen shows: every language of the sample in the bundled network."""

from __future__ import annotations

from xviz.corpora.folder import choose, find_treebanks
from xviz.dashboard.choices import Choices, default_layer
from xviz.models.folder import describe
from xviz.models.spec import ModelRef
from xviz.projection.spec import MapSpec, Method

MODEL, DATA, CONCEPTS = "mini-encoder", "sample", "upos"
WORDS = 300
"""A language: few enough that the first screen is there within seconds."""

WITHIN = 120.0
"""Seconds that may be computed on the spot: there is nothing to choose here yet."""


def sample_choices() -> Choices:
    """What the first screen shows: the bundled network and every language of the sample."""
    treebanks, facts = find_treebanks(DATA), describe(MODEL)
    specs = tuple(choose(DATA, [t.name for t in treebanks]))
    return Choices(ModelRef(name=MODEL), facts, DATA, tuple(treebanks), specs, "auto", "auto")


def map_of(choices: Choices, layer: int, method: Method) -> MapSpec:
    """The map of one layer, turned onto that of the layer where the slider begins."""

    def of(which: int, start: MapSpec | None) -> MapSpec:
        return MapSpec(
            sources=choices.vectors(which),
            concepts=CONCEPTS,
            method=method,
            sample=WORDS,
            centring="language",
            start=start,
        )

    anchor = default_layer(choices.facts)
    return of(layer, None if layer == anchor else of(anchor, None))
