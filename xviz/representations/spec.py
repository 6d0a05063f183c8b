"""Which vectors: a network over a treebank, a layer, a pooling. Torch-free.

One forward pass yields every layer, but each layer is a result of its own (one key, one file), so that a
slider over layers and a request for a single layer share what has been computed.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from xviz.corpora.spec import TreebankSpec
from xviz.models.spec import Dtype, ModelRef
from xviz.store import Spec

WordPooling = Literal["first", "last", "mean"]
SentencePooling = Literal["mean", "last", "weighted"]


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


class WordVectorsSpec(WordTableSpec):
    """One vector a word at one layer: ``[words, dim]``.

    Layer 0 is the embedding output, layer k the output of block k. For most decoders the last one is taken
    after the final normalisation.
    """

    kind: ClassVar[str] = "word_vectors"
    version: ClassVar[int] = 1

    layer: int
    pooling: WordPooling
    dtype: Dtype = "fp32"

    def table(self) -> WordTableSpec:
        return WordTableSpec(model=self.model, treebank=self.treebank, max_words=self.max_words)


class SentenceVectorsSpec(WordTableSpec):
    """One vector a sentence at one layer: ``[sentences, dim]``; padding and BOS never enter."""

    kind: ClassVar[str] = "sentence_vectors"
    version: ClassVar[int] = 1

    layer: int
    pooling: SentencePooling
    dtype: Dtype = "fp32"

    def table(self) -> WordTableSpec:
        return WordTableSpec(model=self.model, treebank=self.treebank, max_words=self.max_words)
