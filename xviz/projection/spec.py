"""Which map: vectors of one layer in one or several languages, laid out in two or three dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from pydantic import model_validator

from xviz.concepts.spec import ConceptSpaceSpec, RootPolicy
from xviz.representations.spec import SentenceVectorsSpec, WordVectorsSpec
from xviz.store import Spec

Method = Literal["pca", "umap"]
Unit = Literal["words", "relations", "sentences"]
Centring = Literal["none", "language"]


class MapSpec(Spec):
    """A map of the words (or relations, or sentences) of one layer.

    Attributes:
        sources: word vectors, one a treebank, all of one model and layer. A map of sentences shows the mean
            vectors of the same sentences.
        concepts: the annotation whose prototypes are placed on the map beside the points (none for
            sentences).
        probe: the prototype probe (of one language) through which every vector is seen; None: as it is.
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
    probe: ConceptSpaceSpec | None = None
    method: Method = "pca"
    dims: Literal[2, 3] = 2
    sample: int = 1000
    centring: Centring = "none"
    neighbours: int = 15
    min_dist: float = 0.1
    seed: int = 0
    start: MapSpec | None = None

    @model_validator(mode="after")
    def _probe_of_this_unit(self) -> MapSpec:
        if self.probe is not None:
            if self.probe.space != "probe":
                raise ValueError("vectors are seen through a probe, and a raw space has none")
            if self.unit != ("relations" if self.probe.concepts == "deprel" else "words"):
                raise ValueError(f"a probe of {self.probe.concepts} does not read {self.unit}")
        return self

    def identity(self) -> dict[str, Any]:
        fields = self.model_dump(mode="json", exclude={"probe"})
        fields["sources"] = [source.identity() for source in self.sources]
        fields["start"] = self.start.identity() if self.start is not None else None
        if self.probe is not None:
            fields["probe"] = self.probe.identity()
        return fields

    def cloud(self) -> dict[str, Any]:
        """The part of the identity that decides the vectors, however they are laid out and named."""
        layout = ("concepts", "method", "dims", "min_dist", "start", "neighbours")
        return {name: value for name, value in self.identity().items() if name not in layout}

    def sentences(self) -> list[SentenceVectorsSpec]:
        """The sentence vectors of the sources."""
        return [source.sentences("mean") for source in self.sources]

    def spaces(self) -> list[ConceptSpaceSpec]:
        """The concept spaces whose prototypes are placed on the map, one a source; sentences have none."""
        if self.unit == "sentences":
            return []
        return [
            ConceptSpaceSpec(vectors=source, concepts=self.concepts, root=self.root)
            for source in self.sources
        ]

    def needs(self) -> Sequence[Spec]:
        units = self.sentences() if self.unit == "sentences" else self.sources
        others = [spec for spec in (self.probe, self.start) if spec is not None]
        return [*units, *self.spaces(), *others]


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


class LanguageMixingSpec(Spec):
    """Are the languages of a map apart in the full space? It does not depend on the layout.

    Attributes:
        map: whose vectors are looked at.
        k: neighbours of a point.
        folds: of sentences, for the classifier of languages (translations of a sentence share a fold).
    """

    kind: ClassVar[str] = "language_mixing"
    version: ClassVar[int] = 1

    map: MapSpec
    k: int = 15
    folds: int = 5

    def identity(self) -> dict[str, Any]:
        return {"cloud": self.map.cloud(), "k": self.k, "folds": self.folds}

    def needs(self) -> Sequence[Spec]:
        return [need for need in self.map.needs() if not isinstance(need, MapSpec)]
