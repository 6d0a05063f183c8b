"""All pairs of languages, at all layers, by all measures, against all nulls: the scores table.

One batched computation: features once a language and layer, then products over pairs. The entry in the store
holds

- ``scores.parquet``: one row a score and null (columns of DESIGN.md, with ``effect``, ``significant``:
  beyond all three nulls, and ``range``: what low and high are);
- ``layers.parquet``: the layer chosen on one half of the sentences, tested on the other;
- ``content.parquet`` (where asked for): the same and different halves of the sentences compared;
- ``facts.json``: concepts used and left out, family, power.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from xviz.alignability.blocks import FEWEST, Block, open_spaces
from xviz.alignability.halves import chosen_layers, content_check, reliability
from xviz.alignability.inference import (
    Against,
    against_draws,
    against_seeds,
    ceilings,
    jackknife,
)
from xviz.alignability.intervals import INTERVAL_RELIABILITY, divisions, in_every_fold, noise_free
from xviz.alignability.measures import HeldOutMeasure, Measure, TriangleMeasure, measures
from xviz.alignability.permutation import permutations
from xviz.alignability.power import smallest_effect
from xviz.alignability.spec import AlignSpec
from xviz.alignability.sums import read_sums
from xviz.alignability.table import finished, labels, score_rows
from xviz.errors import Cancelled, XvizError
from xviz.journal import SILENT, Journal
from xviz.models.devices import choose_device
from xviz.store import Entry, Store

SCORES, LAYERS, CONTENT, FACTS = "scores.parquet", "layers.parquet", "content.parquet", "facts.json"


def compute_alignments(
    specs: Sequence[AlignSpec],
    *,
    store: Store,
    journal: Journal = SILENT,
    load: Callable[..., Any] | None = None,
    device: str = "auto",
) -> None:
    """Fill the store with alignability tables; the sums (and probes) they need are there already."""
    for spec in specs:
        compute_alignment(spec, store=store, journal=journal, load=load, device=device)


def compute_alignment(
    spec: AlignSpec,
    *,
    store: Store,
    journal: Journal = SILENT,
    load: Callable[..., Any] | None = None,
    device: str = "auto",
) -> pd.DataFrame:
    """The scores table of ``spec``, from the store or computed now.

    Args:
        device: where tensors lie; double precision is wanted, so anything but ``cuda`` means the CPU.

    Raises:
        InputError: too few concepts are shared.
        Cancelled: the journal asked to stop.
    """
    entry = store.obtain(spec, lambda folder: _write(spec, folder, store, journal, device), journal=journal)
    return _read(entry, SCORES)


def read_scores(spec: AlignSpec, store: Store) -> pd.DataFrame:
    """The scores table that was computed for ``spec``."""
    return _read(_found(spec, store), SCORES)


def read_layers(spec: AlignSpec, store: Store) -> pd.DataFrame:
    """For each pair and measure the layer chosen on one half of the sentences, tested on the other."""
    return _read(_found(spec, store), LAYERS)


def read_content(spec: AlignSpec, store: Store) -> pd.DataFrame:
    """Scores of the same and of different halves of the sentences (``disjoint`` of the specification)."""
    return _read(_found(spec, store), CONTENT)


def read_facts(spec: AlignSpec, store: Store) -> dict[str, Any]:
    """Concepts used and left out, the family of tests, power."""
    return json.loads(_found(spec, store).file(FACTS).read_text("utf-8"))


def _write(spec: AlignSpec, folder: Path, store: Store, journal: Journal, device: str) -> dict[str, Any]:
    device = "cuda" if choose_device(device).startswith("cuda") else "cpu"
    journal.stage("Reading the concept spaces")
    with _one_thread_an_operation():
        return _compare_all(spec, folder, store, journal, device)


@contextmanager
def _one_thread_an_operation() -> Iterator[None]:
    """Blocks are shared among threads here; operations that split once more would wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _compare_all(
    spec: AlignSpec, folder: Path, store: Store, journal: Journal, device: str
) -> dict[str, Any]:
    blocks = open_spaces(spec, store, device=device)
    parts, chosen, content = [], [], []
    for number, block in enumerate(blocks):
        parts += list(_score_rows(spec, block, journal))
        named = labels(spec, block)
        journal.stage("Choosing layers on one half, testing them on the other")
        triangles = [
            m for m in _measures(spec, block) if isinstance(m, TriangleMeasure) and m.what != "crossvalidated"
        ]
        chosen.append(chosen_layers(block.spaces, block.pairs, triangles, named, spec))
        if spec.disjoint:
            content.append(content_check(block.spaces, block.pairs, _measures(spec, block), named, spec))
        journal.progress(number + 1, len(blocks), unit="blocks of pairs")
    table = finished(spec, pd.concat(parts, ignore_index=True))
    table.to_parquet(folder / SCORES, index=False)
    pd.concat(chosen, ignore_index=True).to_parquet(folder / LAYERS, index=False)
    if content:
        pd.concat(content, ignore_index=True).to_parquet(folder / CONTENT, index=False)
    journal.stage("Simulating what these counts can detect")
    facts = _facts(spec, blocks, store) | {"family": len(spec.layers) * sum(len(b.pairs[0]) for b in blocks)}
    (folder / FACTS).write_text(json.dumps(facts, indent=1), encoding="utf-8")
    return {"rows": len(table), "pairs": sum(len(b.pairs[0]) for b in blocks), "device": device}


