"""Which map: vectors of one layer in one or several languages, laid out in two or three dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from xviz.concepts.spec import ConceptSpaceSpec, RootPolicy
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
        start: the map of another layer (same words) that UMAP starts from and is turned onto, and whose axes
            decide the signs of principal components.
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

    def spaces(self) -> list[ConceptSpaceSpec]:
        """The concept spaces whose prototypes are placed on the map, one a source."""
        return [
            ConceptSpaceSpec(vectors=source, concepts=self.concepts, root=self.root)
            for source in self.sources
        ]

    def needs(self) -> Sequence[Spec]:
        return [*self.sources, *self.spaces(), *([self.start] if self.start is not None else [])]


class MapQualitySpec(Spec):
    """How far a map may be believed: trustworthiness, continuity, purity, and for UMAP another seed."""

    kind: ClassVar[str] = "map_quality"
    version: ClassVar[int] = 1

    map: MapSpec
    k: int = 15

    def identity(self) -> dict[str, Any]:
        return {"map": self.map.identity(), "k": self.k}

    def needs(self) -> Sequence[Spec]:
        return [self.map]
