"""What a treebank is once it has been read: sentences and one table of words."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Treebank:
    """One split of a treebank.

    ``sentences`` (one row a sentence, in file order): ``sent_id`` str, ``text`` str (the surface forms joined
    as SpaceAfter says, so that the spans below hold exactly), ``length`` int (words).

    ``words`` (one row a word, sentence after sentence): ``sentence`` int32 (row of ``sentences``), ``index``
    int32 (1..n within the sentence), ``form``, ``lemma``, ``upos``, ``deprel`` (subtype kept), ``head`` int32
    (an ``index`` of the same sentence, 0 for the root), ``feats`` ("Case=Nom|Number=Sing", "" for none),
    ``start`` and ``end`` int32 (span of the word in ``text``, in characters; words inside one multiword token
    share the span of the token).
    """

    name: str
    language: str
    split: str
    sentences: pd.DataFrame
    words: pd.DataFrame
    fingerprint: str

    def __len__(self) -> int:
        return len(self.sentences)
