"""Batches of sentences of like length, within a budget of padded tokens that halves where memory runs out."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from xviz.errors import InputError, XvizError
from xviz.journal import SILENT, Journal
from xviz.models.loading import LanguageModel
from xviz.representations.alignment import runs
from xviz.representations.pooling import Pooling, Selection, WeightedSum
from xviz.representations.spec import SentencePooling, WordPooling
from xviz.representations.tokens import TokenisedTreebank

DEFAULT_BUDGET = {"cpu": 2048, "mps": 8192, "cuda": 32768}
"""Padded tokens a batch. Measured on a CPU, 6 layers of width 256 and 384: 1024 and 2048 are as fast as each
other, 4096 is 15 % and 8192 40 % slower; larger networks want more than 1024."""

T = TypeVar("T")


def default_budget(device: str) -> int:
    return DEFAULT_BUDGET[device.partition(":")[0]]


def plan_batches(
    lengths: Int[np.ndarray, " sentences"],
    budget: int,
    sentences: Int[np.ndarray, " wanted"] | None = None,
) -> list[Int[np.ndarray, " batch"]]:
    """Sentences (rows) in batches, longest first, so that what is too much for the memory shows at once.

    A batch of n sentences takes n times the length of its longest one, at most ``budget`` (a longer sentence
    stands alone). Sentences of one length keep their order, so the plan depends on the lengths only.
    """
    rows = np.arange(len(lengths)) if sentences is None else sentences
    rows = rows[np.argsort(-lengths[rows], kind="stable")]
    batches, begin = [], 0
    while begin < len(rows):
        size = max(1, budget // int(lengths[rows[begin]]))
        batches.append(rows[begin : begin + size])
        begin += size
    return batches


@dataclass(frozen=True)
class Batch:
    """Some sentences of a treebank, padded, and where their pieces lie.

    ``origin[i]`` is the row of sentence i's first id in the hidden states laid end to end.
    """

    sentences: Int[np.ndarray, " batch"]
    ids: Int[Tensor, "batch length"]
    mask: Int[Tensor, "batch length"]
    origin: Int[np.ndarray, " batch"]
    tokens: TokenisedTreebank

    @classmethod
    def of(cls, tokens: TokenisedTreebank, sentences: np.ndarray, model: LanguageModel) -> Batch:
        lengths = tokens.lengths[sentences]
        longest = int(lengths.max())
        shift = longest - lengths if model.padding_side == "left" else np.zeros_like(lengths)
        origin = np.arange(len(sentences)) * longest + shift
        ids = np.full(len(sentences) * longest, model.pad, dtype=np.int64)
        mask = np.zeros(len(sentences) * longest, dtype=np.int64)
        filled = runs(origin, lengths)
        ids[filled] = tokens.ids[runs(tokens.id_bounds[sentences], lengths)]
        mask[filled] = 1
        shape = (len(sentences), longest)
        return cls(
            sentences,
            _to_device(ids.reshape(shape), model.device),
            _to_device(mask.reshape(shape), model.device),
            origin,
            tokens,
        )

    def words(self) -> Int[np.ndarray, " words"]:
        """Rows of the word table, in the order in which :meth:`word_pooling` gives their vectors."""
        starts = self.tokens.word_bounds[self.sentences]
        return runs(starts, self.tokens.word_bounds[self.sentences + 1] - starts)

    def word_pooling(self, how: WordPooling) -> Pooling:
        tokens, rows = self.tokens, self.words()
        counts = tokens.word_bounds[self.sentences + 1] - tokens.word_bounds[self.sentences]
        origin = np.repeat(self.origin, counts)
        begin, end = tokens.place_bounds[rows], tokens.place_bounds[rows + 1]
        if how == "first":
            return Selection(self._places(origin + tokens.places[begin]))
        if how == "last":
            return Selection(self._places(origin + tokens.places[end - 1]))
        places = np.repeat(origin, end - begin) + tokens.places[runs(begin, end - begin)]
        return self._weighted(places, end - begin, np.ones(len(places)))

    def sentence_pooling(self, how: SentencePooling) -> Pooling:
        tokens = self.tokens
        starts = tokens.id_bounds[self.sentences]
        lengths = tokens.lengths[self.sentences]
        flat = runs(starts, lengths)
        special = tokens.special[flat]
        owner = np.repeat(np.arange(len(lengths)), lengths)
        places = np.repeat(self.origin, lengths) + (flat - np.repeat(starts, lengths))
        if how == "cls":
            chosen, first = np.unique(owner[special], return_index=True)
            if len(chosen) < len(lengths):
                raise InputError(
                    "This tokenizer opens sentences with no special token, so there is no cls vector."
                )
            return Selection(self._places(places[special][first]))
        owner, places = owner[~special], places[~special]
        counts = np.bincount(owner, minlength=len(lengths))
        if how == "last":
            return Selection(self._places(places[np.cumsum(counts) - 1]))
        weights = np.ones(len(places)) if how == "mean" else runs(np.ones_like(counts), counts).astype(float)
        return self._weighted(places, counts, weights)

    def _weighted(self, places: np.ndarray, counts: np.ndarray, weights: np.ndarray) -> WeightedSum:
        bounds = np.cumsum(counts) - counts
        weights = weights / np.repeat(np.add.reduceat(weights, bounds), counts)
        device = str(self.ids.device)
        return WeightedSum(
            self._places(places),
            _to_device(bounds, device),
            _to_device(weights.astype(np.float32), device),
        )

    def _places(self, places: np.ndarray) -> Tensor:
        return _to_device(places, str(self.ids.device))


def over_batches(
    lengths: Int[np.ndarray, " sentences"],
    batches: Sequence[np.ndarray],
    work: Callable[[np.ndarray], T],
    *,
    journal: Journal = SILENT,
) -> Iterator[T]:
    """``work(sentences)`` for batch after batch; where memory runs out, the rest goes on in halves.

    What was yielded before stays valid, for no batch is begun again that had ended.

    Raises:
        XvizError: a single sentence does not fit.
    """
    queue = deque(batches)
    while queue:
        sentences = queue.popleft()
        try:
            result = work(sentences)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        else:
            yield result
            continue
        # Outside the handler: its traceback would keep the tensors of the failed batch alive.
        _free_memory()
        longest = int(lengths[sentences].max())
        if len(sentences) == 1:
            raise XvizError(
                f"A sentence of {longest} pieces does not fit into the memory of the device; choose a "
                "smaller model, bf16, or a device with more memory."
            )
        budget = longest * len(sentences) // 2
        journal.log(f"Out of memory at {2 * budget} padded tokens a batch; going on with {budget}.")
        queue = deque(plan_batches(lengths, budget, np.concatenate([sentences, *queue])))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the device (or the machine) has no memory left."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    message = str(error).lower()
    return "out of memory" in message or "can't allocate memory" in message or "not enough memory" in message


def _free_memory() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _to_device(array: np.ndarray, device: str) -> Tensor:
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    if device.startswith("cuda"):
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)
