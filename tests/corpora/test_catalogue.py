"""The catalogue: complete, well-formed, families spelled out."""

from __future__ import annotations

import csv
import re

import langcodes
import pytest

from xviz.corpora.catalogue import by_prefix, catalogue, known_treebank
from xviz.errors import InputError


def test_rows_are_well_formed() -> None:
    assert len(catalogue()) == 366
    for known in catalogue().values():
        assert re.fullmatch(r"UD_[^-\s]+-\S+", known.treebank)
        assert re.fullmatch(r"[a-z]{3}", known.iso639_3)
        assert re.fullmatch(r"[a-z]{2,3}_[a-z0-9]+-ud", known.prefix)
        assert known.family
        assert known.family != "IE"
        assert set(known.releases) <= {"2.10", "2.18"}
        assert known.releases
        assert all(re.fullmatch(r"[A-Z][a-z]{3}", script) for script in known.scripts)
        assert set(known.role) <= {"meta-train", "target", "low-resource", "parallel"}
    assert len({known.prefix for known in catalogue().values()}) == 366


def test_german_pud() -> None:
    known = known_treebank("german-pud")
    assert known is known_treebank("UD_German-PUD") is by_prefix("de_pud-ud")
    assert (known.language, known.iso639_3, known.code) == ("German", "deu", "de")
    assert (known.family, known.genus, known.scripts) == ("Indo-European", "Germanic", ("Latn",))
    assert known.releases == ("2.10", "2.18")
    assert known.role == ("parallel",)


def test_one_language_has_one_name_and_family() -> None:
    names, families = {}, {}
    for known in catalogue().values():
        assert names.setdefault(known.iso639_3, known.language) == known.language
        assert families.setdefault(known.iso639_3, known.family) == known.family


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(InputError, match="German-PUD"):
        known_treebank("UD_German-PDU")


@pytest.mark.data
def test_facts_agree_with_their_source(data_dir) -> None:
    with (data_dir / "catalogue.tsv").open(encoding="utf-8", newline="") as file:
        source = {row["treebank"]: row for row in csv.DictReader(file, delimiter="\t")}
    assert source.keys() == catalogue().keys()
    for name, row in source.items():
        known = catalogue()[name]
        assert known.code == row["code"]
        assert known.prefix == row["file_prefix"]
        assert known.genus == row["genus"]
        assert known.scripts == tuple(row["scripts"].split(","))
        assert ("2.10" in known.releases, "2.18" in known.releases) == (
            row["in_2.10"] == "yes",
            row["in_2.18"] == "yes",
        )
        assert list(known.role) == row["role"].split()
        assert known.family == {"IE": "Indo-European"}.get(row["family"], row["family"])
        if known.iso639_3 != row["iso639_3"]:  # Chinese and Norwegian alone
            assert row["iso639_3"] in ("cmn", "nor")
            assert langcodes.Language.get(row["code"]).to_alpha3() in ("zho", "nor")
