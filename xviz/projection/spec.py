"""Which map: vectors of one layer in one or several languages, laid out in two or three dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from xviz.concepts.spec import RootPolicy
from xviz.representations.spec import WordVectorsSpec
from xviz.store import Spec

Method = Literal["pca", "umap"]
Unit = Literal["words", "relations"]
Centring = Literal["none", "language"]


class MapSpec(Spec):
    """A map of the words (or relations) of one layer.

    Attributes:
        sources: word vectors, one a treebank, all of one model and layer.
        concepts: the annotation whose prototypes are placed on the map beside the points.
        sample: points drawn a treebank (seeded; all where there are fewer).
        centring: ``language`` takes each treebank's mean away before the layout.
        neighbours, min_dist: UMAP's own; the neighbours are exact.
        start: for UMAP of a neighbouring layer, the map it is started from and rotated onto.
    """

    kind: ClassVar[str] = "map"
    version: ClassVar[int] = 1

    sources: tuple[WordVectorsSpec, ...]
    unit: Unit = "words"
    concepts: str = "upos"
    root: RootPolicy = "drop"
    method: Method = "pca"
    dims: Literal[2, 3] = 2
    sample: int = 1000
    centring: Centring = "none"
    neighbours: int = 15
    min_dist: float = 0.1
    seed: int = 0
    start: MapSpec | None = None

    def identity(self) -> dict[str, Any]:
        fields = self.model_dump(mode="json")
        fields["sources"] = [source.identity() for source in self.sources]
        fields["start"] = self.start.identity() if self.start is not None else None
        return fields

    def needs(self) -> Sequence[Spec]:
        return [*self.sources, *([self.start] if self.start is not None else [])]
