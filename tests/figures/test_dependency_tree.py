import itertools

import numpy as np
import pytest

from xviz.figures.dependency_tree import TreeWord, arcs_of, dependency_tree


def sentence(heads: list[int]) -> list[TreeWord]:
    return [TreeWord(f"w{i}", "NOUN", "root" if h == 0 else "dep", h) for i, h in enumerate(heads, 1)]


def test_every_word_but_the_root_hangs_on_its_head() -> None:
    arcs = arcs_of(sentence([2, 3, 0, 3, 4]))
    assert {(a.head, a.dependent) for a in arcs} == {(1, 0), (2, 1), (2, 3), (3, 4)}
    assert all(a.level == 1 for a in arcs), "neighbours touch at a word and do not overlap"


def test_a_long_arc_passes_over_a_short_one() -> None:
    arcs = {(a.head, a.dependent): a.level for a in arcs_of(sentence([4, 1, 2, 0]))}
    assert arcs == {(0, 1): 1, (1, 2): 1, (3, 0): 2}


@pytest.mark.parametrize("seed", range(20))
def test_no_two_arcs_of_one_level_overlap_in_any_tree(seed: int) -> None:
    generator = np.random.default_rng(seed)
    n = 25
    order = generator.permutation(n)
    heads = [0] * n
    for place, word in enumerate(order[1:], 1):
        heads[word] = int(order[generator.integers(place)]) + 1
    arcs = arcs_of(sentence(heads))
    assert len(arcs) == n - 1
    for one, other in itertools.combinations(arcs, 2):
        a, b = sorted((one.head, one.dependent)), sorted((other.head, other.dependent))
        if one.level == other.level:
            assert a[1] <= b[0] or b[1] <= a[0]


def test_what_is_drawn_is_told_and_a_lost_head_is_left_out() -> None:
    words = [TreeWord("sie", "PRON", "nsubj", 2), TreeWord("liest", "VERB", "root", 0)]
    words.append(TreeWord("es", "PRON", "obj", -1))
    drawn = dependency_tree(words, marked=0, right_to_left=True)
    assert len(drawn["arcs"]) == 1
    assert drawn["levels"] == 1
    assert drawn["rtl"] is True
    assert drawn["alt"] == "Dependency tree of 3 words: sie is nsubj of liest; liest is the root."
    assert drawn["words"][0]["colour"] != drawn["words"][0]["on_dark"]
    assert dependency_tree([])["levels"] == 0
