"""Fixtures shared by all tests: a home of their own, the real treebanks where they are, tiny networks."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
if str(REPOSITORY) not in sys.path:
    sys.path.insert(0, str(REPOSITORY))  # the benchmarks and the tests share their tiny networks
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


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """``tiny_models("bert")``: the folder of a tiny random network of a family, made at first use.

    Families: ``benchmarks.networks.FAMILIES``. Two layers, width 32, a tokenizer trained on :data:`TEXTS`.
    """
    from benchmarks.networks import build_tiny

    place = tmp_path_factory.mktemp("tiny")

    @functools.cache
    def folder_of(family: str) -> Path:
        return build_tiny(family, place / family, TEXTS)

    return folder_of


TEXTS = (
    "The old house stands by the river, and nobody has lived in it for years.",
    "Das alte Haus steht am Fluss, und seit Jahren wohnt niemand mehr darin.",
    "La vieille maison est au bord de l'eau ; personne n'y habite depuis longtemps.",
    "El perro duerme en la casa del vecino y no quiere despertarse.",
    "El-Bahar kbir u l-għasafar iġorru ġewwieni fil-Ġnien.",
    "Старый дом стоит у реки, и никто в нём давно не живёт.",
    "البيت القديم يقف قرب النهر ولا يسكنه أحد منذ سنوات.",
    "บ้านหลังเก่าตั้งอยู่ริมแม่น้ำและไม่มีใครอาศัยอยู่มานานหลายปี",
    "老房子在河边，好几年没有人住了。",
    "古い家は川のそばにあり、長い間だれも住んでいない。",
    "Ngôi nhà cũ nằm bên bờ sông và đã lâu không có ai ở.",
    "नदी के किनारे पुराना घर खड़ा है।",
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if (DATA / "ud").is_dir():
        return
    left_out = [item for item in items if item.get_closest_marker("data")]
    for item in left_out:
        items.remove(item)
    config.stash[_LEFT_OUT] = len(left_out)
    config.hook.pytest_deselected(items=left_out)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A process that shares the tests with others tells the one that reports."""
    told = getattr(session.config, "workeroutput", None)
    if told is not None:
        told["left_out"] = session.config.stash.get(_LEFT_OUT, 0)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error) -> None:
    told = getattr(node, "workeroutput", {})
    node.config.stash[_LEFT_OUT] = max(node.config.stash.get(_LEFT_OUT, 0), told.get("left_out", 0))


def pytest_terminal_summary(terminalreporter, exitstatus, config: pytest.Config) -> None:
    count = config.stash.get(_LEFT_OUT, 0)
    if count:
        terminalreporter.write_line(
            f"{count} tests on real treebanks were left out: {DATA} is absent (set XVIZ_TEST_DATA)."
        )


_LEFT_OUT = pytest.StashKey[int]()
