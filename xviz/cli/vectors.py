"""From what was typed to specifications of word vectors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from xviz.cli.options import items
from xviz.corpora.folder import choose
from xviz.corpora.spec import Multiword, Split, TreebankSpec
from xviz.models.devices import choose_dtype
from xviz.models.folder import chosen_layers, describe
from xviz.models.spec import Dtype, ModelRef
from xviz.representations.spec import WordPooling, WordVectorsSpec


def treebank_specs(
    data: str | Path,
    names: Sequence[str],
    *,
    split: Split | None,
    partition: tuple[int, int, int] | None,
    multiword: Multiword,
) -> list[TreebankSpec]:
    """The treebanks that were named; ``all`` names every one that lies there."""
    listed = items(names)
    return choose(
        data, None if listed == ["all"] else listed, split=split, partition=partition, multiword=multiword
    )


def vector_specs(
    model: str,
    treebanks: Sequence[TreebankSpec],
    *,
    layers: str,
    pooling: Literal["auto", "first", "last", "mean"],
    dtype: Literal["auto", "fp32", "bf16"],
    device: str,
) -> list[list[WordVectorsSpec]]:
    """For each treebank the specifications of its layers.

    Raises:
        InputError: no such model, layer or device.
    """
    ref = ModelRef(name=model)
    facts = describe(ref)
    by_family: WordPooling = "first" if facts.family == "encoder" else "last"
    pooled: WordPooling = by_family if pooling == "auto" else pooling
    computed_in: Dtype = choose_dtype(dtype, device=device)
    return [
        [
            WordVectorsSpec(model=ref, treebank=treebank, layer=layer, pooling=pooled, dtype=computed_in)
            for layer in chosen_layers(layers, facts)
        ]
        for treebank in treebanks
    ]
