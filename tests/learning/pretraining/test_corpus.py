"""Reading, packing, drawing and dealing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from xviz.errors import InputError
from xviz.learning.pretraining.corpus import (
    deal,
    dev_rows,
    obtain_packed,
    pairs_epoch,
    read_lines,
    read_pairs,
    read_text,
    text_epoch,
)
from xviz.learning.pretraining.spec import WIDTHS, BatchSettings, PackedSpec, TokenizerSpec
from xviz.learning.pretraining.tokenizer import obtain_tokenizer

SETTINGS = BatchSettings(tokens=768)


@pytest.fixture(scope="session")
def tokenizer_spec(text):
    return TokenizerSpec(text=str(text), vocabulary=900)


@pytest.fixture(scope="session")
def tokenizer(tokenizer_spec, store):
    return obtain_tokenizer(tokenizer_spec, store=store)


@pytest.fixture(scope="session")
def packed_text(text, tokenizer_spec, tokenizer, store):
    spec = PackedSpec(folder=str(text), paired=False, dev=10, tokenizer=tokenizer_spec)
    return obtain_packed(spec, tokenizer, store=store)


@pytest.fixture(scope="session")
def packed_pairs(pairs, tokenizer_spec, tokenizer, store):
    spec = PackedSpec(folder=str(pairs), paired=True, dev=10, tokenizer=tokenizer_spec)
    return obtain_packed(spec, tokenizer, store=store)


def test_every_line_is_packed_once(packed_text, text, tokenizer):
    for language, lines in read_text(text):
        train, dev = packed_text.train[language][:, 0], packed_text.dev[language][:, 0]
        assert len(dev) == min(10, len(lines) // 10)
        numbers = np.sort(np.concatenate([train, dev]))
        assert [packed_text.line(i).tolist() for i in numbers] == [tokenizer.encode(x).ids for x in lines]


def test_dev_does_not_depend_on_the_order_of_the_file(
    text, tmp_path, tokenizer, tokenizer_spec, packed_text, store
):
    lines = read_lines(text / "eng.txt")
    (tmp_path / "eng.txt").write_text("\n".join(reversed(lines)), "utf-8")
    spec = PackedSpec(folder=str(tmp_path), paired=False, dev=10, tokenizer=tokenizer_spec)
    other = obtain_packed(spec, tokenizer, store=store)
    held = [{tuple(p.line(i)) for i in p.dev["eng"][:, 0]} for p in (packed_text, other)]
    assert held[0] == held[1]


def test_languages_are_drawn_in_proportion_to_a_power_of_their_tokens(packed_text):
    tokens = {name: packed_text.lengths[lines].sum() for name, lines in packed_text.train.items()}
    of_line = {int(i): name for name, lines in packed_text.train.items() for i in lines[:, 0]}
    for alpha in (0.0, 0.5, 1.0):
        rows = text_epoch(packed_text, BatchSettings(alpha=alpha), 0, 3)
        drawn = dict.fromkeys(tokens, 0)
        for i in rows[:, 0]:
            drawn[of_line[int(i)]] += packed_text.lengths[i]
        total, wanted = sum(drawn.values()), {name: size**alpha for name, size in tokens.items()}
        for name in tokens:
            share = wanted[name] / sum(wanted.values())
            assert drawn[name] / total == pytest.approx(share, rel=0.1), (alpha, name)


def test_no_line_comes_again_before_all_came(packed_text):
    epochs = np.concatenate([text_epoch(packed_text, SETTINGS, 0, e)[:, 0] for e in range(3)])
    own = packed_text.train["eng"][:, 0]
    drawn = epochs[np.isin(epochs, own)]
    for start in range(0, len(drawn) - len(own) + 1, len(own)):
        assert len(set(drawn[start : start + len(own)])) == len(own)


def test_no_dev_line_is_drawn(packed_text, packed_pairs):
    for packed, rows in (
        (packed_text, text_epoch(packed_text, SETTINGS, 0, 0)),
        (packed_pairs, pairs_epoch(packed_pairs, 0, 0)),
    ):
        assert not np.isin(rows, dev_rows(packed)).any()


def test_pairs_are_translations(packed_pairs):
    place = {
        int(line): (name, k, n)
        for name, table in packed_pairs.train.items()
        for n, row in enumerate(table)
        for k, line in enumerate(row)
    }
    rows = pairs_epoch(packed_pairs, 0, 0)
    assert len(rows) == 2 * 72 + 36
    for a, b in rows:
        (one, k, n), (other, m, o) = place[int(a)], place[int(b)]
        assert one == other
        assert n == o
        assert k != m


def test_batches_are_of_one_width_and_within_their_tokens(packed_text):
    rows = text_epoch(packed_text, SETTINGS, 0, 0)
    for width, chosen in deal(rows, packed_text, SETTINGS, frame=2, seed=[0]):
        assert width in WIDTHS
        assert len(chosen) * width <= SETTINGS.tokens
        assert (np.minimum(packed_text.lengths[chosen[:, 0]] + 2, SETTINGS.longest) <= width).all()


def test_dealing_for_dev_leaves_nothing_out(packed_text):
    rows = dev_rows(packed_text)
    dealt = np.concatenate([chosen for _, chosen in deal(rows, packed_text, SETTINGS, frame=2, seed=None)])
    assert sorted(dealt[:, 0]) == sorted(rows[:, 0])


def folder(place: Path, **files: str | bytes) -> Path:
    for name, content in files.items():
        raw = content if isinstance(content, bytes) else content.encode()
        (place / name.replace("__", ".")).write_bytes(raw)
    return place


def test_a_folder_that_is_not_there(tmp_path):
    for read in (read_text, read_pairs):
        with pytest.raises(InputError, match="no such folder") as told:
            list(read(tmp_path / "nowhere"))
        assert told.value.file == str(tmp_path / "nowhere")


def test_a_folder_without_text(tmp_path):
    with pytest.raises(InputError, match=r"holds no <language>\.txt"):
        list(read_text(folder(tmp_path, SOURCES__tsv="eng\tx\t1")))
    with pytest.raises(InputError, match="holds no translations"):
        list(read_pairs(tmp_path))


def test_an_empty_file(tmp_path):
    with pytest.raises(InputError, match="holds no text") as told:
        list(read_text(folder(tmp_path, eng__txt="a\n", fra__txt="\n  \n")))
    assert told.value.file == str(tmp_path / "fra.txt")


def test_a_line_that_is_not_utf8_is_named(tmp_path):
    with pytest.raises(InputError, match="not UTF-8") as told:
        list(read_text(folder(tmp_path, deu__txt="gut\nschön\n".encode() + "schön\n".encode("latin-1"))))
    assert (told.value.file, told.value.line) == (str(tmp_path / "deu.txt"), 3)


def test_translations_of_unequal_length_and_rows_of_one_cell(tmp_path):
    with pytest.raises(InputError, match=r"has 1 lines and news\.deu\.txt has 2"):
        list(read_pairs(folder(tmp_path, news__deu__txt="a\nb\n", news__eng__txt="a\n")))
    (tmp_path / "news.eng.txt").write_text("a\nb\n", "utf-8")
    folder(tmp_path, **{"talk__eng-fra__tsv": "yes\toui\nno\n"})
    with pytest.raises(InputError, match="1 cells, not 2") as told:
        list(read_pairs(tmp_path))
    assert told.value.line == 2


def test_windows_line_ends_and_a_mark_at_the_start_are_no_text(tmp_path):
    assert read_lines(folder(tmp_path, x__txt=b"\xef\xbb\xbfone\r\n\r\ntwo") / "x.txt") == ["one", "", "two"]
