"""The aligned reading: hidden states at the places where labels are due, read by a learned map.

The states of several languages are collected with their true labels fed back; Φ is trained on them against
the source's prototypes as for words (:mod:`xviz.learning.meta.training`; paper A: five languages, preset
``in_context``). Then a language that took no part is read through Φ, and what is read is fed back.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from xviz.journal import SILENT, Journal
from xviz.learning.in_context.labelling import Labeller, Reading
from xviz.learning.in_context.prompts import Demonstration
from xviz.learning.meta.languages import Side
from xviz.learning.meta.training import Trained


def collect_states(
    labeller: Labeller,
    demonstrations: Sequence[Demonstration],
    sentences: Sequence[Sequence[str]],
    codes: Sequence[Sequence[int]],
    *,
    layer: int,
    batch: int = 16,
    journal: Journal = SILENT,
) -> Side:
    """States of ``layer`` where the label of each word is due, with the true labels before it.

    Args:
        codes: the concept of each word, an index of the labeller's labels.
    """
    found = labeller.label(demonstrations, sentences, true=codes, layer=layer, batch=batch, journal=journal)
    lengths = [len(words) for words in sentences]
    return Side(
        vectors=np.concatenate([each.states for each in found if each.states is not None]).astype(np.float32),
        codes=np.concatenate([np.asarray(each, np.int64) for each in codes]),
        sentence=np.repeat(np.arange(len(sentences)), lengths),
        forms=np.array([word for words in sentences for word in words], object),
        sent_ids=tuple(str(i) for i in range(len(sentences))),
    )


def joined(sides: Sequence[Side]) -> Side:
    """Sides collected after different demonstrations, as one."""
    before = np.concatenate([[0], np.cumsum([len(side) for side in sides])])
    return Side(
        vectors=np.concatenate([side.vectors for side in sides]),
        codes=np.concatenate([side.codes for side in sides]),
        sentence=np.concatenate([side.sentence + n for side, n in zip(sides, before[:-1], strict=True)]),
        forms=np.concatenate([side.forms for side in sides]),
        sent_ids=tuple(str(i) for i in range(int(before[-1]))),
    )


def aligned_reading(trained: Trained, *, seed: int = 0) -> Reading:
    """Scores of the concepts by one of the trained maps; ``seed`` counts in the seeds it was trained with."""

    def read(states: Float[Tensor, "rows dim"]) -> Float[Tensor, "rows labels"]:
        with torch.no_grad():
            return trained.logits(states.cpu().numpy())[seed]

    return read
