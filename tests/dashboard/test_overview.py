"""The first screen: a map, a true sentence, three ways in, what is here; and a sentence that is typed."""

from __future__ import annotations

import re
import shutil

import pytest
from streamlit.testing.v1 import AppTest

from tests.dashboard.conftest import LANGUAGES, REPOSITORY, Filled, text_of
from xviz.concepts.agreement import Agreement
from xviz.concepts.spec import ConceptSpaceSpec, ProbeSettings
from xviz.corpora.folder import choose, find_treebanks
from xviz.dashboard.choices import Choices
from xviz.dashboard.overview_finding import finding_sentence
from xviz.models.devices import choose_dtype
from xviz.models.folder import describe
from xviz.models.spec import ModelRef
from xviz.representations.spec import WordVectorsSpec
from xviz.runs.record import create_run
from xviz.runs.steps import compute
from xviz.store import Store

SENTENCE = "The old house stands by the river."


@pytest.fixture
def overview(filled: Filled, worker, monkeypatch):
    """The page on the tiny network and three languages."""
    chosen = [t for t in find_treebanks("sample") if t.name.removeprefix("UD_") in LANGUAGES]
    specs = tuple(choose("sample", [t.name for t in chosen]))
    model = str(filled.model)
    choices = Choices(ModelRef(name=model), describe(model), "sample", tuple(chosen), specs, "auto", "auto")
    monkeypatch.setattr("xviz.dashboard.overview_map.sample_choices", lambda: choices)
    monkeypatch.setattr("xviz.dashboard.overview_map.map_worker", lambda: worker)

    def open_(**query: str) -> AppTest:
        app = AppTest.from_file(str(REPOSITORY / "app.py"), default_timeout=120)
        with monkeypatch.context() as first_visit:  # at the root, before there is an address to read
            first_visit.setattr("xviz.dashboard.overview_map.living_map", list)
            app.run()
        app.switch_page("pages/overview/page.py")
        for name, value in query.items():
            app.query_params[name] = value
        app.run()
        assert not app.exception, app.exception[0].value
        return app

    return open_


def said(app: AppTest) -> str:
    return text_of(app).replace("\\", "")


def type_sentence(app: AppTest, text: str) -> AppTest:
    next(w for w in app.text_input if w.key == "ov-live-text").set_value(text)
    next(b for b in app.button if b.label == "Read").click()
    app.run()
    assert not app.exception, app.exception[0].value
    return app


def test_it_says_one_thing_that_is_computed_with_its_n_and_its_chance(overview) -> None:
    text = said(overview())
    found = re.search(
        r"At layer 1, (\d+) % \(± (\d+)\) of a word's nearest words in other languages .* would be (\d+) %",
        text,
    )
    assert found, text
    assert re.search(r"[\d,]+ words of \d+ sentences and their translations", text)
    assert "900 words of 3 languages" in text
    assert "Compare with random weights" in [b.label for b in overview().button]


def test_the_three_ways_in_and_what_is_here(overview) -> None:
    app = overview()
    assert {"Browse", "Bring your own", "Continue a run", "On this machine"} <= {
        h.value for h in app.subheader
    }
    assert [tab.label for tab in app.tabs] == ["Models", "Treebanks", "Results"]
    assert "12 treebanks of 12 languages" in said(app)
    assert "None yet" in said(app)


def test_the_slider_moves_the_finding(overview) -> None:
    app = overview(ov_layer="2", ov_colour="language")
    assert "At layer 2, " in said(app)
    slider = next(s for s in app.slider if s.key == "ov_layer")
    assert slider.value == 2
    slider.set_value(0)
    app.run()
    assert "At layer 0, " in said(app)


def test_a_layer_that_is_not_there_is_told(overview) -> None:
    assert "layer 9, which is not here (there are 0 to 2)" in said(overview(ov_layer="9"))


def test_umap_is_asked_of_the_worker_while_components_are_shown(overview, worker) -> None:
    app = overview(ov_map="UMAP")
    assert {(spec.kind, spec.method) for spec in worker.asked} == {("map", "umap")}
    assert "meanwhile, principal components" in said(app)


