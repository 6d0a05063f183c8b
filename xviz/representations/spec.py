"""Which vectors: a network over a treebank, a layer, a pooling. Torch-free.

One forward pass yields every layer, but each layer is a result of its own (one key, one file), so that a
slider over layers and a request for a single layer share what has been computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from xviz.corpora.spec import TreebankSpec
from xviz.models.spec import Dtype, ModelRef
from xviz.store import Spec

WordPooling = Literal["first", "last", "mean"]
SentencePooling = Literal["mean", "last", "weighted", "cls"]


class WordTableSpec(Spec):
    """The words that have a vector, and the sentences that were left out, with reasons."""

    kind: ClassVar[str] = "words"
    version: ClassVar[int] = 1

    model: ModelRef
    treebank: TreebankSpec
    max_words: int = 128

    def identity(self) -> dict[str, Any]:
        fields = self.model_dump(mode="json")
        return fields | {"model": self.model.identity(), "treebank": self.treebank.identity()}


class LayerSpec(WordTableSpec):
    """Vectors of one layer; the word table stands beside them."""

    layer: int
    dtype: Dtype = "fp32"

    def table(self) -> WordTableSpec:
        return WordTableSpec(model=self.model, treebank=self.treebank, max_words=self.max_words)

    def needs(self) -> Sequence[Spec]:
        return [self.table()]


class WordVectorsSpec(LayerSpec):
    """One vector a word at one layer: ``[words, dim]``.

    Layer 0 is the embedding output, layer k the output of block k. For most decoders the last one is taken
    after the final normalisation.
    """

    kind: ClassVar[str] = "word_vectors"
    version: ClassVar[int] = 1

    pooling: WordPooling

    def sentences(self, pooling: SentencePooling) -> SentenceVectorsSpec:
        """The sentence vectors of the same network, treebank and layer."""
        shared = {name: getattr(self, name) for name in LayerSpec.model_fields}
        return SentenceVectorsSpec(**shared, pooling=pooling)


class SentenceVectorsSpec(LayerSpec):
    """One vector a sentence at one layer: ``[sentences, dim]``; padding and BOS never enter."""

    kind: ClassVar[str] = "sentence_vectors"
    version: ClassVar[int] = 1

    pooling: SentencePooling


VectorsSpec = WordVectorsSpec | SentenceVectorsSpec
