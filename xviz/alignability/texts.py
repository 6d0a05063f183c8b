"""Sentence vectors of plain text, all layers from one pass: what the sentence-level scores are made of."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from xviz.corpora.treebank import Treebank
from xviz.journal import SILENT, Journal
from xviz.models.loading import LanguageModel
from xviz.representations.batches import default_budget, plan_batches
from xviz.representations.capture import LayerCapture
from xviz.representations.forward import Wanted, pooled
from xviz.representations.spec import SentencePooling
from xviz.representations.tokens import tokenise

LONGEST = 512
Key = tuple[int, SentencePooling]


def text_vectors(
    model: LanguageModel,
    texts: Sequence[str],
    *,
    layers: Sequence[int],
    poolings: Sequence[SentencePooling],
    name: str = "text",
    journal: Journal = SILENT,
) -> tuple[dict[Key, Float[np.ndarray, "sentences dim"]], Int[np.ndarray, " sentences"]]:
    """A vector a sentence, for each layer and pooling, and the rows of ``texts`` they belong to.

    Sentences that the network cannot read (too long, nothing left by the tokenizer) have none; the journal
    is told of each.
    """
    bank = _as_treebank(texts, name)
    tokens = tokenise(bank, model, max_words=LONGEST)
    for skip in tokens.skipped:
        if skip.index is None:
            journal.log(f"{name}, line {int(skip.sent_id) + 1} left out: {skip.reason}.")
    wanted = [Wanted(layer, "sentences", pooling) for layer in layers for pooling in poolings]
    out = {want: np.zeros((len(tokens), model.width), np.float32) for want in wanted}
    batches = plan_batches(tokens.lengths, default_budget(model.device))
    with LayerCapture(model, set(layers)) as capture:
        run = pooled(
            model,
            tokens,
            wanted,
            lambda _b, _w, x: (x.float(),),
            batches=batches,
            capture=capture,
            journal=journal,
        )
        for batch, kept in run:
            for want, (values,) in kept.items():
                out[want][batch.sentences] = values.numpy()
    rows = tokens.sentences["sentence"].to_numpy().astype(np.int64)
    return {(want.layer, want.pooling): x for want, x in out.items()}, rows  # type: ignore[misc]


def _as_treebank(texts: Sequence[str], name: str) -> Treebank:
    """Text as the tokenizer's room wants it: words are what stands between spaces."""
    spans = [[m.span() for m in re.finditer(r"\S+", text)] for text in texts]
    sentences = pd.DataFrame(
        {
            "sent_id": [str(i) for i in range(len(texts))],
            "text": list(texts),
            "length": [len(s) for s in spans],
        }
    )
    sentences["length"] = sentences["length"].astype(np.int32)
    flat = [(i, k + 1, *span) for i, row in enumerate(spans) for k, span in enumerate(row)]
    words = pd.DataFrame(flat, columns=["sentence", "index", "start", "end"]).astype(np.int32)
    words["form"] = [texts[i][start:end] for i, _, start, end in flat]
    for column in ("lemma", "upos", "deprel", "feats"):
        words[column] = ""
    words["head"] = np.int32(0)
    digest = hashlib.sha256("\n".join(texts).encode()).hexdigest()
    return Treebank(name, "und", "all", sentences, words, digest)
