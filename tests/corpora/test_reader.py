"""Reading sound CoNLL-U: words, spans, empty nodes, comments, what is tolerated."""

from __future__ import annotations

import random
import time
import tracemalloc
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xviz.corpora.reader import read_treebank
from xviz.corpora.spec import TreebankSpec
from xviz.errors import InputError
from xviz.journal import Journal


def spans(treebank) -> list[str]:
    text = treebank.sentences["text"]
    return [text[w.sentence][w.start : w.end] for w in treebank.words.itertuples()]


def test_every_column_arrives(read, row) -> None:
    treebank = read(
        [
            "# newdoc",
            "# sent_id = d-1",
            "# text = Sie schläft.",
            row(1, "Sie", "PRON", 2, "nsubj", lemma="sie", feats="Case=Nom|Number=Sing"),
            row(2, "schläft", "VERB", 0, "root", lemma="schlafen", misc="Gloss=sleeps|SpaceAfter=No"),
            row(3, ".", "PUNCT", 2, "punct:end", lemma="."),
            "",
            "# sent_id = d-2",
            row(1, "Ja", "INTJ", 0, "root"),
        ]
    )
    expected = pd.DataFrame(
        {
            "sentence": [0, 0, 0, 1],
            "index": [1, 2, 3, 1],
            "form": ["Sie", "schläft", ".", "Ja"],
            "lemma": ["sie", "schlafen", ".", "_"],
            "upos": ["PRON", "VERB", "PUNCT", "INTJ"],
            "deprel": ["nsubj", "root", "punct:end", "root"],
            "head": [2, 0, 2, 0],
            "feats": ["Case=Nom|Number=Sing", "", "", ""],
            "start": [0, 4, 11, 0],
            "end": [3, 11, 12, 2],
        }
    ).astype(dict.fromkeys(("sentence", "index", "head", "start", "end"), "int32"))
    pd.testing.assert_frame_equal(treebank.words, expected)
    assert treebank.sentences.to_dict("list") == {
        "sent_id": ["d-1", "d-2"],
        "text": ["Sie schläft.", "Ja"],
        "length": [3, 1],
    }
    assert len(treebank) == 2
    assert str(treebank.words["form"].dtype) == "str"


def test_empty_nodes_are_left_out(read, row) -> None:
    treebank = read(
        [
            row("0.1", "Da"),
            row(1, "Anna", "PROPN", 2, "nsubj"),
            row(2, "isst", "VERB", 0, "root"),
            row("2.1", "trinkt", "VERB"),
            row("2.2", "gern", "ADV"),
            row(3, "Ben", "PROPN", 2, "conj"),
        ]
    )
    assert treebank.words["form"].tolist() == ["Anna", "isst", "Ben"]
    assert treebank.sentences["text"].tolist() == ["Anna isst Ben"]


def test_forms_with_spaces_keep_them(read, row) -> None:
    treebank = read(
        [
            row(1, "25 000", "NUM", 2, "nummod", misc="SpaceAfter=No"),
            row(2, "thi  nh", "NOUN", 0, "root", lemma="two  spaces"),  # conllu takes two for a column
            row(3, "lực lượng", "NOUN", 2, "compound"),
        ]
    )
    assert treebank.words["form"].tolist() == ["25 000", "thi  nh", "lực lượng"]
    assert treebank.words["lemma"][1] == "two  spaces"
    assert treebank.sentences["text"][0] == "25 000thi  nh lực lượng"
    assert spans(treebank) == treebank.words["form"].tolist()


@pytest.mark.parametrize("form", ["می‌روم", "a\u200db", "\u2028", "x\x85y", "\xa0", "😀", "#", "e\u0301"])
def test_unusual_characters_stay_inside_their_form(read, row, form: str) -> None:
    treebank = read([row(1, form, "X", 0, "root", misc="SpaceAfter=No"), row(2, "!", "PUNCT", 1, "punct")])
    assert treebank.words["form"].tolist() == [form, "!"]
    assert spans(treebank) == [form, "!"]