def test_a_run_is_offered_with_its_state(overview, filled) -> None:
    wanted = [choose("sample", ["English-Sample"])[0]]
    run = create_run(wanted, title="Reading *English*")
    try:
        text = said(overview())
        assert "Reading *English*" in text
        assert "None yet" not in text
    finally:
        shutil.rmtree(run.folder)


def test_own_treebanks_that_are_not_there_are_told_in_place(overview, tmp_path) -> None:
    app = overview()
    next(w for w in app.text_input if w.key == "ov-own-data").set_value(str(tmp_path / "none"))
    next(b for b in app.button if b.label == "Open").click()
    app.run()
    assert not app.exception
    assert "none" in said(app)
    assert app.title[0].value == "xviz"


def test_own_model_and_treebanks_open_in_the_concept_space(overview, filled) -> None:
    app = overview()
    next(w for w in app.text_input if w.key == "ov-own-model").set_value(str(filled.model))
    next(b for b in app.button if b.label == "Open").click()
    app.run()
    assert app.title[0].value == "Concept space"
    assert app.session_state["model"] == str(filled.model)


def test_a_typed_sentence_is_named_layer_by_layer_and_honestly(overview) -> None:
    app = type_sentence(overview(), SENTENCE)
    text = said(app)
    assert "Words are cut at spaces" in text
    assert "That is no probability" in text
    assert "mean of 3 languages" in text
    table = app.session_state["ov-live-kept"][1].table
    assert set(table["layer"]) == {0, 1, 2}
    assert list(table.drop_duplicates("position")["form"]) == [
        *"The old house stands by the river".split(),
        ".",
    ]
    assert "Typed words are projected exactly" in text


def test_where_a_probe_was_trained_its_probabilities_are_shown(overview, filled) -> None:
    store = Store(filled.home / "store")
    train, dev = (
        WordVectorsSpec(
            model=ModelRef(name=str(filled.model)),
            treebank=choose("sample", ["English-Sample"], split=split, partition=(60, 20, 20))[0],
            layer=1,
            pooling="first",
            dtype=choose_dtype("auto"),
        )
        for split in ("train", "dev")
    )
    settings = ProbeSettings(epochs=1, learning_rates=(1e-2,))
    probe = ConceptSpaceSpec(vectors=train, dev=dev, space="probe", probe=settings)
    compute([probe], store=store)
    try:
        app = type_sentence(overview(), SENTENCE)
        text = said(app)
        assert "Probabilities of trained prototype probes (one language), at layer 1." in text
        table = app.session_state["ov-live-kept"][1].table
        assert set(table["layer"]) == {1}
        assert table["probability"].between(0, 1).all()
        assert table["distance"].isna().all()
    finally:
        store.clear(kind="concept_space", keys=[probe.key])


def test_a_typed_sentence_is_kept_in_no_file_and_no_link(overview, filled) -> None:
    app = type_sentence(overview(), "Quokkas quietly quarrel")
    assert "Quokkas" not in str(dict(app.query_params))
    assert "Quokkas" not in str(app.session_state["xviz-address"])
    for path in filled.home.rglob("*"):
        assert not path.is_file() or b"Quokkas" not in path.read_bytes(), path


def test_what_can_t_be_read_is_told(overview) -> None:
    assert "over the limit of 128" in said(type_sentence(overview(), "a " * 200))


def test_markup_in_a_sentence_stays_text(overview) -> None:
    app = type_sentence(overview(), "<b>bold</b> [x](http://evil) **y**")
    assert not [m for m in app.markdown if "](http://evil)" in m.value]


@pytest.mark.parametrize(
    ("share", "error", "floor", "said"),
    [
        (0.30, 0.01, None, "30 % (± 2)"),
        (0.13, 0.01, None, "so nothing of it is seen here"),
        (0.30, 0.01, 0.20, "random weights 20 %: the rest was learned"),
        (0.21, 0.01, 0.20, "what was learned does not show here"),
    ],
)
def test_the_sentence_holds_whatever_the_numbers_are(share, error, floor, said: str) -> None:
    def of(value: float) -> Agreement:
        return Agreement(value, error, 0.13, 1000, 90, 12, 10)

    sentence = finding_sentence(of(share), 4, None if floor is None else of(floor))
    assert said in sentence
    assert sentence.endswith(".")
