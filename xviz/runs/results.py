"""What a run leaves in its own folder: its tables, and the names of its results in the store.

Tables (Parquet) are copied, so that they outlive every clearing of the store; vectors and what belongs to
them are not: they can be computed again from the specification.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from xviz.store import Entry, Spec, write_atomically

if TYPE_CHECKING:
    import pandas as pd

LARGE_KINDS = (
    "treebank",
    "words",
    "word_vectors",
    "sentence_vectors",
    "concept_sums",
    "neighbours",
    "layout",
)
LARGEST_TABLE = 50_000_000  # bytes
INDEX = "results.json"


def keep_results(folder: Path, wanted: Sequence[Spec], entries: Sequence[Entry]) -> None:
    """Put the tables of ``entries`` into ``folder/results``."""
    place = folder / "results"
    place.mkdir(exist_ok=True)
    index = []
    for spec, entry in zip(wanted, entries, strict=True):
        files = []
        for path in sorted(entry.folder.glob("*.parquet")):
            if entry.kind not in LARGE_KINDS and path.stat().st_size <= LARGEST_TABLE:
                name = f"{entry.kind}-{entry.key[:8]}-{path.name}"
                _copy(path, place / name)
                files.append(name)
        index.append({"kind": spec.kind, "key": spec.key, "tables": files})
    write_atomically(place / INDEX, json.dumps(index, indent=1))


def result_tables(folder: Path) -> dict[str, pd.DataFrame]:
    """The tables of a run by ``kind/name`` (``alignability/scores``); those of one name are put together."""
    import pandas as pd

    tables: dict[str, list[pd.DataFrame]] = {}
    for path in sorted((folder / "results").glob("*.parquet")):
        kind, _, rest = path.stem.partition("-")
        name = rest.partition("-")[2]
        try:
            tables.setdefault(f"{kind}/{name}", []).append(pd.read_parquet(path))
        except (OSError, ValueError):  # pyarrow's errors are both
            continue
    return {name: pd.concat(parts, ignore_index=True) for name, parts in tables.items()}


def _copy(source: Path, target: Path) -> None:
    partial = target.with_name(f".{target.name}.partial")
    shutil.copyfile(source, partial)
    os.replace(partial, target)
