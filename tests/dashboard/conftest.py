"""A home in which a tiny random network has read three treebanks of the sample, shared by the tests here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from xviz.corpora.folder import choose
from xviz.models.devices import choose_dtype
from xviz.models.spec import ModelRef
from xviz.representations.spec import WordVectorsSpec
from xviz.runs.steps import compute
from xviz.store import Store

REPOSITORY = Path(__file__).resolve().parents[2]
LANGUAGES = ("English-Sample", "German-Sample", "Arabic-Sample")


@dataclass(frozen=True)
class Filled:
    home: Path
    model: Path


@pytest.fixture(scope="session")
def _filled(tiny_models: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Filled:
    home, model = tmp_path_factory.mktemp("filled"), tiny_models("bert")
    dtype = choose_dtype("auto")
    specs = [
        WordVectorsSpec(
            model=ModelRef(name=str(model)), treebank=treebank, layer=layer, pooling="first", dtype=dtype
        )
        for treebank in choose("sample", LANGUAGES)
        for layer in range(3)
    ]
    compute(specs, store=Store(home / "store"))
    return Filled(home, model)


@pytest.fixture
def filled(_filled: Filled, monkeypatch: pytest.MonkeyPatch) -> Filled:
    monkeypatch.setenv("XVIZ_HOME", str(_filled.home))
    return _filled


class SilentWorker:
    """Stands for the worker process: a test of a page starts none."""

    def __init__(self) -> None:
        self.asked: list = []

    def request(self, spec, *, again=False):
        from xviz.projection.worker import Status

        self.asked.append(spec)
        return Status("running", "Exact neighbours", 1, 2)


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> SilentWorker:
    stand_in = SilentWorker()
    for module in ("server", "map_view"):
        monkeypatch.setattr(f"xviz.dashboard.{module}.map_worker", lambda: stand_in)
    return stand_in


Open = Callable[..., AppTest]


@pytest.fixture
def open_page(worker: SilentWorker, monkeypatch: pytest.MonkeyPatch) -> Open:
    """``open_page("concept_space", layer="2")``: the page as a reader sees it who opens such a link.

    Every visit begins at the overview, whose map would be computed anew in every test: left out here.
    """
    monkeypatch.setattr("xviz.dashboard.overview_map.living_map", list)

    def open_(page: str, **query: str | list[str]) -> AppTest:
        app = AppTest.from_file(str(REPOSITORY / "app.py"), default_timeout=120)
        app.run()
        app.switch_page(f"pages/{page}/page.py")
        for name, value in query.items():
            app.query_params[name] = value
        app.run()
        assert not app.exception, app.exception[0].value
        return app

    return open_


def text_of(app: AppTest) -> str:
    """Everything that a page says."""
    parts = [*app.title, *app.subheader, *app.markdown, *app.caption, *app.info, *app.warning, *app.error]
    return "\n".join(str(part.value) for part in parts)
