"""Several devices or processes share the vectors of one treebank.

The batches of a single process are dealt out in turn, so shard i of n reads exactly the batches i, i + n,
i + 2n, ... that a single process would read: what is merged is bit for bit what that process keeps (as long
as no batch had to be halved). A shard is a result of its own in the store, in fp32; so a shard that died is
computed again alone, and shards may run anywhere that sees the store. Merging decides between fp16 and fp32
by the rule of a single process, writes under its keys, and removes the shards.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from xviz.corpora.treebank import Treebank
from xviz.errors import Cancelled, InputError, NotHere, XvizError
from xviz.journal import SILENT, Journal
from xviz.models.loading import LanguageModel, load
from xviz.representations.batches import default_budget, plan_batches
from xviz.representations.extract import (
    Extraction,
    Reading,
    VectorsSpec,
    extract,
    fill_files,
    provenance,
    summary,
)
from xviz.representations.pooling import fits_half, half_keeps
from xviz.representations.spec import WordVectorsSpec
from xviz.representations.vector_file import VECTORS, VectorFile, read_vectors
from xviz.store import Entry, Place, Store, key_of

SHARD = "vectors_shard"
ROWS = "rows.npy"
BLOCK = 16384


def extract_shard(
    model: LanguageModel | Callable[[], LanguageModel],
    treebank: Treebank | Callable[[], Treebank],
    specs: Sequence[VectorsSpec],
    *,
    shard: tuple[int, int],
    store: Store,
    token_budget: int,
    journal: Journal = SILENT,
) -> None:
    """Compute and keep shard i (from 0) of n of ``specs``; nothing where it, or the whole, is there already.

    ``token_budget`` belongs to the shard's key: shards of one whole are cut from one plan of batches.
    """
    number, of = shard
    if not 0 <= number < of:
        raise InputError(f"There is no shard {number} of {of}; shards are counted from 0.")
    reading = Reading(model, treebank, specs, journal)
    reading.keep_table(store)
    missing = {_place(spec, shard, token_budget): spec for spec in specs if store.find(spec) is None}

    def write(folders: dict[Place, Path]) -> dict[str, Any]:
        tokens = reading.tokens
        todo = {missing[place]: folder for place, folder in folders.items()}
        batches = plan_batches(tokens.lengths, token_budget)[number::of]
        sentences = np.sort(np.concatenate([*batches, np.zeros(0, dtype=np.int64)])).astype(np.int64)
        for spec, folder in todo.items():
            np.save(folder / ROWS, _rows(spec, tokens.word_bounds, sentences), allow_pickle=False)
        passes = fill_files(reading.model, tokens, todo, batches=batches, precise=True, journal=journal)
        return provenance(reading.model, tokens, passes, token_budget)

    wanted = {place: {"of": spec.key, "shard": list(shard)} for place, spec in missing.items()}
    store.fill(wanted, write, journal=journal)


def merge_shards(
    specs: Sequence[VectorsSpec],
    *,
    shards: int,
    store: Store,
    token_budget: int,
    journal: Journal = SILENT,
) -> Extraction:
    """Put the shards of ``specs`` together under the keys of the whole, and remove them.

    Raises:
        NotHere: a shard has not been computed.
    """
    started = time.monotonic()
    used: list[str] = []
    passes = 0
    for spec in specs:
        found = [store.get(*_place(spec, (i, shards), token_budget)) for i in range(shards)]
        entries = [entry for entry in found if entry is not None]
        used += [entry.key for entry in entries]
        if len(entries) < shards and store.find(spec) is None:
            raise NotHere(
                f"Shard {found.index(None)} of {shards} of layer {spec.layer} has not been computed yet."
            )

        def write(folder: Path, entries: list[Entry] = entries) -> dict[str, Any]:
            _merge([entry.folder for entry in entries], folder)
            passes = sum(entry.note["forward_passes"] for entry in entries)
            seconds = sum(entry.note["seconds"] for entry in entries)
            return entries[0].note | {"forward_passes": passes, "seconds": seconds, "shards": shards}

        whole = store.obtain(spec, write, journal=journal)
        passes = max(passes, whole.note["forward_passes"] if entries else 0)
    store.clear(kind=SHARD, keys=used)
    return summary(specs, store, passes=passes, seconds=time.monotonic() - started)


def extract_on(
    devices: Sequence[str],
    treebank: Treebank,
    specs: Sequence[VectorsSpec],
    *,
    store: Store,
    journal: Journal = SILENT,
    token_budget: int | None = None,
) -> Extraction:
    """:func:`xviz.representations.extract.extract` with one process for each device.

    ``cpu`` may be named several times; each process then takes its share of the threads.

    Raises:
        XvizError: what a process failed with.
    """
    budget = token_budget or default_budget(devices[0])
    if len(devices) == 1 or all(store.find(spec) is not None for spec in specs):
        ref, dtype = specs[0].model, specs[0].dtype
        return extract(
            lambda: load(ref, device=devices[0], dtype=dtype),
            treebank,
            specs,
            store=store,
            journal=journal,
            token_budget=budget,
        )
    context = multiprocessing.get_context("spawn")  # a forked process cannot use CUDA
    told: Any = context.SimpleQueue()
    threads = max(1, torch.get_num_threads() // max(1, list(devices).count("cpu")))
    fixed = (treebank, list(specs), store.root, store.limit, budget, threads)
    shards = [(i, len(devices)) for i in range(len(devices))]
    workers = [
        context.Process(target=_work, args=(told, device, shard, *fixed))
        for device, shard in zip(devices, shards, strict=True)
    ]
    journal.stage(f"Reading {treebank.name} ({treebank.split}) on {', '.join(devices)}")
    for worker in workers:
        worker.start()
    while any(worker.is_alive() for worker in workers):
        workers[0].join(timeout=0.2)
        if journal.stop_requested() or not told.empty():
            for worker in workers:
                worker.terminate()
    for worker in workers:
        worker.join()
    if journal.stop_requested():
        raise Cancelled("Stopped on request; the unfinished vectors were not kept.")
    if not told.empty():
        raise told.get()
    if any(worker.exitcode for worker in workers):
        raise XvizError("A process that computed a part of the vectors ended without saying why.")
    return merge_shards(specs, shards=len(devices), store=store, token_budget=budget, journal=journal)


def _work(
    told: Any,
    device: str,
    shard: tuple[int, int],
    treebank: Treebank,
    specs: list[VectorsSpec],
    root: Path,
    limit: int,
    budget: int,
    threads: int,
) -> None:
    if device == "cpu":
        torch.set_num_threads(threads)
    try:
        extract_shard(
            lambda: load(specs[0].model, device=device, dtype=specs[0].dtype),
            treebank,
            specs,
            shard=shard,
            store=Store(root, limit=limit),
            token_budget=budget,
        )
    except XvizError as error:
        told.put(error)


def _place(spec: VectorsSpec, shard: tuple[int, int], budget: int) -> Place:
    return SHARD, key_of(SHARD, 1, {"of": spec.key, "shard": list(shard), "token_budget": budget})


def _rows(spec: VectorsSpec, word_bounds: np.ndarray, sentences: np.ndarray) -> np.ndarray:
    """Blocks of rows of the whole (start, count) that a shard holds, one a sentence."""
    if isinstance(spec, WordVectorsSpec):
        starts = word_bounds[sentences]
        return np.stack([starts, word_bounds[sentences + 1] - starts], axis=1)
    return np.stack([sentences, np.ones_like(sentences)], axis=1)


def _merge(parts: Sequence[Path], folder: Path) -> None:
    vectors = [read_vectors(part) for part in parts]
    blocks = [np.load(part / ROWS, allow_pickle=False) for part in parts]
    half = all(_keeps(values) for values in vectors)
    rows = sum(len(values) for values in vectors)
    dtype = np.float16 if half else np.float32
    with VectorFile(folder / VECTORS, rows, vectors[0].shape[1], dtype) as file:
        for values, places in zip(vectors, blocks, strict=True):
            ends = np.cumsum(places[:, 1])
            begin = 0
            while begin < len(places):  # some whole sentences at a time
                top = ends[begin - 1] if begin else 0
                end = max(begin + 1, int(np.searchsorted(ends, top + BLOCK, side="right")))
                file.write(values[top : ends[end - 1]], places[begin:end, 0], places[begin:end, 1])
                begin = end


def _keeps(values: np.ndarray) -> bool:
    parts = (values[begin : begin + BLOCK] for begin in range(0, len(values), BLOCK))
    extremes = (fits_half(torch.from_numpy(np.array(part))) for part in parts)
    return all(half_keeps(float(largest), float(smallest)) for largest, smallest in extremes)
