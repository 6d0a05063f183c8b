"""What is tuned on and what is measured on share no sentence: counted, and taken out of the tuning.

Two sentences are the same if their letters and digits are, whatever their case, width, spaces and marks
(NFKC, casefold). A translation pair goes if either side is found among the evaluation's sentences, in all
languages; an instruction goes if its instruction, input or output is.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from xviz.corpora.folder import SAMPLE
from xviz.corpora.parallel import ParallelCorpus
from xviz.corpora.reader import lines_of
from xviz.errors import InputError
from xviz.learning.instruction.rows import Instructions

ENDINGS = (".conllu", ".txt", ".tsv")
_TEXT = "# text ="


@dataclass(frozen=True)
class Apartness:
    """What was looked for and what was found (and taken out).

    ``evaluation``: different sentences to be kept apart from; ``pairs`` and ``instructions``: ids that were
    looked at, and those of them that shared a sentence.
    """

    evaluation: int
    pairs: int = 0
    shared_pairs: tuple[str, ...] = ()
    instructions: int = 0
    shared_instructions: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The counts, to be shown."""
        return (
            f"Kept apart from {self.evaluation:,} sentences of evaluation: {len(self.shared_pairs)} of "
            f"{self.pairs:,} pairs and {len(self.shared_instructions)} of {self.instructions:,} instructions "
            "were among them and were left out of the tuning."
        )


def normalised(text: str) -> str:
    """Letters, marks and digits alone, in NFKC and casefolded."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(character for character in folded if unicodedata.category(character)[0] in "LMN")


def sentences_in(place: str | Path) -> set[str]:
    """The normalised sentences of a file or a folder (treebanks, text, tables), or of ``sample``.

    Raises:
        InputError: nothing lies there.
    """
    found: set[str] = set()
    for file in files_in(place):
        lines = lines_of(file)
        if file.suffix == ".conllu":
            texts: Iterable[str] = (line[len(_TEXT) :] for line in lines if line.startswith(_TEXT))
        elif file.suffix == ".tsv":
            texts = (cell for line in lines for cell in line.split("\t"))
        else:
            texts = lines
        found.update(map(normalised, texts))
    return found - {""}


def files_in(place: str | Path) -> list[Path]:
    """The files that :func:`sentences_in` reads."""
    root = SAMPLE if str(place) == "sample" else Path(place).expanduser()
    if not root.exists():
        raise InputError("There is no such file or folder.", file=place)
    files = [root] if root.is_file() else sorted(file for file in root.rglob("*") if file.suffix in ENDINGS)
    if not files:
        raise InputError(
            "No sentences lie here; expected are treebanks (.conllu), text (.txt) or tables (.tsv).",
            file=place,
        )
    return files


def shared_pairs(corpus: ParallelCorpus, evaluation: Collection[str]) -> tuple[str, ...]:
    """The ids of the sentences that evaluation has, in any language."""
    hit = [normalised(text) in evaluation for text in corpus.sentences["text"]]
    return tuple(dict.fromkeys(corpus.sentences["id"][hit]))


def shared_instructions(instructions: Instructions, evaluation: Collection[str]) -> tuple[str, ...]:
    """The ids of the instructions that evaluation has, in any language."""
    return tuple(
        dict.fromkeys(
            row.id
            for rows in instructions.rows.values()
            for row in rows
            if any(normalised(text) in evaluation for text in (row.instruction, row.input, row.output))
        )
    )


def without(corpus: ParallelCorpus, ids: Sequence[str]) -> ParallelCorpus:
    """The corpus without these sentences, in all languages."""
    kept = corpus.sentences[~corpus.sentences["id"].isin(list(ids))].reset_index(drop=True)
    return ParallelCorpus(
        corpus.name, corpus.languages, kept, corpus.fingerprint, (*corpus.left_out, *map(str, ids))
    )
