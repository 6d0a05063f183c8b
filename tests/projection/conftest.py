"""Vectors of a tiny random network over three treebanks of the bundled sample, made once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from xviz.corpora.folder import choose
from xviz.models.spec import ModelRef
from xviz.projection.spec import MapSpec
from xviz.representations.spec import WordVectorsSpec
from xviz.runs.steps import compute
from xviz.store import Store

LANGUAGES = ("English-Sample", "German-Sample", "Arabic-Sample")
LAYERS = (0, 1, 2)


@dataclass(frozen=True)
class Ground:
    """A store with vectors, and how to name them."""

    store: Store
    model: Path

    def sources(self, layer: int, names: tuple[str, ...] = LANGUAGES) -> tuple[WordVectorsSpec, ...]:
        return tuple(
            WordVectorsSpec(model=ModelRef(name=str(self.model)), treebank=t, layer=layer, pooling="first")
            for t in choose("sample", names, split="train")
        )

    def chart(self, layer: int = 1, names: tuple[str, ...] = LANGUAGES, **options) -> MapSpec:
        return MapSpec(sources=self.sources(layer, names), sample=200, **options)

    def compute(self, *specs) -> None:
        compute(specs, store=self.store)


@pytest.fixture(scope="session")
def ground(tiny_models: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Ground:
    place = Ground(Store(tmp_path_factory.mktemp("ground") / "store"), tiny_models("bert"))
    place.compute(*(source for layer in LAYERS for source in place.sources(layer)))
    return place
