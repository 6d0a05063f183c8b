"""The page for vectors from elsewhere: it teaches the format, says what is wrong, shows what is right."""

from __future__ import annotations

import io

import numpy as np
import pytest

from tests.dashboard.conftest import text_of

TABLE = "form\tlanguage\tupos\tcase\n" + "".join(
    f"w{i}\t{language}\t{tag}\t{case}\n"
    for i, (language, tag, case) in enumerate(
        (language, tag, case)
        for language in ("eng", "deu", "tur")
        for tag, case in (("NOUN", "Nom"), ("VERB", "_"), ("ADP", "Acc"))
        for _ in range(12)
    )
)


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


@pytest.fixture
def page(open_page):
    def open_(array: bytes | None = None, table: str | None = None):
        app = open_page("own_vectors")
        array_field, table_field = app.file_uploader
        if array is not None:
            array_field.set_value(("vectors.npy", array, "application/octet-stream"))
        if table is not None:
            table_field.set_value(("words.tsv", table.encode(), "text/plain"))
        app.run()
        assert not app.exception, app.exception[0].value
        return app

    return open_


def said(app) -> str:
    return text_of(app).replace("\\", "")


def vectors(dim: int = 8, layers: int | None = None) -> np.ndarray:
    shape = (108, dim) if layers is None else (layers, 108, dim)
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def test_without_files_it_teaches_what_they_hold(page) -> None:
    app = page()
    assert "a row for each vector" in said(app)
    assert any("form        language    upos" in code.value for code in app.code)
    assert not app.dataframe
    assert "Now the table" in said(page(npy(vectors())))


def test_both_files_become_a_map_with_counts(page) -> None:
    app = page(npy(vectors()), TABLE)
    assert "108 of 108 words" in said(app)
    counts = app.dataframe[0].value
    assert counts.loc["NOUN", "All"] == 36
    assert list(counts.columns) == ["All", "English", "German", "Turkish"]
    next(w for w in app.selectbox if w.key == "own_concepts").set_value("case")
    app.run()
    assert set(app.dataframe[0].value.index) == {"Nom", "Acc"}


def test_layers_have_a_slider(page) -> None:
    app = page(npy(vectors(layers=3)), TABLE)
    slider = next(s for s in app.slider if s.key == "own_layer")
    assert (slider.min, slider.max) == (0, 2)
    slider.set_value(2)
    app.run()
    assert not app.exception


def test_what_is_wrong_is_told_with_its_line_and_no_map_is_drawn(page) -> None:
    app = page(npy(vectors()), TABLE.replace("\tVERB\t", "\tVB\t", 1))
    assert "words.tsv:14:" in said(app)
    assert "'VB' is not one of the 17" in said(app)
    assert not app.dataframe
    assert "floating-point" in said(page(npy(np.array([{}], dtype=object)), TABLE))
