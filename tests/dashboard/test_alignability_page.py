"""The page on alignability as a reader meets it: offered, shown, a pair opened, told what cannot be."""

from __future__ import annotations

import numpy as np
import pytest

from tests.dashboard.conftest import LANGUAGES, text_of
from xviz.alignability.compute import read_scores
from xviz.corpora.folder import choose, find_treebanks
from xviz.corpora.tables import open_treebank
from xviz.dashboard.alignment_choices import align_specification, align_work
from xviz.dashboard.choices import Choices
from xviz.dashboard.pair_panel import concept_sentences
from xviz.models.folder import describe
from xviz.models.spec import ModelRef
from xviz.runs.steps import compute
from xviz.store import Store


def chosen(model) -> Choices:
    names = {bank.name: bank for bank in find_treebanks("sample")}
    specs = tuple(choose("sample", LANGUAGES))
    banks = tuple(names[spec.name] for spec in specs)
    return Choices(ModelRef(name=str(model)), describe(str(model)), "sample", banks, specs, "auto", "auto")


@pytest.fixture(scope="module")
def aligned(_filled):
    """The comparison that the page shows by default, in the store."""
    spec = align_specification(chosen(_filled.model), "upos", "raw")
    compute([spec], store=Store(_filled.home / "store"))
    return spec


@pytest.fixture
def link(filled) -> dict:
    return {"model": str(filled.model), "data": "sample", "treebank": list(LANGUAGES)}


def widget(app, key: str):
    found = [w for w in (*app.selectbox, *app.segmented_control, *app.slider) if w.key == key]
    assert found, f"there is no {key}"
    return found[0]


def test_what_is_not_there_is_offered_with_its_command(open_page, link) -> None:
    app = open_page("alignability", **link, concepts="relations")
    assert "Not computed yet" in text_of(app)
    assert [b.label for b in app.button if b.label.startswith("Compare 3 pairs")]
    assert "xviz align" in app.code[0].value
    assert "--concepts deprel" in app.code[0].value


def test_a_summary_says_what_is_beyond_which_null(open_page, link, filled, aligned) -> None:
    app = open_page("alignability", **link, layer="1", al_measure="RSA")
    scores = read_scores(aligned, Store(filled.home / "store"))
    rows = scores[(scores["variant"] == "euclidean/spearman") & (scores["layer"] == 1)]
    beyond = {kind: (group["p_adjusted"] < 0.05).mean() for kind, group in rows.groupby("null_kind")}
    text = text_of(app)
    assert f"of 3 pairs, **{beyond['permutation']:.0%}** beyond label permutation" in text
    assert f"**{beyond['lexical']:.0%}** beyond the lexical null" in text
    assert f"{rows['significant'].mean():.0%}** beyond all three" in text
    assert "shared concepts" in text
    assert "Power" in text


def test_a_pair_of_the_link_is_opened_down_to_its_sentences(open_page, link, aligned) -> None:
    app = open_page("alignability", **link, layer="2", al_a="English", al_b="German", al_concept="VERB")
    assert "**English and German**, layer 2" in text_of(app)
    table = next(each.value for each in app.dataframe if "English: words" in each.value)
    assert "translations of one another" in text_of(app)
    first = table.iloc[0]
    assert all(word in first["English"] for word in first["English: words"].split(", "))
    assert all(word in first["German"] for word in first["German: words"].split(", "))


def test_a_language_that_is_not_here_is_told(open_page, link, aligned) -> None:
    app = open_page("alignability", **link, al_a="Klingon")
    assert "language Klingon, which is not here" in text_of(app).replace("\\", "")


def test_one_language_is_no_pair(open_page, link) -> None:
    app = open_page("alignability", **(link | {"treebank": ["English-Sample"]}))
    assert "at least two languages" in text_of(app)


def test_the_command_line_of_the_offer_asks_for_the_same(filled) -> None:
    from typer.testing import CliRunner

    from xviz.cli.application import application

    choices = chosen(filled.model)
    work = align_work(align_specification(choices, "upos", "raw"), choices)
    words = work.command.replace("\\\n", " ").split()
    assert words[:2] == ["xviz", "align"]
    offered = {word for word in words if word.startswith("--")}
    told = CliRunner().invoke(application, ["align", "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert all(option in told.output for option in offered), told.output


def test_sentences_side_by_side_are_translations(filled) -> None:
    a, b = (
        open_treebank(spec, store=Store(filled.home / "store")) for spec in choose("sample", LANGUAGES[:2])
    )
    table, parallel = concept_sentences(a, b, concepts="upos", concept="AUX", names=("A", "B"))
    assert parallel
    texts = a.sentences.set_index("sent_id")["text"]
    others = b.sentences.set_index("sent_id")["text"]
    for row in table.to_dict("records"):
        assert row["A"] == texts[row["sent_id"]]
        assert row["B"] == others[row["sent_id"]]
    assert np.unique(table["sent_id"]).size == len(table)