@pytest.mark.parametrize("misc", ["SpaceAfter=No", "Gloss=a|SpaceAfter=No", "SpaceAfter=No|Lang=de"])
def test_no_space_where_misc_says_so(read, row, misc: str) -> None:
    lines = [row(1, "a", "X", 0, "root", misc=misc), row(2, "b", "X", 1, "dep")]
    assert read(lines).sentences["text"][0] == "ab"


@pytest.mark.parametrize("misc", ["SpaceAfter=Nothing", "NoSpaceAfter=No", "SpacesAfter=\\n", "_", ""])
def test_a_space_where_misc_says_nothing_of_it(read, row, misc: str) -> None:
    lines = [row(1, "a", "X", 0, "root", misc=misc), row(2, "b", "X", 1, "dep")]
    assert read(lines).sentences["text"][0] == "a b"


@pytest.mark.parametrize(
    "comments",
    [
        ["# sent_id = x=1", "# text = y"],
        ["#sent_id=x=1", "#text=y"],
        ["# sent_id =x=1", "# text =y"],
        ["# newpar", "# orig_file_sentence test001#1", "#", "# sent_id_old = no", "# sent_id = x=1"],
        ["# text_en = no", "# sent_id = x=1", "# text[eng] = no", "# s_text = # text = no"],
    ],
)
def test_comments_are_read_by_their_whole_key(read, row, comments: list[str]) -> None:
    treebank = read([*comments, row(1, "Halt", "NOUN", 0, "root")])
    assert treebank.sentences["sent_id"].tolist() == ["x=1"]


def test_tolerated_line_ends_mark_and_missing_last_line(read, good) -> None:
    plain = read("\n".join(good) + "\n\n")
    for content in (
        b"\xef\xbb\xbf" + "\n".join(good).encode(),
        "\r\n".join([*good, "", ""]).encode(),
        "\n".join(["", "", *good, "  "]).encode(),
        "\n".join(good).encode(),
    ):
        other = read(content)
        pd.testing.assert_frame_equal(other.words, plain.words)
        pd.testing.assert_frame_equal(other.sentences, plain.sentences)


def test_a_sentence_without_a_name_gets_its_number(read, row) -> None:
    one = row(1, "Ja", "INTJ", 0, "root")
    treebank = read([one, "", "# sent_id = 3", one, "", one, "", one])
    assert treebank.sentences["sent_id"].tolist() == ["1", "3", "3+", "4"]


def test_numbers_run_on_through_several_files(row, tmp_path: Path) -> None:
    files = []
    for name in ("one", "two"):
        files.append(tmp_path / f"{name}.conllu")
        files[-1].write_text(row(1, name, "X", 0, "root") + "\n\n", encoding="utf-8")
    spec = TreebankSpec(name="a", language="deu", files=tuple(map(str, files)), split="all")
    treebank = read_treebank(spec)
    assert treebank.sentences["sent_id"].tolist() == ["1", "2"]
    assert treebank.sentences["text"].tolist() == ["one", "two"]
    assert treebank.words["sentence"].tolist() == [0, 1]


def test_remarks_between_sentences_are_no_sentences(read, good) -> None:
    assert len(read(["# Licence: CC BY", "", *good, "", "# end of file"])) == 1


def test_standard_global_columns_are_fine(read, good) -> None:
    columns = "# global.columns = ID FORM LEMMA UPOS XPOS FEATS HEAD DEPREL DEPS MISC"
    assert len(read([columns, *good])) == 1


def test_unannotated_tags_and_relations_are_kept(read, row) -> None:
    treebank = read([row(1, "Ja", "_", 0, "_")])
    assert treebank.words[["upos", "deprel"]].values.tolist() == [["_", "_"]]


