from __future__ import annotations

from urllib.parse import parse_qs

import pytest

from tests.dashboard.conftest import LANGUAGES, text_of
from xviz.dashboard import results


@pytest.fixture
def link(filled) -> dict:
    return {"model": str(filled.model), "data": "sample", "treebank": list(LANGUAGES)}


def said(app, key: str):
    return next(
        w for w in (*app.slider, *app.selectbox, *app.multiselect, *app.segmented_control) if w.key == key
    )


def test_the_root_leads_to_the_overview_and_pages_switch(open_page, filled) -> None:
    app = open_page("overview")
    assert app.title[0].value == "xviz"
    assert [tab.label for tab in app.tabs] == ["Models", "Treebanks", "Results"]
    assert "12 treebanks of 12 languages" in text_of(app)
    app.switch_page("pages/concept_space/page.py").run()
    assert app.title[0].value == "Concept space"


def test_a_link_restores_every_choice(open_page, link) -> None:
    choices = {
        "layer": "2",
        "concepts": "relations",
        "cs_map": "PCA",
        "cs_dims": "3-D",
        "cs_colour": "language",
    }
    app = open_page("concept_space", **link, **choices, cs_space="centred", cs_words="200")
    assert said(app, "treebank").value == list(LANGUAGES)
    assert said(app, "layer").value == 2
    assert said(app, "cs_dims").value == "3-D"
    assert said(app, "cs_words").value == 200
    assert "600 relations" in text_of(app)
    assert "each language's mean taken away" in text_of(app)
    query = parse_qs(app.session_state["xviz-address"] and _query(app))
    assert query["treebank"] == list(LANGUAGES)
    assert query["cs_space"] == ["centred"]
    assert query["cs_unit"] == ["relations"]
    assert query["split"] == ["auto"], "the link also says what stands at its default"


def _query(app) -> str:
    from urllib.parse import urlencode

    return urlencode(
        {k: v for k, v in app.session_state["xviz-address"].items() if v is not None}, doseq=True
    )


def test_values_in_the_link_that_are_not_here_are_told(open_page, link) -> None:
    link["treebank"] = ["English-Sample", "Klingon-PUD"]
    app = open_page("concept_space", **link, layer="99", cs_map="t-SNE", split="trian")
    text = text_of(app)
    assert "treebank Klingon-PUD, which is not here" in text.replace("\\", "")
    assert "layer 99, which is not here (there are 0 to 2)" in text.replace("\\", "")
    assert "map t-SNE, which is not here (there are PCA, UMAP)" in text.replace("\\", "")
    assert "split trian" in text
    assert said(app, "treebank").value == ["English-Sample"]
    next(button for button in app.button if button.key == "xviz-dismiss").click()
    app.run()
    assert "Klingon" not in text_of(app)


def test_markup_in_a_link_stays_text(open_page, link) -> None:
    app = open_page("concept_space", **link, layer="<b>[x](http://evil)")
    assert "\\<b\\>\\[x\\]\\(http\\://evil\\)" in text_of(app)


def test_counts_of_concepts_and_facts_of_treebanks_stand_beside_the_map(open_page, link, filled) -> None:
    app = open_page("concept_space", **link)
    counts, facts = app.dataframe[0].value, app.dataframe[1].value
    assert list(counts.columns) == ["All", "English", "German", "Arabic"]
    assert (counts["All"] == counts[["English", "German", "Arabic"]].sum(axis=1)).all()
    assert facts["fertility"].min() >= 1
    assert facts["top3"].between(0, 1).all()
    assert (facts["rank"] > 1).all()
    assert counts["All"].sum() == facts["words"].sum()


def test_the_worker_measures_the_map_and_lays_out_umap_while_components_are_shown(
    open_page, link, worker
) -> None:
    app = open_page("concept_space", **link, layer="2", cs_map="UMAP")
    assert {(spec.kind, spec.method) for spec in worker.asked} == {("map", "umap")}
    assert worker.asked[0].sources[0].layer == 1, "first the map that this layer is turned onto"
    assert "1 on the axes is the root mean square distance" in text_of(app)


def test_a_feature_that_some_languages_lack_leaves_them_out_by_name(open_page, link) -> None:
    app = open_page("concept_space", **link, concepts="Case")
    assert "600 words" not in text_of(app)
    app = open_page("concept_space", **link, concepts="Evident")
    assert "No word of these treebanks has the feature Evident" in text_of(app)


def test_a_model_that_is_not_here_is_told_with_what_to_do(open_page, filled) -> None:
    app = open_page("concept_space", model="/no/such/folder", data="sample")
    text = text_of(app).replace("\\", "")
    assert "The model /no/such/folder can't be used" in text
    assert "There is no folder '/no/such/folder'" in text
    assert "in the sidebar" in text
    assert not app.metric


def test_data_that_is_not_here_is_told_with_what_to_do(open_page, filled, tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    text = text_of(open_page("concept_space", model=str(filled.model), data=str(tmp_path / "empty")))
    assert "No treebank lies here" in text.replace("\\", "")
    assert "xviz corpora --data FOLDER" in text


def test_what_is_not_computed_is_offered_with_its_cost_and_its_command(
    open_page, link, xviz_home, monkeypatch
) -> None:
    monkeypatch.setenv("XVIZ_HOME", str(xviz_home))
    on_the_spot = results.resolve
    monkeypatch.setattr(results, "resolve", lambda w, **k: on_the_spot(w, **k | {"within": 0.0}))
    app = open_page("concept_space", **link)
    text = text_of(app)
    assert "3 treebanks through the network" in text.replace("\\", "")
    assert app.code[0].value.startswith("xviz extract")
    assert "--treebank English-Sample,German-Sample,Arabic-Sample" in app.code[0].value
    labels = [button.label for button in app.button if (button.key or "").startswith("xviz-compute")]
    assert labels[0].startswith("Compute layer 1 (")
    assert labels[1].startswith("Compute all layers (")
    assert not app.metric
