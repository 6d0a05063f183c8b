"""The bundled sample holds what its README promises, in every language."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import conllu
import pytest

import xviz.corpora

SAMPLE = Path(xviz.corpora.__file__).parent / "sample"
FOLDERS = sorted(SAMPLE.glob("UD_*-Sample"))
SIZES = {"train": 90, "dev": 30, "test": 30}
UPOS = "ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X"
RELATIONS = (
    "acl advcl advmod amod appos aux case cc ccomp clf compound conj cop csubj dep det discourse "
    "dislocated expl fixed flat goeswith iobj list mark nmod nsubj nummod obj obl orphan parataxis "
    "punct reparandum root vocative xcomp"
)


def read(folder: Path) -> dict[str, list[conllu.TokenList]]:
    files = {split: list(folder.glob(f"*-ud-{split}.conllu")) for split in SIZES}
    assert all(len(found) == 1 for found in files.values())
    return {split: conllu.parse(found[0].read_text("utf-8")) for split, found in files.items()}


def sentences(folder: Path) -> list[conllu.TokenList]:
    return [sentence for part in read(folder).values() for sentence in part]


def words(sentence: conllu.TokenList) -> list[conllu.Token]:
    return [token for token in sentence if isinstance(token["id"], int)]


def test_there_are_at_least_twelve_languages() -> None:
    assert len(FOLDERS) >= 12


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: p.name)
def test_every_language_has_the_same_sentences_on_the_same_sides(folder: Path) -> None:
    here, english = read(folder), read(SAMPLE / "UD_English-Sample")
    for split, size in SIZES.items():
        ids = [s.metadata["sent_id"] for s in here[split]]
        assert len(ids) == size
        assert ids == [s.metadata["sent_id"] for s in english[split]]
        for mine, theirs in zip(here[split], english[split], strict=True):
            assert mine.metadata["text_en"] == theirs.metadata["text"]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: p.name)
def test_every_sentence_is_a_tree_with_known_tags_and_matching_text(folder: Path) -> None:
    for sentence in sentences(folder):
        where = f"{folder.name} {sentence.metadata['sent_id']}"
        tokens = words(sentence)
        assert [t["id"] for t in tokens] == list(range(1, len(tokens) + 1)), where
        assert {t["upos"] for t in tokens} <= set(UPOS.split()), where
        assert {t["deprel"].split(":")[0] for t in tokens} <= set(RELATIONS.split()), where
        roots = [t for t in tokens if t["head"] == 0]
        assert [t["deprel"] for t in roots] == ["root"], where
        heads = {t["id"]: t["head"] for t in tokens}
        for start in heads:
            path, node = set(), start
            while node:
                assert node not in path, f"{where}: a cycle through word {node}"
                path.add(node)
                node = heads[node]
        assert all((t["upos"] == "PUNCT") == t["deprel"].startswith("punct") for t in tokens), where
        assert all(t["lemma"] and t["form"] for t in tokens), where
        assert surface(sentence) == sentence.metadata["text"], where


def surface(sentence: conllu.TokenList) -> str:
    text, inside = "", 0
    for token in sentence:
        if isinstance(token["id"], tuple):
            inside = token["id"][2]
        elif token["id"] <= inside:
            continue
        text += token["form"] + ("" if (token["misc"] or {}).get("SpaceAfter") == "No" else " ")
    return text.rstrip()


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: p.name)
def test_function_words_have_no_dependents_that_belong_to_content_words(folder: Path) -> None:
    function = {"case", "mark", "cc", "aux", "cop", "det", "clf"}
    allowed = {"fixed", "conj", "cc", "punct", "goeswith", "advmod", "discourse", "reparandum"}
    for sentence in sentences(folder):
        tokens = {t["id"]: t for t in words(sentence)}
        for token in tokens.values():
            head = tokens.get(token["head"])
            if head is not None and head["deprel"].split(":")[0] in function:
                assert token["deprel"].split(":")[0] in allowed, (
                    f"{folder.name} {sentence.metadata['sent_id']}: {token['id']} hangs on {head['id']}, "
                    f"a function word"
                )


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: p.name)
def test_there_are_enough_words_tags_and_relations(folder: Path) -> None:
    tokens = [t for sentence in sentences(folder) for t in words(sentence)]
    tags = Counter(t["upos"] for t in tokens)
    relations = Counter(t["deprel"].split(":")[0] for t in tokens)
    assert len(tokens) >= 1500
    assert sum(n >= 10 for n in tags.values()) >= 13, tags
    assert sum(n >= 10 for n in relations.values()) >= 18, relations