def _score_rows(spec: AlignSpec, block: Block, journal: Journal) -> Iterator[pd.DataFrame]:
    """Rows of every measure (p adjusted within the block) and of the score without noise."""
    shared = spec.concept_set == "common"
    whole = block.spaces.prototypes()
    controls = [control.prototypes() for control in block.controls]
    wanted = _measures(spec, block)
    features = {m: m.features(whole) for m in wanted}
    lexical = _lexical_nulls(spec, block, wanted, journal) if spec.space == "raw" else {}
    deleted = _deleted(block, [m for m in wanted if not isinstance(m, HeldOutMeasure)], journal)
    for m in wanted:
        _go_on(journal, f"{m.metric} {m.variant}: renaming concepts")
        f, nulls = features[m], dict[str, Against]()
        score = m.compare(f, f, block.pairs)
        count = spec.heldout_draws if isinstance(m, HeldOutMeasure) else spec.permutations
        if count:
            renamings = permutations(len(block.spaces.names), count, seed=spec.seed)
            nulls["permutation"] = against_draws(
                score, m.renamed(f, f, block.pairs, renamings), shared=shared
            )
        if m in lexical:
            nulls["lexical"] = against_draws(score, lexical[m], shared=shared)
        if len(controls) >= 2:
            seeds = [m.features(control) for control in controls]
            nulls["random_weights"] = against_seeds(
                score, torch.stack([m.compare(s, s, block.pairs) for s in seeds])
            )
        low, high = jackknife(score, deleted[m]) if m in deleted else (None, None)
        ceiling = None
        if isinstance(m, TriangleMeasure) and m.what != "crossvalidated":
            ceiling = ceilings(reliability(block.spaces, m, spec.seed), block.pairs)
        common = {"metric": m.metric, "variant": m.variant}
        yield from score_rows(spec, block, common, score, nulls, low, high, ceiling)
    if "cka" in spec.metrics:
        _go_on(journal, "Intervals")
        yield _noise_free_rows(spec, block)


def _lexical_nulls(
    spec: AlignSpec, block: Block, wanted: Sequence[Measure], journal: Journal
) -> dict[Measure, Tensor]:
    if not spec.lexical:
        return {}
    _go_on(journal, "Drawing networks that know word types alone")
    parts: dict[Measure, list[Tensor]] = {m: [] for m in wanted}
    done = 0
    for drawn in block.spaces.lexical(spec.lexical, seed=spec.seed):
        for m in wanted:
            part = drawn
            if isinstance(m, HeldOutMeasure):
                left = max(0, spec.heldout_draws - done)
                part = type(drawn)(drawn.whole[:left])
            if len(part.whole):
                f = m.features(part)
                parts[m].append(m.compare(f, f, block.pairs))
        done += len(drawn.whole)
        journal.progress(done, spec.lexical, unit="draws")
        _stop_if_asked(journal)
    return {m: torch.cat(found) for m, found in parts.items() if found}


