"""Word and sentence vectors of a treebank, every wanted layer from one pass of the network, into the store.

Each layer is a result of its own; a request computes the layers that are missing, and a request for which
nothing is missing makes no pass. Vectors are kept as fp16, and as fp32 for a layer of which some vector would
overflow or lose more than 1e-3 (:func:`xviz.representations.pooling.half_keeps`).
"""

from __future__ import annotations

import functools
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from torch import Tensor

from xviz.corpora.treebank import Treebank
from xviz.errors import InputError, XvizError
from xviz.journal import SILENT, Journal
from xviz.models.loading import LanguageModel
from xviz.representations.batches import Batch, default_budget, plan_batches
from xviz.representations.capture import LayerCapture
from xviz.representations.forward import Kept, Wanted, pooled
from xviz.representations.pooling import fits_half, half_keeps
from xviz.representations.spec import VectorsSpec, WordTableSpec, WordVectorsSpec
from xviz.representations.stored import SENTENCES, WORDS, Skipped, read_skipped, write_skipped
from xviz.representations.tokens import TokenisedTreebank, tokenise
from xviz.representations.vector_file import VECTORS, VectorFile
from xviz.store import Place, Store

WRITERS = 8
"""Threads that write while an accelerator computes."""
JOBS_WAITING = 64
"""Layers of batches that may wait to be written: what they hold lies in memory."""


@dataclass(frozen=True)
class Extraction:
    """What came of a request.

    ``skipped`` names every sentence (and every word of a kept sentence) without a vector. ``stored``: all of
    it was in the store already. ``forward_passes``: calls of the network made now. ``seconds``: of this call.
    ``note``: fertility, shares of unknown and shared words, and how the vectors were computed.
    """

    name: str
    split: str
    sentences: int
    words: int
    skipped: tuple[Skipped, ...]
    stored: bool
    forward_passes: int
    seconds: float
    device: str
    dtype: str
    note: dict[str, Any]


def extract(
    model: LanguageModel | Callable[[], LanguageModel],
    treebank: Treebank | Callable[[], Treebank],
    specs: Sequence[VectorsSpec],
    *,
    store: Store,
    journal: Journal = SILENT,
    token_budget: int | None = None,
) -> Extraction:
    """Compute what is missing of ``specs`` and keep it.

    Args:
        model, treebank: or functions that load them, called only where something is missing.
        specs: layers and poolings of one model, treebank, ``max_words`` and dtype.
        token_budget: padded tokens a batch; halves by itself where memory runs out.

    Raises:
        InputError: a layer that the model does not have.
        ValueError: the specifications do not belong together, or not to this model.
        XvizError: out of memory at a single sentence, a full disk, a network that yields no numbers.
    """
    started = time.monotonic()
    reading = Reading(model, treebank, specs, journal)
    reading.keep_table(store)
    passes = 0

    def write(folders: dict[Place, Path]) -> dict[str, Any]:
        nonlocal passes
        tokens = reading.tokens
        missing = {spec: folders[place] for spec in specs if (place := (spec.kind, spec.key)) in folders}
        budget = token_budget or default_budget(reading.model.device)
        batches = plan_batches(tokens.lengths, budget)
        passes = fill_files(reading.model, tokens, missing, batches=batches, journal=journal)
        return provenance(reading.model, tokens, passes, budget)

    wanted = {(spec.kind, spec.key): spec.model_dump(mode="json") for spec in specs}
    store.fill(wanted, write, journal=journal)
    return summary(specs, store, passes=passes, seconds=time.monotonic() - started)


