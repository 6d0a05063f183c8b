"""Rows whose answer may be in another language than the question (Li et al., 2023; METHODS.md section 5).

Every instruction stands once in the built set for each language. In language l, a share p of them is
cross-lingual, exactly:

- two languages: the question is in l, the answer in the other one (so each language asks equally often);
- more: the first language is the pivot. For another language l the question is in the pivot and the answer in
  l, or, for half of them, the other way round. For the pivot the other language is drawn.

All else is in l throughout. With p = 0 no row crosses (the control *monolingual*).

A row reads ``"{instruction} {input} Answer in {language}: {output}"``, without the input where it is empty,
the language by its English name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xviz.corpora.languages import display_name
from xviz.errors import InputError
from xviz.learning.instruction.rows import Instructions


@dataclass(frozen=True)
class BuiltRow:
    """A prompt and the answer to be learned. ``slot`` is the language that the row counts for."""

    id: str
    slot: str
    question: str
    answer: str
    """Languages of the question and of the answer (ISO 639-3)."""
    prompt: str
    output: str

    @property
    def crosses(self) -> bool:
        return self.question != self.answer


def build(instructions: Instructions, *, crossing: float = 0.5, seed: int = 0) -> list[BuiltRow]:
    """One row for every id and language, ``crossing`` of them with the answer in another language.

    Args:
        instructions: the first language is the pivot.
        crossing: p, between 0 and 1.
        seed: the same seed gives the same rows, whatever the machine.

    Raises:
        InputError: a share that is none, or rows that should cross with one language only.
    """
    languages = instructions.languages
    if not 0 <= crossing <= 1:
        raise InputError(f"The share of cross-lingual rows is between 0 and 1, not {crossing:g}.")
    if crossing > 0 and len(languages) < 2:
        raise InputError("Answers in another language than the question's want at least two languages.")
    built = []
    for number, slot in enumerate(languages):
        rng = np.random.default_rng([seed, number])
        n = len(instructions.ids)
        drawn = rng.permutation(n)[: round(crossing * n)]
        turn = {int(row): turn for turn, row in enumerate(drawn)}
        partners = rng.integers(1, max(2, len(languages)), size=n)  # of the pivot; its own number is 0
        for row, id in enumerate(instructions.ids):
            question = answer = slot
            if row in turn:
                other = languages[int(partners[row])] if number == 0 else languages[0]
                # two languages: a slot always asks in its own; more: pivot to other, every second flipped
                ahead = (slot == languages[0]) if len(languages) > 2 else True
                if len(languages) > 2 and turn[row] % 2:
                    ahead = not ahead
                question, answer = (slot, other) if ahead else (other, slot)
            asked = instructions.rows[question][row]
            built.append(
                BuiltRow(
                    id=id,
                    slot=slot,
                    question=question,
                    answer=answer,
                    prompt=prompt_of(asked.instruction, asked.input, answer),
                    output=instructions.rows[answer][row].output,
                )
            )
    return built


def prompt_of(instruction: str, input: str, answer: str) -> str:
    """What comes before the answer; the answer follows after a space."""
    return " ".join(part for part in (instruction, input, f"Answer in {display_name(answer)}:") if part)


def translation_prompt(text: str, target: str) -> str:
    """The prompt of an optional translation row."""
    return f"{text} Translate into {display_name(target)}:"


def counts(rows: Sequence[BuiltRow]) -> dict[str, int]:
    """How many rows there are of each direction, ``eng-deu``: question in English, answer in German."""
    return dict(Counter(f"{row.question}-{row.answer}" for row in rows))