def _deleted(block: Block, wanted: Sequence[Measure], journal: Journal) -> dict[Measure, Tensor]:
    """Every score without each group of sentences; nothing where a concept then has no words left."""
    parts: dict[Measure, list[Tensor]] = {m: [] for m in wanted}
    even, odd = block.spaces.halves
    for group in range(block.spaces.groups):
        keep = np.arange(block.spaces.groups) != group
        prototypes = block.spaces.prototypes(keep)
        if prototypes.whole.isnan().any():
            journal.log("A concept stands in one group of sentences alone: no stability ranges are given.")
            return {}
        halves = (block.spaces.means(even & keep), block.spaces.means(odd & keep))
        prototypes = type(prototypes)(prototypes.whole, halves, prototypes.basis)
        for m in wanted:
            f = m.features(prototypes)
            parts[m].append(m.compare(f, f, block.pairs))
        _stop_if_asked(journal)
    return {m: torch.stack(found) for m, found in parts.items()}


def _noise_free_rows(spec: AlignSpec, block: Block) -> pd.DataFrame:
    """CKA of the true prototypes, over the concepts that every fold of the sentences has."""
    folds = divisions(block.spaces.groups, seed=spec.seed)
    concepts = np.flatnonzero(in_every_fold(block.spaces.counts, folds)).tolist()
    table = labels(spec, block)
    values = {name: np.full(len(table), np.nan) for name in ("score", "low", "high")}
    kind = np.full(len(table), "", object)
    if len(concepts) >= FEWEST:
        cut = block.spaces.restricted(range(len(block.languages)), concepts)
        layers = [noise_free(sums, cut.counts, block.pairs, folds) for sums in cut.sums]
        for name in values:
            values[name] = torch.stack([getattr(layer, name) for layer in layers]).flatten().cpu().numpy()
        rel = torch.stack([layer.reliability for layer in layers]).cpu().numpy()  # (layers, languages)
        sound = np.minimum(rel[:, block.pairs[0]], rel[:, block.pairs[1]]).ravel() >= INTERVAL_RELIABILITY
        kind = np.where(np.isnan(values["low"]), "", np.where(sound, "interval", "stability"))
    return table.assign(
        **values,
        metric="cka",
        variant="linear/noise_free",
        null_kind="none",
        range=kind,
        n_permutations=np.int32(0),
        n_concepts=np.int32(len(concepts)),
    )


def _facts(spec: AlignSpec, blocks: Sequence[Block], store: Store) -> dict[str, Any]:
    counts = {s.treebank.name: read_sums(s, store) for s in spec.sums()}
    everything = sorted({name for found in counts.values() for name in found.names})
    used = sorted({name for block in blocks for name in block.spaces.names})
    left_out = {}
    for name in set(everything) - set(used):
        n = {
            bank: int(found.counts[:, found.names.index(name)].sum()) if name in found.names else 0
            for bank, found in counts.items()
        }
        fewest = min(n, key=lambda bank: n[bank])
        left_out[name] = f"{n[fewest]} in {fewest}"
    largest = max(blocks, key=lambda block: len(block.pairs[0]))
    return {
        "concepts": used,
        "left_out": dict(sorted(left_out.items())),
        "treebanks": {bank: found.facts for bank, found in counts.items()},
        "power": smallest_effect(largest.spaces, seed=spec.seed) if spec.space == "raw" else None,
    }


def _measures(spec: AlignSpec, block: Block) -> list[Measure]:
    return measures(spec, concepts=len(block.spaces.names))


def _go_on(journal: Journal, stage: str) -> None:
    _stop_if_asked(journal)
    journal.stage(stage)


def _stop_if_asked(journal: Journal) -> None:
    if journal.stop_requested():
        raise Cancelled("The comparison was stopped; nothing of it was kept.")


def _found(spec: AlignSpec, store: Store) -> Entry:
    entry = store.find(spec)
    if entry is None:
        raise XvizError("This comparison is not in the store (any more); ask for it again to make it.")
    return entry


def _read(entry: Entry, name: str) -> pd.DataFrame:
    if not entry.file(name).is_file():
        raise XvizError(f"This comparison was made without {name}; ask for it with that option.")
    return pd.read_parquet(entry.file(name))