class Reading:
    """A model and a treebank, loaded and tokenised once, and only where something is missing."""

    def __init__(
        self,
        model: LanguageModel | Callable[[], LanguageModel],
        treebank: Treebank | Callable[[], Treebank],
        specs: Sequence[VectorsSpec],
        journal: Journal,
    ):
        self.table = common_table(specs)
        self._model, self._treebank, self._specs, self._journal = model, treebank, specs, journal

    @functools.cached_property
    def model(self) -> LanguageModel:
        network = self._model() if callable(self._model) else self._model
        check_model(network, self._specs)
        return network

    @functools.cached_property
    def tokens(self) -> TokenisedTreebank:
        treebank = self._treebank() if callable(self._treebank) else self._treebank
        self._journal.stage(f"Reading {treebank.name} ({treebank.split}) with {self.model.name}")
        tokens = tokenise(treebank, self.model, max_words=self.table.max_words)
        for skip in tokens.skipped:
            word = f", word {skip.index} ({skip.form})" if skip.index is not None else ""
            self._journal.log(f"{treebank.name} {skip.sent_id}{word} left out: {skip.reason}.")
        return tokens

    def keep_table(self, store: Store) -> None:
        """The word table first and by itself: it takes a moment, and all layers and poolings share it."""

        def write(folder: Path) -> dict[str, Any]:
            write_table(self.tokens, folder)
            return {"family": self.model.family} | self.tokens.note()

        store.obtain(self.table, write, journal=self._journal)


def fill_files(
    model: LanguageModel,
    tokens: TokenisedTreebank,
    folders: dict[VectorsSpec, Path],
    *,
    batches: Sequence[np.ndarray],
    precise: bool = False,
    journal: Journal = SILENT,
) -> int:
    """Write ``vectors.npy`` into every folder; returns the calls of the network.

    Only sentences in ``batches`` are read, and the rows of a file are theirs in rising order. ``precise``
    keeps fp32 whatever the values. A layer that turns out to need fp32 after rows were written in fp16 is
    computed again in a second pass, which is rare: what overflows does so from the first batch on.
    """
    passes = 0
    files = [_File(spec, folder, tokens, batches, model.width, precise) for spec, folder in folders.items()]
    while files:
        with ExitStack() as opened:
            for file in files:
                opened.callback(file.close)
            capture = opened.enter_context(LayerCapture(model, {file.wanted.layer for file in files}))
            write = opened.enter_context(_Writers(0 if model.device == "cpu" else WRITERS))
            by_wanted = {file.wanted: file for file in files}
            reduce = functools.partial(_in_stored_precision, by_wanted)
            wanted = list(by_wanted)
            run = pooled(model, tokens, wanted, reduce, batches=batches, capture=capture, journal=journal)
            for batch, kept in run:
                for want, values in kept.items():
                    write(by_wanted[want].take, batch, *values)
            write.finish()
        passes += capture.passes
        files = [file.restarted() for file in files if file.again]
    return passes


class _Writers:
    """Threads that write layers while an accelerator reads on; on the CPU the caller writes itself.

    (There the network has every core busy, and one thread more only gets in its way.)
    """

    def __init__(self, threads: int):
        self._pool = ThreadPoolExecutor(threads) if threads else None
        self._waiting: deque[Future[None]] = deque()

    def __call__(self, job: Callable[..., None], *arguments: Any) -> None:
        if self._pool is None:
            job(*arguments)
            return
        self._waiting.append(self._pool.submit(job, *arguments))
        while len(self._waiting) > JOBS_WAITING:
            self._waiting.popleft().result()

    def finish(self) -> None:
        while self._waiting:
            self._waiting.popleft().result()

    def __enter__(self) -> _Writers:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


def _in_stored_precision(
    files: dict[Wanted, _File], _batch: Batch, want: Wanted, vectors: Float[Tensor, "vectors dim"]
) -> Kept | None:
    file = files[want]
    if file.again:
        return None
    return (vectors.half() if file.begun and file.half else vectors.float(), *fits_half(vectors))


