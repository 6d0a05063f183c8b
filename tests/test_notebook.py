"""The notebook in docs/ runs from top to bottom on what ships with xviz, and says what the rooms say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

NOTEBOOK = Path(__file__).resolve().parents[1] / "docs" / "concept_spaces.ipynb"


def code_cells() -> list[str]:
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def test_it_is_kept_without_outputs() -> None:
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    assert cells[0]["cell_type"] == "markdown"
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in cells)


@pytest.mark.slow
def test_it_runs(capsys) -> None:
    here: dict[str, Any] = {}
    for number, source in enumerate(code_cells()):
        exec(compile(source, f"{NOTEBOOK.name}, code cell {number}", "exec"), here)  # noqa: S102
    assert here["read"].vectors().shape[1] == 256
    assert here["space"].counts.sum() == len(here["read"].words)
    assert len(here["points"]) == 1000
    scores = here["scores"]
    assert set(scores["null_kind"]) == {"permutation", "lexical", "random_weights"}
    assert scores["score"].between(-1, 1).all()
    np.testing.assert_allclose(here["again"].prototypes, here["space"].prototypes, atol=1e-4)
    assert here["sentence"].forms[-1] == "."
