"""Structured prompts: labelled sentences, then a sentence that is labelled word by word. Torch-free.

With two demonstrations and the default style, while the third word is being labelled::

    Context: The dog sleeps
    Tagged: The_DET dog_NOUN sleeps_VERB

    Context: Das Haus steht
    Tagged: Das_DET Haus_NOUN steht_VERB

    Context: A cat sat
    Tagged: A_DET cat_NOUN sat_

The label that was predicted for a word is fed back before the next word (Blevins, Gonen and Zettlemoyer,
2023; paper A). Nothing else is ever added: :func:`prompt` is exactly what the network reads after its BOS.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from xviz.errors import InputError


@dataclass(frozen=True)
class Demonstration:
    """A sentence whose words are labelled."""

    words: tuple[str, ...]
    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.words) != len(self.labels):
            raise InputError(
                f"A demonstration has a label for each word; here are {len(self.words)} words and "
                f"{len(self.labels)} labels."
            )


@dataclass(frozen=True)
class Style:
    """The words around the words."""

    sentence: str = "Context: "
    tagged: str = "Tagged: "
    joiner: str = "_"
    space: str = " "
    line: str = "\n"
    between: str = "\n\n"

    def opening(self, words: Sequence[str]) -> str:
        """From the sentence to the place where its first word is written again."""
        return f"{self.sentence}{self.space.join(words)}{self.line}{self.tagged}"

    def word(self, words: Sequence[str], place: int) -> str:
        """What is written before the label of one word."""
        return f"{self.space if place else ''}{words[place]}{self.joiner}"


USUAL = Style()


def prefix(demonstrations: Sequence[Demonstration], style: Style = USUAL) -> str:
    """All demonstrations, each ended by the empty line: what the prompts of many sentences share."""
    return "".join(
        prompt([], each.words, each.labels, style=style) + style.between for each in demonstrations
    )


def prompt(
    demonstrations: Sequence[Demonstration],
    words: Sequence[str],
    labels: Sequence[str] = (),
    *,
    style: Style = USUAL,
) -> str:
    """The prompt after which the label of word ``len(labels)`` is predicted, after ``labels`` before it.

    With a label for every word: the finished text.

    Raises:
        InputError: more labels than words, or no word.
    """
    if not words or len(labels) > len(words):
        raise InputError(
            f"A prompt wants a sentence and at most a label for each word; here are {len(words)} words and "
            f"{len(labels)} labels."
        )
    text = prefix(demonstrations, style) + style.opening(words)
    text += "".join(style.word(words, i) + label for i, label in enumerate(labels))
    return text + (style.word(words, len(labels)) if len(labels) < len(words) else "")


def shuffled(demonstrations: Sequence[Demonstration], *, seed: int) -> list[Demonstration]:
    """A control: the same words and the same labels, but labels change places among all words."""
    labels = [label for each in demonstrations for label in each.labels]
    order = np.random.default_rng(seed).permutation(len(labels))
    mixed = iter([labels[i] for i in order])
    return [replace(each, labels=tuple(next(mixed) for _ in each.labels)) for each in demonstrations]