def test_a_sentence_of_ten_thousand_words_in_one_chain(read, row) -> None:
    n = 10_000
    lines = [row(i, f"w{i}", "X", i - 1, "root" if i == 1 else "dep") for i in range(1, n + 1)]
    started = time.monotonic()
    treebank = read(lines)
    assert time.monotonic() - started < 5
    assert len(treebank.words) == n
    assert treebank.words["head"].tolist() == list(range(n))
    surface = [*lines[:4999], row("5000-5001", "zz"), *lines[4999:]]
    assert len(read(surface, multiword="surface").words) == n - 1


def test_the_fingerprint_follows_the_content(read, good) -> None:
    first = read(good).fingerprint
    assert read(good).fingerprint == first
    assert read(good, multiword="surface").fingerprint != first
    changed = [line.replace("heim", "fort") for line in good]
    assert read(changed).fingerprint != first


def test_progress_is_told(row, tmp_path: Path) -> None:
    class Listener(Journal):
        seen: list[tuple[float, float]] = []

        def progress(self, done: float, total: float, *, unit: str = "") -> None:
            self.seen.append((done, total))

    file = tmp_path / "a.conllu"
    file.write_text(row(1, "Ja", "INTJ", 0, "root"), encoding="utf-8")
    spec = TreebankSpec(name="a", language="deu", files=(str(file),), split="all")
    read_treebank(spec, journal=Listener())
    assert Listener.seen == [(0, 1), (1, 1)]


# What is written and read again is the same -------------------------------------------------------

