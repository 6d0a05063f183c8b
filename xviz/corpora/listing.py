"""What lies in a folder of treebanks, for a person who chooses: sizes, scripts, licences.

Words are counted from the lines alone (no parsing) and remembered by size and time of change of each file, so
that a second listing opens no treebank.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xviz.corpora.folder import find_treebanks
from xviz.corpora.languages import dominant_script
from xviz.store import Store, write_atomically

_WORD = re.compile(rb"^[0-9]+\t([^\t\n]*)", re.MULTILINE)
_LOOKED_AT = 5000  # words that decide the script of a file
_VERSION = 1


def list_corpora(data: str | Path, *, store: Store) -> list[dict[str, Any]]:
    """One row a treebank: name, language (ISO 639-3), family, script, splits, words, licence, path.

    ``words`` counts the words of all files (multiword tokens and empty nodes not counted), ``script`` is
    the ISO 15924 code of most letters. A malformed file is counted as it is; reading it is what tells.

    Raises:
        InputError: no treebank lies there.
    """
    memory = store.root / "word_counts.json"
    seen = _remembered(memory)
    facts: dict[str, Any] = {}
    rows = []
    for treebank in find_treebanks(data):
        for file in treebank.all_files:
            facts[str(file)] = _facts(file, seen)
        largest = max((facts[str(file)] for file in treebank.all_files), key=lambda fact: fact["words"])
        rows.append(
            {
                "name": treebank.name,
                "language": treebank.language,
                "family": treebank.family,
                "script": largest["script"],
                "splits": list(treebank.splits),
                "words": sum(facts[str(file)]["words"] for file in treebank.all_files),
                "licence": treebank.licence,
                "path": str(treebank.folder),
            }
        )
    if any(seen.get(path) != fact for path, fact in facts.items()):
        _remember(memory, {**seen, **facts})
    return rows


def _facts(file: Path, seen: Mapping[str, Any]) -> dict[str, Any]:
    stat = file.stat()
    key = [_VERSION, stat.st_size, stat.st_mtime_ns]
    remembered = seen.get(str(file))
    if isinstance(remembered, dict) and remembered.get("key") == key:
        return remembered
    forms = _WORD.findall(file.read_bytes())
    script = dominant_script(form.decode("utf-8", errors="ignore") for form in forms[:_LOOKED_AT])
    return {"key": key, "words": len(forms), "script": script}


def _remembered(memory: Path) -> dict[str, Any]:
    try:
        seen = json.loads(memory.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return seen if isinstance(seen, dict) else {}


def _remember(memory: Path, facts: Mapping[str, Any]) -> None:
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(memory, json.dumps(facts, ensure_ascii=False))
    except OSError:
        pass  # remembering only saves time
