"""One pass of a network over a treebank: every wanted layer pooled on the device, batch after batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from xviz.errors import Cancelled
from xviz.journal import SILENT, Journal
from xviz.models.loading import LanguageModel
from xviz.representations.batches import Batch, over_batches
from xviz.representations.capture import LayerCapture
from xviz.representations.pooling import Pooling
from xviz.representations.spec import SentencePooling, WordPooling
from xviz.representations.tokens import TokenisedTreebank


@dataclass(frozen=True)
class Wanted:
    """A layer, pooled to words or to sentences."""

    layer: int
    unit: Literal["words", "sentences"]
    pooling: WordPooling | SentencePooling

    def of(self, batch: Batch) -> Pooling:
        if self.unit == "words":
            return batch.word_pooling(self.pooling)  # type: ignore[arg-type]
        return batch.sentence_pooling(self.pooling)  # type: ignore[arg-type]


Kept = tuple[Tensor, ...]
Reduce = Callable[[Batch, Wanted, Float[Tensor, "vectors dim"]], Kept | None]
"""What is kept of a layer's pooled vectors once its batch is done; called on the device, inside the pass."""


def pooled(
    model: LanguageModel,
    tokens: TokenisedTreebank,
    wanted: Sequence[Wanted],
    reduce: Reduce,
    *,
    batches: Sequence[np.ndarray],
    capture: LayerCapture,
    journal: Journal = SILENT,
) -> Iterator[tuple[Batch, dict[Wanted, Kept]]]:
    """For every batch what ``reduce`` keeps of each wanted layer, on the host.

    On CUDA a batch is handed out while the device works on the next one.

    Raises:
        Cancelled: the journal was asked to stop.
        XvizError: a single sentence does not fit into memory.
    """
    by_layer: dict[int, list[Wanted]] = {}
    for want in wanted:
        by_layer.setdefault(want.layer, []).append(want)

    def work(sentences: np.ndarray) -> _Pending:
        if journal.stop_requested():
            raise Cancelled("Stopped on request; the unfinished vectors were not kept.")
        batch = Batch.of(tokens, sentences, model)
        poolings = {(w.unit, w.pooling): w.of(batch) for w in wanted}
        kept: dict[Wanted, Kept] = {}

        def receive(layer: int, hidden: Float[Tensor, "batch length dim"]) -> None:
            flat = hidden.reshape(-1, hidden.shape[-1])
            for want in by_layer[layer]:
                part = reduce(batch, want, poolings[want.unit, want.pooling].pool(flat))
                if part is not None:
                    kept[want] = tuple(tensor.to("cpu", non_blocking=True) for tensor in part)

        with model.arithmetic():
            capture.run(batch.ids, batch.mask, receive)
        return _Pending(batch, kept, _event(model.device))

    done, total = 0, int(tokens.lengths[np.concatenate(batches)].sum()) if batches else 0
    ahead = 1 if model.device.startswith("cuda") else 0
    waiting: list[_Pending] = []
    for pending in over_batches(tokens.lengths, batches, work, journal=journal):
        waiting.append(pending)
        if len(waiting) > ahead:
            yield waiting.pop(0).result()
        done += int(tokens.lengths[pending.batch.sentences].sum())
        journal.progress(done, total, unit="pieces")
    for pending in waiting:
        yield pending.result()


@dataclass(frozen=True)
class _Pending:
    batch: Batch
    kept: dict[Wanted, Kept]
    copied: torch.cuda.Event | None

    def result(self) -> tuple[Batch, dict[Wanted, Kept]]:
        if self.copied is not None:
            self.copied.synchronize()
        return self.batch, self.kept


def _event(device: str) -> torch.cuda.Event | None:
    if not device.startswith("cuda"):
        if device == "mps":
            torch.mps.synchronize()
        return None
    event = torch.cuda.Event()
    event.record(torch.cuda.current_stream(device))  # type: ignore[no-untyped-call]
    return event
