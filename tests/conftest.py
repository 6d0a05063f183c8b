"""Fixtures shared by all tests: a home of their own, the real treebanks where they are, tiny networks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("XVIZ_TEST_DATA") or REPOSITORY.parent / "shared" / "data")


@pytest.fixture(autouse=True)
def xviz_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test keeps its results in a folder of its own."""
    monkeypatch.setenv("XVIZ_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real treebanks, translations and text (tests that use it are marked ``data``)."""
    return DATA


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if (DATA / "ud").is_dir():
        return
    left_out = [item for item in items if item.get_closest_marker("data")]
    for item in left_out:
        items.remove(item)
    config.stash[_LEFT_OUT] = len(left_out)
    config.hook.pytest_deselected(items=left_out)


def pytest_terminal_summary(terminalreporter, exitstatus, config: pytest.Config) -> None:
    count = config.stash.get(_LEFT_OUT, 0)
    if count:
        terminalreporter.write_line(
            f"{count} tests on real treebanks were left out: {DATA} is absent (set XVIZ_TEST_DATA)."
        )


_LEFT_OUT = pytest.StashKey[int]()
