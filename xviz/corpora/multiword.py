"""Multiword tokens read as one word (``surface``), as paper A does.

German *zum* is one token of two words, *zu* and *dem*. Read as ``surface`` the token becomes a word: with
the form that is written, with the lemma, UPOS, features and relation of its first word, and with the head
of a word inside it whose head lies outside; of several such words the last decides [A]. Heads that pointed
to a word inside now point to the merged word, and the words are counted anew from 1.

In few sentences that rule closes a cycle (34 of the 8,631 with such tokens in 73 treebanks): the last word
hangs from a word which itself hangs from the token. There [ours] a head that hangs from the token is passed
over; another one always remains, since one word of the token is nearest to the root. (METHODS.md, section 1.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Word = Mapping[str, Any]
Range = tuple[int, int, str]
"""First and last word of a multiword token, and its surface form."""


def merge_multiword(words: Sequence[Word], ranges: Sequence[Range]) -> list[dict[str, Any]]:
    """The words of a sentence with each multiword token merged into one.

    Args:
        words: words 1..n with ``id`` and ``head``, a tree.
        ranges: the multiword tokens, in order, not overlapping.

    Returns:
        Words 1..m with ``id`` and ``head`` counted anew, again a tree. ``words`` is left as it is.
    """
    spans = [range(first, last + 1) for first, last, _ in ranges]
    heads = {word["id"]: word["head"] for word in words}
    merged_heads = _last_outer_heads(heads, spans)
    if _has_cycle(merged_heads):
        merged_heads = _outer_heads_of_a_tree(heads, spans)

    forms = {first: form for first, _, form in ranges}
    number = {0: 0} | {id: new for new, id in enumerate(sorted(merged_heads), start=1)}
    merged = []
    for id, new in number.items():
        if id != 0:
            word = dict(words[id - 1])
            word.update(id=new, head=number[merged_heads[id]], form=forms.get(id, word["form"]))
            merged.append(word)
    return merged


Heads = dict[int, int]
"""Word -> its head; a merged token goes by the id of its first word."""


def _last_outer_heads(heads: Heads, spans: Sequence[range]) -> Heads:
    """The heads of the words that remain, by the rule of paper A."""
    standing_for = {0: 0} | {id: id for id in heads} | {id: span[0] for span in spans for id in span}
    outer = {}
    for id, head in heads.items():  # in order, so that the last word of a token decides
        if standing_for[head] != standing_for[id]:
            outer[standing_for[id]] = standing_for[head]
    return outer


def _has_cycle(heads: Heads) -> bool:
    reaches_root = {0}
    for start in heads:
        path, at = set(), start
        while at not in reaches_root:
            if at in path:
                return True
            path.add(at)
            at = heads[at]
        reaches_root |= path
    return False


def _outer_heads_of_a_tree(heads: Heads, spans: Sequence[range]) -> Heads:
    """The same, one token after another, each with the last outer head that does not hang from it."""
    heads = dict(heads)
    standing_for = {0: 0} | {id: id for id in heads}
    for span in spans:
        head = next(
            heads[id]
            for id in reversed(span)
            if heads[id] not in span and not _hangs_from(span, heads[id], heads, standing_for)
        )
        for id in span:
            del heads[id]
            standing_for[id] = span[0]
        heads[span[0]] = head
    return {id: standing_for[head] for id, head in heads.items()}


def _hangs_from(span: range, id: int, heads: Heads, standing_for: Heads) -> bool:
    while id != 0:
        id = standing_for[id]
        if id in span:
            return True
        id = heads[id]
    return False
