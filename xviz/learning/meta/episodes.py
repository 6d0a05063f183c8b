"""Episodes: sentences of one language, split into a support and a query that share none (METHODS, section 4).

An episode has ``support`` sentences, and one more for each concept of the language that they lack
("smoothing"), and up to ``query`` others. In paper A's public code the two overlap, by a test that is always
true; here the query is drawn from what the support leaves.

An epoch has as many episodes of each language, in random order. Every seed has its own random numbers, so a
seed's episodes do not depend on how many seeds are trained beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from xviz.errors import InputError
from xviz.learning.meta.languages import Language, Side


@dataclass(frozen=True)
class Episode:
    """Sentence numbers (of the language's train side) of support and query."""

    language: int
    support: Int[np.ndarray, " support"]
    query: Int[np.ndarray, " query"]


@dataclass(frozen=True)
class Rows:
    """Rows of vectors for several seeds and episodes, padded to one length.

    ``index`` counts in the vectors of all languages laid end to end; ``weight`` is 1/n for the n labelled
    words of an episode, divided by the number of episodes, and 0 for padding: the weighted sum of word
    losses is the mean over episodes of the mean over words.
    """

    index: Int[np.ndarray, "seeds episodes rows"]
    weight: Float[np.ndarray, "seeds episodes rows"]


class EpisodeSampler:
    """Draws episodes from the train sides of ``languages``."""

    def __init__(self, languages: Sequence[Language], *, concepts: int, support: int, query: int):
        self.support, self.query = support, query
        self.sides: list[Side] = [language.train for language in languages]
        self.presence = [side.presence(concepts) for side in self.sides]
        self.offsets = np.concatenate([[0], np.cumsum([len(side.codes) for side in self.sides])])
        for language, there in zip(languages, self.presence, strict=True):
            if len(there) <= support + int(there.any(0).sum()):
                raise InputError(
                    f"{language.name} has {len(there)} sentences to train on: too few for episodes with "
                    f"{support} sentences of support. Leave it out, or take a smaller support."
                )

    def draw(self, language: int, rng: np.random.Generator) -> Episode:
        """One episode; support and query are disjoint."""
        there = self.presence[language]
        order = rng.permutation(len(there))
        support = order[: self.support]
        missing = there.any(0) & ~there[support].any(0)
        for concept in np.flatnonzero(missing):
            if not there[support, concept].any():  # a sentence added for another concept may hold it
                support = np.append(support, rng.choice(np.flatnonzero(there[:, concept])))
        rest = order[~np.isin(order, support)]
        return Episode(language, support, rest[: self.query])

    def epoch(self, rng: np.random.Generator, *, episodes: int, together: int) -> Iterator[list[Episode]]:
        """Steps of ``together`` episodes; ``episodes`` of each language in all."""
        order = rng.permutation(np.repeat(np.arange(len(self.sides)), episodes))
        for start in range(0, len(order), together):
            yield [self.draw(language, rng) for language in order[start : start + together]]

    def rows(self, steps: Sequence[Sequence[Episode]], part: str) -> Rows:
        """The labelled words of the ``support`` or ``query`` of one step of each seed."""
        found = [
            [self.sides[e.language].rows(getattr(e, part)) + self.offsets[e.language] for e in step]
            for step in steps
        ]
        return padded(found)


def padded(found: Sequence[Sequence[Int[np.ndarray, " rows"]]]) -> Rows:
    """Lists of rows (outer: seeds, inner: episodes) as one block."""
    longest = max(len(rows) for step in found for rows in step)
    shape = (len(found), len(found[0]), max(1, longest))
    index, weight = np.zeros(shape, np.int64), np.zeros(shape, np.float32)
    for s, step in enumerate(found):
        for e, rows in enumerate(step):
            index[s, e, : len(rows)] = rows
            weight[s, e, : len(rows)] = 1 / (max(1, len(rows)) * len(step))
    return Rows(index, weight)
