"""What lies beside the vectors in the store: the word table, the sentences, what has none. Torch-free."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

WORDS, SENTENCES, SKIPPED = "words.parquet", "sentences.parquet", "skipped.json"


@dataclass(frozen=True)
class Skipped:
    """A sentence, or one word of a sentence (``index`` and ``form``), that has no vector, and why."""

    sent_id: str
    reason: str
    index: int | None = None
    form: str | None = None


def write_skipped(skipped: Sequence[Skipped], folder: Path) -> None:
    rows = [{k: v for k, v in asdict(skip).items() if v is not None} for skip in skipped]
    (folder / SKIPPED).write_text(json.dumps(rows, ensure_ascii=False, indent=1), encoding="utf-8")


def read_skipped(folder: Path) -> tuple[Skipped, ...]:
    return tuple(Skipped(**row) for row in json.loads((folder / SKIPPED).read_text("utf-8")))
