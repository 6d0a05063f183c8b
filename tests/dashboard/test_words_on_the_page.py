"""Words as the page finds, reads and links them."""

import numpy as np
import pandas as pd
import pytest

from tests.dashboard.conftest import LANGUAGES, text_of
from xviz.corpora.folder import choose
from xviz.dashboard.word_points import words_drawn
from xviz.dashboard.word_search import occurrences
from xviz.dashboard.word_sentence import glosses, sentence_of, sentence_table, whole_sentence, word_table
from xviz.models.spec import ModelRef
from xviz.representations.spec import WordTableSpec
from xviz.store import Store


@pytest.fixture
def arabic(filled) -> WordTableSpec:
    (treebank,) = choose("sample", ["Arabic-Sample"])
    return WordTableSpec(model=ModelRef(name=str(filled.model)), treebank=treebank)


@pytest.fixture
def store(filled) -> Store:
    return Store(filled.home / "store")


def test_a_word_is_read_in_its_sentence_with_tree_and_translation(arabic, store) -> None:
    words = word_table(arabic, store)
    row = int(np.flatnonzero(words["form"] == "زاوية")[0])
    found = sentence_of(arabic, row, store)
    assert found.form == "زاوية"
    assert found.before + found.form + found.after == sentence_table(arabic, store)["text"].iloc[0]
    assert found.gloss == "The old woman at the corner sells fresh bread and warm coffee every morning."
    assert found.right_to_left
    assert found.words[found.marked].form == "زاوية"
    assert found.words[found.words[found.marked].head - 1].form == "المرأة"
    assert sum(word.head == 0 for word in found.words) == 1
    whole = whole_sentence(arabic, 0, store)
    assert whole.words == found.words
    assert whole.marked is None
    assert (whole.form, whole.gloss) == (found.before + found.form + found.after, found.gloss)


def test_translations_come_from_the_comments_of_the_files(tmp_path) -> None:
    file = tmp_path / "a.conllu"
    file.write_text("# sent_id = a1\n# text = x\n# text_en = A = b.\n1\tx\n\n# text_en = lost\n", "utf-8")
    (treebank,) = choose("sample", ["Arabic-Sample"])
    assert glosses(treebank.model_copy(update={"files": (str(file),)})) == {"a1": "A = b."}


@pytest.mark.parametrize(
    ("wanted", "rows"),
    [("HOUSE", [0]), ("house*", [0, 1]), ("*ou*", [0, 1, 3]), ("be", [2]), ("straße", []), ("a.c", [4])],
)
def test_a_word_is_found_by_form_or_lemma_whatever_its_case(wanted: str, rows: list[int]) -> None:
    words = pd.DataFrame(
        {
            "form": ["House", "houses", "is", "You", "a.c", "abc"],
            "lemma": ["house_", "x", "be", "y", "z", "w"],
        }
    )
    assert occurrences(words, wanted).tolist() == rows


def test_the_side_of_the_head_is_told(arabic, store) -> None:
    words = word_table(arabic, store)
    rows = np.arange(40)
    told = words_drawn(arabic, rows, store, concepts="upos")
    for row in rows:
        head, index = words["head"].iloc[row], words["index"].iloc[row]
        expected = "root" if head == 0 else "head before" if head < index else "head after"
        assert told["head"].iloc[row] == expected


@pytest.fixture
def link(filled) -> dict:
    return {"model": str(filled.model), "data": "sample", "treebank": list(LANGUAGES), "cs_words": "200"}


def test_a_link_leads_to_a_word_and_to_a_concept(open_page, link) -> None:
    app = open_page(
        "concept_space", **link, cs_word="Arabic-Sample:xs001:4", cs_concept="VERB", cs_find="the"
    )
    text = text_of(app).replace("\\", "")
    assert "**زاوية**" in text
    assert "The old woman at the corner" in text
    assert "Exact, among" in text
    assert "VERB: " in text
    assert "the: " in text
    query = app.session_state["xviz-address"]
    assert query["cs_word"] == "Arabic-Sample:xs001:4"
    assert query["cs_concept"] == "VERB"


def test_a_word_that_is_not_here_is_told(open_page, link) -> None:
    app = open_page("concept_space", **link, cs_word="Arabic-Sample:xs001:99")
    assert "asks for the word Arabic-Sample:xs001:99" in text_of(app).replace("\\", "")
    app = open_page("concept_space", **link, cs_word="nonsense")
    assert "asks for the word nonsense" in text_of(app)


def test_the_space_of_a_probe_tells_how_well_it_does_in_every_language(open_page, link) -> None:
    app = open_page("concept_space", **link, cs_space="probe", cs_colour="right or wrong")
    text = text_of(app).replace("\\", "")
    assert "seen through the probe of English-Sample (train)" in text
    assert "on its dev split (n = " in text
    assert "word type" in text
    assert "control task" in text
    accuracy = next(d.value for d in app.dataframe if "accuracy" in d.value.columns)
    assert set(accuracy["language"]) == {"English", "German", "Arabic"}
    assert (accuracy["low"] <= accuracy["accuracy"]).all()
    assert "trained on these" in set(accuracy[""])


def test_another_network_or_layer_or_language_stands_beside(open_page, link, tiny_models) -> None:
    other = str(tiny_models("gpt2"))
    text = text_of(open_page("concept_space", **link, cs_beside="a model", cs_beside_model=other))
    assert f"{other}, layer 1" in text.replace("\\", "")
    assert "the same in both maps, each in its own layout" in text
    text = text_of(open_page("concept_space", **link, cs_beside="a layer", cs_beside_layer="2"))
    assert "**layer 2**" in text
    app = open_page("concept_space", **link, cs_beside="languages", cs_beside_treebank="Arabic-Sample")
    assert "**English-Sample, German-Sample**" in text_of(app)
    assert "all in one layout" in text_of(app)


def test_a_model_that_is_not_here_leaves_the_first_map_alone(open_page, link) -> None:
    app = open_page("concept_space", **link, cs_beside="a model", cs_beside_model="/no/such/folder")
    assert "There is no folder" in text_of(app).replace("\\", "")
    assert "600 words" in text_of(app)