class _File:
    """The vectors of one specification while they are written."""

    def __init__(
        self,
        spec: VectorsSpec,
        folder: Path,
        tokens: TokenisedTreebank,
        batches: Sequence[np.ndarray],
        dim: int,
        precise: bool,
    ):
        words = isinstance(spec, WordVectorsSpec)
        self.wanted = Wanted(spec.layer, "words" if words else "sentences", spec.pooling)
        self.half, self.begun, self.again = not precise, False, False
        self._one_at_a_time = threading.Lock()
        self._arguments = (spec, folder, tokens, batches, dim)
        self._path, self._dim = folder / VECTORS, dim
        # Rows of each sentence: in the order of the treebank, sentences of other shards left out.
        counts = np.zeros(len(tokens), dtype=np.int64)
        here = np.concatenate([*batches, np.zeros(0, dtype=np.int64)]).astype(np.int64)
        counts[here] = np.diff(tokens.word_bounds)[here] if words else 1
        self._counts, self._starts = counts, np.cumsum(counts) - counts
        self._rows = int(counts.sum())
        self._file: VectorFile | None = None
        if not self._rows:
            self._open()

    def take(self, batch: Batch, vectors: Tensor, top: Tensor, floor: Tensor) -> None:
        with self._one_at_a_time:
            self._take(batch, vectors.numpy(), float(top), float(floor))

    def _take(
        self, batch: Batch, values: Float[np.ndarray, "vectors dim"], largest: float, smallest: float
    ) -> None:
        if self.again:
            return
        if not math.isfinite(largest):
            names = batch.tokens.sentences["sent_id"].to_numpy()[batch.sentences]
            raise XvizError(
                f"The network yields values that are no numbers at layer {self.wanted.layer} (in one of the "
                f"sentences {', '.join(names[:3])}, ...); try fp32."
            )
        if self.half and not half_keeps(largest, smallest):
            if self.begun:
                self.again = True
                return
            self.half = False
        if self._file is None:
            self._file = self._open()
        self.begun = True
        self._file.write(values, self._starts[batch.sentences], self._counts[batch.sentences])

    def restarted(self) -> _File:
        return _File(*self._arguments, precise=True)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _open(self) -> VectorFile:
        dtype = np.float16 if self.half else np.float32
        self._file = VectorFile(self._path, self._rows, self._dim, dtype)
        return self._file


def common_table(specs: Sequence[VectorsSpec]) -> WordTableSpec:
    """The word table that all specifications share."""
    if not specs:
        raise ValueError("nothing was asked for")
    first = specs[0].table()
    if any(spec.table() != first or spec.dtype != specs[0].dtype for spec in specs):
        raise ValueError("one request is for one model, treebank, max_words and dtype")
    return first


def check_model(model: LanguageModel, specs: Sequence[VectorsSpec]) -> None:
    """That the loaded model is the one which the specifications (and so the keys) speak of."""
    beyond = max(spec.layer for spec in specs)
    if beyond > model.layers or min(spec.layer for spec in specs) < 0:
        raise InputError(
            f"There is no layer {beyond}: {model.name} has layers 0 (the embeddings) to {model.layers}."
        )
    if model.dtype != specs[0].dtype:
        raise ValueError(f"the model was loaded in {model.dtype}, the request is for {specs[0].dtype}")
    stated = specs[0].model.identity()
    seed = {} if stated["random_weights"] is None else {"random_weights": str(stated["random_weights"])}
    if model.fingerprint != stated["files"] | seed:
        raise ValueError(f"the model in memory ({model.name}) is not the one that was asked for")
    if model.family == "decoder" and any(spec.pooling == "cls" for spec in specs):
        raise InputError("A decoder has no cls vector: its first position stands for no sentence.")


def write_table(tokens: TokenisedTreebank, folder: Path) -> None:
    tokens.words.to_parquet(folder / WORDS, index=False)
    tokens.sentences.to_parquet(folder / SENTENCES, index=False)
    write_skipped(tokens.skipped, folder)


def provenance(model: LanguageModel, tokens: TokenisedTreebank, passes: int, budget: int) -> dict[str, Any]:
    made = {"family": model.family, "layers": model.layers, "device": model.device, "dtype": model.dtype}
    return made | {"forward_passes": passes, "token_budget": budget} | tokens.note()


def summary(specs: Sequence[VectorsSpec], store: Store, *, passes: int, seconds: float) -> Extraction:
    table_spec = common_table(specs)
    table, vectors = store.find(table_spec), store.find(specs[0])
    if table is None or vectors is None:
        raise XvizError(f"A result was written and is gone again: is another program clearing {store.root}?")
    return Extraction(
        name=table_spec.treebank.name,
        split=table_spec.treebank.split,
        sentences=table.note["sentences"],
        words=table.note["words"],
        skipped=read_skipped(table.folder),
        stored=passes == 0,
        forward_passes=passes,
        seconds=round(seconds, 3),
        device=vectors.note["device"],
        dtype=vectors.note["dtype"],
        note=vectors.note,
    )
