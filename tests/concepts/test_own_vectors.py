"""Vectors from elsewhere: what is right is read as it is, what is wrong is told with its line."""

from __future__ import annotations

import io
import re
import struct

import numpy as np
import pytest

from xviz.concepts import own_vectors
from xviz.concepts.own_vectors import own_space, own_spaces, read_own_vectors
from xviz.errors import InputError

TABLE = """form\tlanguage\tupos\tdeprel\tanimacy
house\teng\tNOUN\tnsubj\tno
runs\ten\tVERB\troot\t_
Haus\tGerman\tNOUN\tnsubj:pass\tno
läuft\tdeu\tVERB\troot\t
dog\teng\tNOUN\tobj\tyes
"""


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def five(dim: int = 3) -> np.ndarray:
    return np.arange(5 * dim, dtype=np.float32).reshape(5, dim)


def refused(array: bytes | np.ndarray, table: str | bytes = TABLE, name: str = "words.tsv") -> InputError:
    content = array if isinstance(array, bytes) else npy(array)
    with pytest.raises(InputError) as caught:
        read_own_vectors(content, table if isinstance(table, bytes) else table.encode(), table_name=name)
    assert "\n" not in str(caught.value)
    return caught.value


def test_both_files_are_read_and_languages_are_iso() -> None:
    own = read_own_vectors(npy(five()), TABLE.encode())
    assert own.layers == 1
    assert own.languages == ["deu", "eng"]
    assert own.concept_columns == ["upos", "deprel", "animacy"]
    assert list(own.concepts("deprel").unique()) == ["nsubj", "root", "obj"], "subtypes are stripped"
    np.testing.assert_array_equal(own.vectors[0], five())


def test_a_space_is_the_mean_of_the_words_of_a_concept() -> None:
    own = read_own_vectors(npy(np.stack([five(), 10 * five()]).astype(np.float16)), TABLE.encode())
    space = own_space(own, "en", layer=1)
    assert space.names == ("NOUN", "VERB")
    assert space.counts.tolist() == [2, 1]
    np.testing.assert_allclose(space.prototypes, [[60, 70, 80], [30, 40, 50]])
    animacy = own_spaces(own, concepts="animacy")
    assert [(s.language, s.names, s.counts.tolist()) for s in animacy] == [
        ("deu", ("no",), [1]),
        ("eng", ("no", "yes"), [1, 1]),
    ]


def test_commas_quotes_a_byte_order_mark_and_blank_lines_are_read() -> None:
    table = '\ufeffForm,Language,UPOS\r\n"1,000",eng,NUM\r\n\r\n"a ""b""",eng,X\r\nc,deu,NOUN\r\n'
    own = read_own_vectors(npy(five()[:3]), table.encode(), table_name="words.csv")
    assert own.words["form"].tolist() == ["1,000", 'a "b"', "c"]
    assert own.concept_columns == ["upos"]


def test_files_are_read_from_disk(tmp_path) -> None:
    np.save(tmp_path / "v.npy", five())
    (tmp_path / "w.tsv").write_text(TABLE, "utf-8")
    assert len(read_own_vectors(tmp_path / "v.npy", tmp_path / "w.tsv").words) == 5
    with pytest.raises(InputError, match="does not exist"):
        read_own_vectors(tmp_path / "none.npy", tmp_path / "w.tsv")


def test_a_pickle_is_never_read() -> None:
    content = npy(np.array([{"a": 1}], dtype=object))
    assert "floating-point numbers are needed" in str(refused(content))
    assert "no NumPy file" in str(refused(b"\x80\x04\x95 pickled"))


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((5, 3), np.int64), "of type int64"),
        (np.zeros(5, np.float32), r"shape \[5\]"),
        (np.zeros((0, 3), np.float32), r"shape \[0, 3\]"),
        (np.zeros((4, 3), np.float32), "4 vectors, the table 5 rows"),
        (npy(five())[:-4], "breaks off"),
        (b"", "no NumPy file"),
        (b"\x93NUMPY\x01\x00", "no NumPy file"),
    ],
)
def test_what_is_wrong_with_the_array_is_told(array, said: str) -> None:
    assert re.search(said, str(refused(array)))


def test_a_header_that_announces_more_than_is_there_asks_for_no_memory() -> None:
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (100000, 100000000), }"
    header += b" " * (117 - len(header)) + b"\n"
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + b"\0" * 64
    assert "breaks off" in str(refused(content))


def test_a_number_that_is_not_finite_is_told_with_its_line() -> None:
    array = np.stack([five(), five()])
    array[1, 2, 1] = np.nan
    error = refused(array, TABLE.replace("runs", "\nruns"))
    assert "Vector 2 of layer 1" in str(error)
    assert error.line == 5, "a blank line is a line"


@pytest.mark.parametrize(
    ("table", "line", "said"),
    [
        ("", None, "empty"),
        ("form\tupos\nhouse\tNOUN\n", 1, "lacks language"),
        ("form\tform\tlanguage\nhouse\ta\teng\n", 1, "twice"),
        (TABLE.replace("\tno\nruns", "\nruns"), 2, "4 columns where the header has 5"),
        (TABLE.replace("German", "Germann"), 4, "no language that xviz knows"),
        (TABLE.replace("deu\tVERB", "deu\tVB"), 5, "'VB' is not one of the 17"),
        (TABLE.encode().replace("läuft".encode(), b"l\xe4uft"), 5, "not UTF-8"),
        ("form\tlanguage\n" + "house\teng\n" * 5, 1, "No column names concepts"),
    ],
)
def test_what_is_wrong_with_the_table_is_told_with_its_line(table, line, said: str) -> None:
    error = refused(five(), table)
    assert said in str(error)
    assert error.line == line
    assert error.file == "words.tsv"


def test_what_is_too_large_is_told(monkeypatch) -> None:
    monkeypatch.setattr(own_vectors, "MOST_WORDS", 4)
    assert "over the limit of 4" in str(refused(five()))
    monkeypatch.setattr(own_vectors, "MOST_BYTES", 10)
    assert "over the limit" in str(refused(five()))


def test_what_is_not_there_is_told() -> None:
    own = read_own_vectors(npy(five()), TABLE.encode())
    for options, said in (
        ({"language": "fra"}, "deu, eng"),
        ({"language": "deu", "layer": 3}, "layers 0 to 0"),
        ({"language": "deu", "concepts": "case"}, "no column 'case'"),
    ):
        with pytest.raises(InputError, match=said):
            own_space(own, **options)
