"""Sides by sent_id: stable, the same in every language, near the percentages."""

from __future__ import annotations

from collections import Counter

import pytest

from xviz.corpora.partition import checked_partition, side_of
from xviz.errors import InputError


def test_sides_are_fixed_for_ever() -> None:
    """Written down once: results that are stored depend on them."""
    names = ["n01001011", "n01001013", "n01002017", "w01001001", "w05010022"]
    assert [side_of(name, (60, 20, 20)) for name in names] == ["dev", "train", "test", "train", "test"]


def test_shares_are_near_the_percentages() -> None:
    counts = Counter(side_of(f"s{i}", (60, 25, 15)) for i in range(20_000))
    assert counts["train"] / 20_000 == pytest.approx(0.60, abs=0.015)
    assert counts["dev"] / 20_000 == pytest.approx(0.25, abs=0.015)
    assert counts["test"] / 20_000 == pytest.approx(0.15, abs=0.015)


def test_a_larger_train_part_holds_the_smaller_one() -> None:
    for i in range(1000):
        if side_of(f"s{i}", (40, 30, 30)) == "train":
            assert side_of(f"s{i}", (60, 20, 20)) == "train"


@pytest.mark.parametrize("partition", [(60, 20, 10), (100,), (50, 25, 12, 13), (110, -5, -5), (60.0, 20, 20)])
def test_what_is_no_partition(partition) -> None:
    with pytest.raises(InputError, match="add up to 100"):
        checked_partition(partition)


def test_reading_parts_divides_the_sentences(read, row) -> None:
    lines = []
    for i in range(200):
        lines += [f"# sent_id = s{i}", row(1, f"w{i}", "X", 0, "root"), row(2, "!", "X", 1, "dep"), ""]
    parts = {side: read(lines, split=side, partition=(60, 20, 20)) for side in ("train", "dev", "test")}
    names = [name for part in parts.values() for name in part.sentences["sent_id"]]
    assert sorted(names) == sorted(f"s{i}" for i in range(200))
    for side, part in parts.items():
        assert all(side_of(name, (60, 20, 20)) == side for name in part.sentences["sent_id"])
        assert part.words["sentence"].tolist() == [k for k in range(len(part)) for _ in range(2)]
        forms = part.words["form"][part.words["index"] == 1].tolist()
        assert [form[1:] for form in forms] == [name[1:] for name in part.sentences["sent_id"]]
        assert part.words["sentence"].dtype == "int32"
    assert len(read(lines, split="all", partition=(60, 20, 20))) == 200
