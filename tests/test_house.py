"""The house stands as the README draws it: who may import whom, and what importing costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
ROOMS = (
    "errors journal store corpora models representations concepts projection alignability "
    "learning evaluation runs figures reports dashboard cli"
).split()
HEAVY = {"torch", "streamlit", "transformers", "umap", "sklearn"}


def modules() -> list[Path]:
    return sorted((REPOSITORY / "xviz").rglob("*.py"))


def imports(path: Path) -> list[tuple[str, bool]]:
    """Every imported module, and whether the import stands at the top level (else inside a function)."""
    tree = ast.parse(path.read_text("utf-8"))
    top = {id(node) for node in tree.body}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, id(node) in top) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found += [(f"{node.module}.{alias.name}", id(node) in top) for alias in node.names]
    return found


def room_of(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if parts[0] == "xviz" and len(parts) > 1 and parts[1] in ROOMS else None


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(REPOSITORY)))
def test_a_room_imports_only_rooms_before_it(path: Path) -> None:
    parts = path.relative_to(REPOSITORY / "xviz").with_suffix("").parts
    if parts[0] == "__init__":
        return
    assert parts[0] in ROOMS, f"{parts[0]} is not a room of the house"
    here = ROOMS.index(parts[0])
    upward = [m for m, _ in imports(path) if (room := room_of(m)) and ROOMS.index(room) > here]
    assert not upward


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(REPOSITORY)))
def test_streamlit_stays_in_the_dashboard_and_plotly_in_figures(path: Path) -> None:
    room = path.relative_to(REPOSITORY / "xviz").parts[0]
    roots = {module.split(".")[0] for module, _ in imports(path)}
    assert room == "dashboard" or "streamlit" not in roots
    assert room in ("dashboard", "figures", "reports") or "plotly" not in roots


def test_no_dangerous_reading_anywhere() -> None:
    forbidden = ("import pickle", "trust_remote_code=True", "unsafe_allow_html=True", "weights_only=False")
    files = [*modules(), REPOSITORY / "app.py", *(REPOSITORY / "pages").rglob("*.py")]
    found = [
        (str(p), word) for p in files if p.exists() for word in forbidden if word in p.read_text("utf-8")
    ]
    assert not found


@pytest.mark.parametrize(
    "module",
    ["xviz", "xviz.store", "xviz.runs.resolve", "xviz.runs.record", "xviz.cli.application"]
    + [
        f"xviz.{p.parent.name}.spec"
        for p in modules()
        if p.name == "spec.py" and p.parent.parent.name == "xviz"
    ],
)
def test_importing_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(sorted({HEAVY!r} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_no_file_stands_directly_in_pages() -> None:
    assert [p.name for p in (REPOSITORY / "pages").glob("*.py")] == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert not [p for p in modules() if p.stem in ("utils", "helpers", "manager", "common", "misc")]
