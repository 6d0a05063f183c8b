"""A sentence that somebody types: its words, their vectors at every layer, the concepts they lie nearest to.

A typed sentence has no annotation: its words are cut from the text alone (:mod:`xviz.concepts.live_words`).
The network reads it once; each word is then named at every layer

- by **probes** (METHODS.md, section 2): ``p(k | x) = softmax_k(-||x A - c_k A||^2)``, averaged over the
  probes of several languages, each counting once;
- where there is no probe, by **raw prototypes**: the distance ``||x - c_k||`` to the mean of the languages'
  prototypes, each language counting once. Distances are no probabilities and are not shown as such.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from jaxtyping import Float

from xviz.concepts.live_words import CutSentence, Span, cut_words
from xviz.concepts.prototypes import ConceptSpace
from xviz.corpora.treebank import Treebank
from xviz.errors import InputError
from xviz.representations.spec import WordPooling

if TYPE_CHECKING:
    from xviz.concepts.probe import Probe
    from xviz.models.loading import LanguageModel

LEAST_COUNT = 10
"""Occurrences from which a concept of a language has a prototype (METHODS.md, section 1)."""


@dataclass(frozen=True)
class ReadSentence:
    """A sentence that a network has read.

    ``forms``: the words that have a vector; ``spans``: where they stand in ``text``; ``subwords``: pieces of
    each; ``vectors[layer]`` is ``[words, dim]`` in fp32; ``left_out``: words of which the tokenizer leaves
    nothing.
    """

    text: str
    forms: tuple[str, ...]
    spans: tuple[Span, ...]
    subwords: tuple[int, ...]
    vectors: Mapping[int, Float[np.ndarray, "words dim"]]
    left_out: tuple[str, ...]
    how: str


@dataclass(frozen=True)
class Named:
    """How near each word lies to each concept at one layer.

    ``values`` are probabilities (each row sums to 1) where ``by`` is ``probe``, distances where it is
    ``prototypes``.
    """

    names: tuple[str, ...]
    values: Float[np.ndarray, "words concepts"]
    by: str
    languages: tuple[str, ...]

    @property
    def order(self) -> np.ndarray:
        """Concepts of each word, nearest first."""
        return np.argsort(-self.values if self.by == "probe" else self.values, axis=1, kind="stable")


def read_sentence(
    model: LanguageModel, text: str, *, layers: Sequence[int], pooling: WordPooling
) -> ReadSentence:
    """One pass of the network over a typed sentence; nothing is stored.

    Args:
        layers: 0 is the embedding output.
        pooling: of the pieces of a word, as in the spaces that the words are compared with.

    Raises:
        InputError: there is nothing to read, or more than the network can read.
    """
    from xviz.representations.batches import plan_batches
    from xviz.representations.capture import LayerCapture
    from xviz.representations.forward import Wanted, pooled
    from xviz.representations.tokens import tokenise

    sentence = cut_words(text, lambda joined: _spans_of_pieces(model, joined))
    tokens = tokenise(_treebank(sentence), model)
    if len(tokens) == 0:
        reason = tokens.skipped[0].reason if tokens.skipped else "it has no word"
        raise InputError(f"{model.name} cannot read this sentence: {reason}.")
    wanted = [Wanted(layer, "words", pooling) for layer in sorted(set(layers))]
    vectors: dict[int, np.ndarray] = {}
    with LayerCapture(model, {want.layer for want in wanted}) as capture:
        batches = plan_batches(tokens.lengths, int(tokens.lengths.max()))
        for batch, kept in pooled(
            model, tokens, wanted, lambda _b, _w, part: (part.float(),), batches=batches, capture=capture
        ):
            order = np.argsort(batch.words(), kind="stable")
            vectors |= {want.layer: part[0].numpy()[order] for want, part in kept.items()}
    words = tokens.words
    return ReadSentence(
        text=sentence.text,
        forms=tuple(words["form"].astype(str)),
        spans=tuple(zip(words["start"].tolist(), words["end"].tolist(), strict=True)),
        subwords=tuple(words["subwords"].tolist()),
        vectors=vectors,
        left_out=tuple(skip.form or "" for skip in tokens.skipped if skip.index is not None),
        how=sentence.how,
    )


def name_by_probes(
    probes: Sequence[Probe], languages: Sequence[str], vectors: Float[np.ndarray, "words dim"]
) -> Named:
    """``p(k | x)``, the mean over the probes of several languages; a concept unknown to one counts as 0."""
    names = tuple(sorted({name for probe in probes for name in probe.names}))
    total = np.zeros((len(vectors), len(names)))
    for probe in probes:
        total[:, [names.index(name) for name in probe.names]] += probe.probabilities(vectors)
    return Named(names, total / len(probes), "probe", tuple(languages))


def name_by_prototypes(spaces: Sequence[ConceptSpace], vectors: Float[np.ndarray, "words dim"]) -> Named:
    """Distances to the prototypes over all spaces, each counting once.

    A concept enters with the languages in which it occurs at least :data:`LEAST_COUNT` times.

    Raises:
        InputError: no concept is that common in any language.
    """
    members: dict[str, list[np.ndarray]] = {}
    for space in spaces:
        for name, vector, count in zip(space.names, space.prototypes, space.counts, strict=True):
            if count >= LEAST_COUNT:
                members.setdefault(name, []).append(vector)
    if not members:
        raise InputError(
            f"No concept occurs {LEAST_COUNT} times in these treebanks, so there is no prototype to compare "
            "with; choose more text or other concepts."
        )
    names = tuple(sorted(members))
    prototypes = np.stack([np.mean(members[name], axis=0) for name in names]).astype(np.float64)
    distances = np.linalg.norm(np.asarray(vectors, np.float64)[:, None] - prototypes[None], axis=-1)
    return Named(names, distances, "prototypes", tuple(dict.fromkeys(space.language for space in spaces)))


def nearest_concepts(
    sentence: ReadSentence, named: Mapping[int, Named], *, most: int | None = 3
) -> pd.DataFrame:
    """Tidy table: a row for each word, layer and rank.

    Columns: ``position`` (1 is the first word), ``form``, ``layer``, ``rank`` (1 is the nearest),
    ``concept``, ``probability`` (of probes), ``distance`` (to raw prototypes), ``margin`` (how much nearer
    this concept is than the next: ``1 - d1 / d2`` of distances, ``p1 - p2`` of probabilities; for rank 1).
    """
    rows = []
    for layer, found in sorted(named.items()):
        order = found.order
        for word, form in enumerate(sentence.forms):
            for rank, concept in enumerate(order[word][:most], 1):
                value = float(found.values[word, concept])
                of_probe = found.by == "probe"
                rows.append(
                    {
                        "position": word + 1,
                        "form": form,
                        "layer": layer,
                        "rank": rank,
                        "concept": found.names[concept],
                        "probability": value if of_probe else np.nan,
                        "distance": np.nan if of_probe else value,
                        "margin": _margin(found, word, order[word]) if rank == 1 else np.nan,
                    }
                )
    return pd.DataFrame(rows)


def _margin(found: Named, word: int, order: np.ndarray) -> float:
    if len(order) < 2:
        return float("nan")
    first, second = (float(found.values[word, concept]) for concept in order[:2])
    if found.by == "probe":
        return first - second
    return 1 - first / second if second > 0 else 0.0


def _spans_of_pieces(model: LanguageModel, text: str) -> list[Span]:
    backend = model.tokenizer.backend_tokenizer  # type: ignore[attr-defined]
    spans = backend.encode(text, add_special_tokens=False).offsets
    return [(s, e) for s, e in spans if text[s:e].strip()]


def _treebank(sentence: CutSentence) -> Treebank:
    """The sentence as a treebank without annotation."""
    count = len(sentence.spans)
    words = pd.DataFrame(
        {
            "sentence": np.zeros(count, np.int32),
            "index": np.arange(1, count + 1, dtype=np.int32),
            "form": list(sentence.forms),
            "lemma": "_",
            "upos": "_",
            "deprel": "_",
            "head": np.zeros(count, np.int32),
            "feats": "",
            "start": np.array([start for start, _ in sentence.spans], np.int32),
            "end": np.array([end for _, end in sentence.spans], np.int32),
        }
    )
    sentences = pd.DataFrame({"sent_id": ["typed"], "text": [sentence.text], "length": [count]})
    return Treebank("typed", "und", "all", sentences=sentences, words=words, fingerprint="")
