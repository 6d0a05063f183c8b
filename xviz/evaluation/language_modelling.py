"""How well does a network predict text, language by language? Masked accuracy and bits per byte.

- **Encoders**: of every sentence ``max(1, round(0.15 m))`` of its m pieces are replaced by the mask, drawn
  with a seed and the ``sent_id`` alone, never special tokens; the score is the share of them that the network
  guesses. Beside it the commonest piece of the train side, guessed every time.
- **Decoders**: ``sum_t -log2 p(piece_t | pieces before)`` over all pieces of a sentence (the first one given
  the opening token; the end is not predicted), divided by the bytes of its text in UTF-8. Bytes, since
  pieces are cheaper in some languages than in others (METHODS.md section 7). Beside it
  ``p = (count + 1) / (N + V)`` from the pieces of the train side. A tokenizer with an unknown piece is
  flattered by it, so the share of unknown pieces stands beside the score.

The entry in the store holds ``sentences.parquet`` (a row a sentence: sums, from which every ratio is made)
and ``facts.json`` (family, unknown share; or why there is nothing: a model without a head).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from xviz.corpora.tables import open_treebank
from xviz.errors import Cancelled, XvizError
from xviz.evaluation.heads import NoHead, load_with_head
from xviz.evaluation.spec import LanguageModellingSpec
from xviz.journal import SILENT, Journal
from xviz.models.loading import LanguageModel
from xviz.models.spec import ModelRef
from xviz.representations.alignment import runs
from xviz.representations.batches import Batch, default_budget, over_batches, plan_batches
from xviz.representations.tokens import TokenisedTreebank, tokenise
from xviz.store import Entry, Store

SENTENCES, FACTS = "sentences.parquet", "facts.json"
LOGITS_BYTES = {"cpu": 256 << 20, "mps": 1 << 30, "cuda": 4 << 30}
"""Of one batch: a vocabulary of 250,000 pieces makes logits, not activations, what fills the memory."""


def compute_language_modelling(
    specs: list[LanguageModellingSpec], *, store: Store, journal: Journal, load: Callable[..., Any]
) -> None:
    """Fill the store, one network after the other; the networks come with their heads."""
    device = getattr(load, "device", "auto")
    heads: dict[str, str | None] = {}  # folder of trained weights -> why it has no head

    for ref in dict.fromkeys(spec.model for spec in specs):
        model: list[LanguageModel] = []

        def network(ref: ModelRef = ref, model: list[LanguageModel] = model) -> LanguageModel:
            if not model:
                model.append(_with_head(ref, device, heads))
            return model[0]

        for spec in specs:
            if spec.model == ref:
                _compute_one(spec, network, store, journal)


def read_language_modelling(
    spec: LanguageModellingSpec, store: Store
) -> tuple[pd.DataFrame | None, dict[str, Any]]:
    """The sums by sentence (None for a model without a head) and the facts beside them."""
    entry = store.find(spec)
    if entry is None:
        raise XvizError("This measurement is not in the store (any more); ask for it again to make it.")
    facts = json.loads(entry.file(FACTS).read_text("utf-8"))
    return (pd.read_parquet(entry.file(SENTENCES)) if "without" not in facts else None), facts


def masked_places(tokens: TokenisedTreebank, *, share: float, seed: int) -> Bool[np.ndarray, " ids"]:
    """Which ids are masked: drawn for each sentence by ``seed`` and its ``sent_id``, never special ones."""
    chosen = np.zeros(len(tokens.ids), dtype=bool)
    for i, sent_id in enumerate(tokens.sentences["sent_id"].astype(str)):
        begin, end = tokens.id_bounds[i], tokens.id_bounds[i + 1]
        free = begin + np.flatnonzero(~tokens.special[begin:end])
        named = int.from_bytes(hashlib.sha256(sent_id.encode()).digest()[:8])
        rng = np.random.default_rng([seed, named])
        chosen[rng.choice(free, size=max(1, round(share * len(free))), replace=False)] = True
    return chosen


def masked_hits(
    model: LanguageModel,
    tokens: TokenisedTreebank,
    places: Bool[np.ndarray, " ids"],
    journal: Journal = SILENT,
) -> Bool[np.ndarray, " masked"]:
    """For every masked place, in order: is the piece of highest probability the one that stood there?"""
    mask = int(model.tokenizer.mask_token_id)  # type: ignore[arg-type]
    hidden = replace(tokens, ids=np.where(places, mask, tokens.ids))
    hits = np.zeros(len(tokens.ids), dtype=bool)
    for rows, logits in _logits(model, hidden, places, journal, shift=0):
        hits[rows] = logits.argmax(-1).cpu().numpy() == tokens.ids[rows]
    return hits[places]


def surprisal(
    model: LanguageModel, tokens: TokenisedTreebank, journal: Journal = SILENT
) -> Float[np.ndarray, " ids"]:
    """``-log2 p(piece | pieces before)`` of every id that is text, 0 for special ones."""
    bits = np.zeros(len(tokens.ids))
    for rows, logits in _logits(model, tokens, ~tokens.special, journal, shift=1):
        wanted = torch.from_numpy(tokens.ids[rows]).to(logits.device)
        nats = torch.nn.functional.cross_entropy(logits, wanted, reduction="none")
        bits[rows] = nats.double().cpu().numpy() / math.log(2)
    return bits


def piece_counts(tokens: TokenisedTreebank, vocabulary: int) -> Int[np.ndarray, " vocabulary"]:
    """How often each piece stands in a treebank, special tokens left out."""
    return np.bincount(tokens.ids[~tokens.special], minlength=vocabulary)


def _logits(
    model: LanguageModel,
    tokens: TokenisedTreebank,
    wanted: Bool[np.ndarray, " ids"],
    journal: Journal,
    *,
    shift: int,
) -> Iterator[tuple[np.ndarray, Float[Tensor, "some vocabulary"]]]:
    """Batch after batch: rows of ``tokens.ids`` that are wanted, and the logits ``shift`` places before."""
    kind = model.device.partition(":")[0]
    budget = min(default_budget(model.device), LOGITS_BYTES[kind] // (4 * model.vocabulary))
    lengths = tokens.lengths
    batches = plan_batches(lengths, max(1, budget))

    def work(sentences: np.ndarray) -> tuple[np.ndarray, Tensor]:
        if journal.stop_requested():
            raise Cancelled("Stopped on request; the unfinished treebank was not kept.")
        batch = Batch.of(tokens, sentences, model)
        rows = runs(tokens.id_bounds[sentences], lengths[sentences])
        places = runs(batch.origin, lengths[sentences])
        here = wanted[rows]
        with model.arithmetic():
            out = model.network(input_ids=batch.ids, attention_mask=batch.mask).logits
            flat = out.reshape(-1, out.shape[-1])
            where = places[here] - shift
            return rows[here], flat[torch.from_numpy(where).to(flat.device)].float()

    done, total = 0, int(wanted.sum())
    for rows, logits in over_batches(lengths, batches, work, journal=journal):
        yield rows, logits
        done += len(rows)
        journal.progress(done, total, unit="pieces")


def _compute_one(
    spec: LanguageModellingSpec, network: Callable[[], LanguageModel], store: Store, journal: Journal
) -> Entry:
    def write(folder: Path) -> dict[str, Any]:
        text = open_treebank(spec.text, store=store, journal=journal)
        counted = open_treebank(spec.counted, store=store, journal=journal)
        try:
            model = network()
        except NoHead as reason:
            (folder / FACTS).write_text(json.dumps({"without": reason.message}), "utf-8")
            return {}
        journal.stage(f"Language modelling on {spec.text.name} ({spec.text.split}) with {_name(spec.model)}")
        tokens = tokenise(text, model, max_words=spec.max_words)
        counts = piece_counts(tokenise(counted, model, max_words=spec.max_words), model.vocabulary)
        table, facts = sums_by_sentence(model, tokens, counts, spec=spec, journal=journal)
        table.to_parquet(folder / SENTENCES, index=False)
        (folder / FACTS).write_text(json.dumps(facts, indent=1), "utf-8")
        return {"device": model.device, "dtype": model.dtype, "sentences": len(table)}

    return store.obtain(spec, write, journal=journal)


def sums_by_sentence(
    model: LanguageModel,
    tokens: TokenisedTreebank,
    counts: Int[np.ndarray, " vocabulary"],
    *,
    spec: LanguageModellingSpec,
    journal: Journal = SILENT,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """A row a sentence: sent_id, whole (masked pieces, or bytes), network and unigram (hits, or bits)."""
    sentence = np.repeat(np.arange(len(tokens)), tokens.lengths)
    ids, text = tokens.ids, ~tokens.special
    if model.family == "encoder":
        places = masked_places(tokens, share=spec.masked, seed=spec.seed)
        whole = np.bincount(sentence[places], minlength=len(tokens)).astype(float)
        network = masked_hits(model, tokens, places, journal).astype(float)
        unigram = (ids[places] == int(counts.argmax())).astype(float)
        owner = sentence[places]
    else:
        whole = np.array([len(line.encode()) for line in tokens.sentences["text"].astype(str)], dtype=float)
        network = surprisal(model, tokens, journal)[text]
        unigram = -np.log2((counts + 1) / (counts.sum() + len(counts)))[ids[text]]
        owner = sentence[text]
    table = pd.DataFrame(
        {
            "sent_id": tokens.sentences["sent_id"].astype(str).to_numpy(),
            "whole": whole,
            "network": np.bincount(owner, weights=network, minlength=len(tokens)),
            "unigram": np.bincount(owner, weights=unigram, minlength=len(tokens)),
        }
    )
    unknown = model.tokenizer.unk_token_id
    share = float((ids[text] == unknown).mean()) if isinstance(unknown, int) and text.any() else 0.0
    facts = {"family": model.family, "pieces": int(text.sum()), "unknown": share}
    return table, facts | {"device": model.device, "skipped": len(tokens.skipped)}


def _with_head(ref: ModelRef, device: str, heads: dict[str, str | None]) -> LanguageModel:
    """With head; a random network only where the trained one has a head to be compared with."""
    if heads.get(ref.name) is not None:
        raise NoHead(str(heads[ref.name]))
    if ref.random_weights is not None and ref.name not in heads:
        _with_head(ref.model_copy(update={"random_weights": None}), device, heads)
    try:
        model = load_with_head(ref, device=device)
    except NoHead as reason:
        heads[ref.name] = reason.message
        raise
    heads.setdefault(ref.name, None)
    return model


def _name(ref: ModelRef) -> str:
    name = Path(ref.name).name
    return name if ref.random_weights is None else f"{name}, random weights {ref.random_weights}"