LETTERS = st.characters(exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"])
FORMS = st.one_of(
    st.text(LETTERS, min_size=1, max_size=6),
    st.tuples(st.text(LETTERS, min_size=1, max_size=3), st.text(LETTERS, min_size=1, max_size=3)).map(
        " ".join
    ),
)
TAGS = st.sampled_from(["NOUN", "VERB", "PUNCT", "X", "_"])


@st.composite
def sentences(draw) -> dict:
    """A random tree with multiword tokens, empty nodes and missing spaces."""
    n = draw(st.integers(1, 9))
    order = draw(st.permutations(range(1, n + 1)))
    head = {order[0]: 0} | {order[i]: order[draw(st.integers(0, i - 1))] for i in range(1, n)}
    tokens, at = [], 1
    while at <= n:
        last = min(n, at + draw(st.sampled_from([0, 0, 0, 1, 2])))
        tokens.append((at, last, draw(FORMS), draw(st.booleans())))
        at = last + 1
    return {
        "head": [head[i] for i in range(1, n + 1)],
        "form": [draw(FORMS) for _ in range(n)],
        "upos": [draw(TAGS) for _ in range(n)],
        "deprel": [draw(st.sampled_from(["dep", "obl:tmod", "nsubj"])) for _ in range(n)],
        "feats": [draw(st.sampled_from(["_", "Case=Nom", "A=1|B=2,3"])) for _ in range(n)],
        "tokens": tokens,
        "empty": draw(st.integers(0, n)),
    }


def written(sentence: dict, name: str) -> str:
    lines = [f"# sent_id = {name}"]
    ends = "SpaceAfter=No"
    for first, last, form, joined in sentence["tokens"]:
        if first != last:
            lines.append("\t".join([f"{first}-{last}", form, *"_" * 7, ends if joined else "_"]))
        for i in range(first, last + 1):
            of_token = ends if joined else "_"
            inside = random.Random(i).choice(["_", ends])  # must not matter inside a token
            misc = of_token if first == last else inside
            lines.append(
                "\t".join(
                    [
                        str(i),
                        sentence["form"][i - 1],
                        "_",
                        sentence["upos"][i - 1],
                        "_",
                        sentence["feats"][i - 1],
                        str(sentence["head"][i - 1]),
                        sentence["deprel"][i - 1],
                        "_",
                        misc,
                    ]
                )
            )
            if i == sentence["empty"]:
                lines.append("\t".join([f"{i}.1", "void", *"_" * 8]))
    return "\n".join(lines) + "\n\n"


def expected_text(sentence: dict) -> tuple[str, list[tuple[int, int]]]:
    text, places = "", []
    for k, (first, last, form, joined) in enumerate(sentence["tokens"]):
        surface = form if first != last else sentence["form"][first - 1]
        places += [(len(text), len(text) + len(surface))] * (last - first + 1)
        text += surface + ("" if joined or k == len(sentence["tokens"]) - 1 else " ")
    return text, places


@settings(derandomize=True, max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(sentences(), min_size=1, max_size=4))
def test_written_and_read_again(read, corpus: list[dict]) -> None:
    content = "".join(written(sentence, f"s{k}") for k, sentence in enumerate(corpus))
    treebank = read(content)
    assert treebank.sentences["length"].tolist() == [len(s["form"]) for s in corpus]
    words = treebank.words
    for column in ("form", "upos", "deprel", "head"):
        assert words[column].tolist() == [value for s in corpus for value in s[column]]
    assert words["feats"].tolist() == ["" if f == "_" else f for s in corpus for f in s["feats"]]
    for k, sentence in enumerate(corpus):
        text, places = expected_text(sentence)
        assert treebank.sentences["text"][k] == text
        of_sentence = words[words["sentence"] == k]
        assert list(zip(of_sentence["start"], of_sentence["end"], strict=True)) == places

    surface = read(content, multiword="surface")
    assert surface.sentences["text"].tolist() == treebank.sentences["text"].tolist()
    assert surface.sentences["length"].tolist() == [len(s["tokens"]) for s in corpus]
    assert spans(surface) == surface.words["form"].tolist()
    for k, sentence in enumerate(corpus):
        of_sentence = surface.words[surface.words["sentence"] == k]
        assert is_tree(of_sentence["head"].tolist())
        check_merged(of_sentence, sentence)


def is_tree(heads: list[int]) -> bool:
    def depth(i: int, steps: int = 0) -> bool:
        return i == 0 or (steps <= len(heads) and depth(heads[i - 1], steps + 1))

    return heads.count(0) == 1 and all(depth(i) for i in range(1, len(heads) + 1))


def check_merged(words: pd.DataFrame, sentence: dict) -> None:
    """Every head is an outer head of a word inside; the last such one, wherever that gives a tree."""
    token_of = {0: 0}
    for number, (first, last, _, _) in enumerate(sentence["tokens"], start=1):
        token_of |= dict.fromkeys(range(first, last + 1), number)
    last_candidates = []
    for number, (first, last, form, _) in enumerate(sentence["tokens"], start=1):
        word = words.iloc[number - 1]
        outside = [h for h in sentence["head"][first - 1 : last] if not first <= h <= last]
        assert word["head"] in [token_of[h] for h in outside]
        assert word["upos"] == sentence["upos"][first - 1]
        assert word["deprel"] == sentence["deprel"][first - 1]
        assert word["form"] == (form if first != last else sentence["form"][first - 1])
        last_candidates.append(token_of[outside[-1]])
    if is_tree(last_candidates):
        assert words["head"].tolist() == last_candidates


def test_a_treebank_with_withheld_text_is_refused(read, row) -> None:
    with pytest.raises(InputError, match="not given away"):
        read([row(1, "_", "X", 0, "root"), row(2, "_", "X", 1, "dep")])


@pytest.mark.slow
def test_memory_stays_in_proportion(tmp_path: Path, row) -> None:
    """A million words must not take gigabytes (a dictionary a word would)."""
    lines = [row(i, f"w{i % 5000}", "NOUN", i - 1, "root" if i == 1 else "dep") for i in range(1, 21)]
    sentence = "\n".join(lines) + "\n\n"
    file = tmp_path / "a.conllu"
    file.write_text(sentence * 5000, encoding="utf-8")
    spec = TreebankSpec(name="a", language="deu", files=(str(file),), split="all")
    tracemalloc.start()
    words = len(read_treebank(spec).words)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert words == 100_000
    assert peak / words < 400  # bytes
