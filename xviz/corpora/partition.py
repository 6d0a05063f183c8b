"""On which side a sentence falls: train, dev or test, decided by its ``sent_id`` alone.

A parallel treebank (PUD) has one file. Whoever trains on it needs sides, and translations of one sentence
must never stand on two of them. So the side is a function of the ``sent_id``: stable over machines and
versions, and the same in every language.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal

from xviz.errors import InputError

Side = Literal["train", "dev", "test"]


def side_of(sent_id: str, partition: tuple[int, int, int]) -> Side:
    """The side of one sentence: first 8 bytes of SHA-256(``sent_id``), modulo 100, cut at the percentages."""
    place = int.from_bytes(hashlib.sha256(sent_id.encode()).digest()[:8]) % 100
    train, dev, _ = partition
    if place < train:
        return "train"
    return "dev" if place < train + dev else "test"


def first_of(sent_ids: Sequence[str], limit: int) -> list[bool]:
    """Which ``limit`` sentences are kept: those whose SHA-256(``sent_id``) is lowest, the same everywhere."""
    ranked = sorted(range(len(sent_ids)), key=lambda i: hashlib.sha256(sent_ids[i].encode()).digest())
    kept = set(ranked[:limit])
    return [i in kept for i in range(len(sent_ids))]


def checked_partition(partition: tuple[int, ...]) -> tuple[int, int, int]:
    """The three percentages train, dev, test.

    Raises:
        InputError: there are not three, one is negative, or they do not add up to 100.
    """
    numbers = tuple(partition)
    written = ",".join(str(number) for number in numbers)
    if len(numbers) != 3 or any(not isinstance(n, int) or n < 0 for n in numbers) or sum(numbers) != 100:
        raise InputError(
            "A partition is three whole percentages train,dev,test that add up to 100 "
            f"(for instance 60,20,20), not {written or 'nothing'}."
        )
    return numbers[0], numbers[1], numbers[2]
