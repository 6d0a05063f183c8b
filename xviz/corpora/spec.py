"""Which words: a treebank, one of its splits, and how its multiword tokens are read. Torch-free."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from xviz.store import Spec, fingerprint_of_file

Split = Literal["train", "dev", "test", "all"]
Multiword = Literal["syntactic", "surface"]


class TreebankSpec(Spec):
    """One split of one treebank, parsed to a table of sentences and a table of words.

    Attributes:
        name: folder name, ``UD_German-PUD``.
        language: ISO 639-3 code, ``deu``.
        files: the CoNLL-U files that are read, in order (paths; the identity holds their SHA-256).
        split: the part that is kept; with ``partition`` a part of that partition, else of the official files.
        partition: percentages train, dev, test, by hash of ``sent_id`` (the same in every language, so that
            translations of one sentence never fall on two sides).
        multiword: ``syntactic``: the words inside a multiword token, each with the token's span of text;
            ``surface``: the token itself, with UPOS and relation of its first word and a head outside it.
        limit: at most this many sentences, those whose ``sent_id`` hashes lowest (so that translations of
            the same sentences remain in every language); None for all.
    """

    kind: ClassVar[str] = "treebank"
    version: ClassVar[int] = 1

    name: str
    language: str
    files: tuple[str, ...]
    split: Split = "train"
    partition: tuple[int, int, int] | None = None
    multiword: Multiword = "syntactic"
    limit: int | None = Field(default=None, ge=1)

    def identity(self) -> dict[str, Any]:
        fields = self.model_dump(mode="json", exclude={"limit"} if self.limit is None else None)
        fields["files"] = [fingerprint_of_file(Path(file)) for file in self.files]
        return fields
