"""Languages and scripts."""

from __future__ import annotations

import pytest

from xviz.corpora import languages
from xviz.errors import InputError


@pytest.mark.parametrize(
    ("given", "iso"),
    [
        ("de", "deu"), ("deu", "deu"), ("ger", "deu"), ("German", "deu"), ("de-AT", "deu"),
        ("zh", "zho"), ("cmn", "zho"), ("zho", "zho"), ("zh-Hant", "zho"), ("arb", "ara"), ("lvs", "lav"),
        ("ekk", "est"), ("pes", "fas"), ("swh", "swa"), ("sw", "swa"), ("el", "ell"), ("Greek", "ell"),
        ("Ancient Greek", "grc"), ("ancient_greek", "grc"), ("tl", "tgl"), ("nb", "nob"), ("nn", "nno"),
        ("no", "nor"), ("Naija", "pcm"), ("iw", "heb"), (" fr ", "fra"), ("Buryat", "bxr"), ("yue", "yue"),
        ("Farsi", "fas"), ("chinois", "zho"), ("Deutsch", "deu"),
    ],
)  # fmt: skip
def test_codes_and_names_become_iso639_3(given: str, iso: str) -> None:
    assert languages.iso639_3(given) == iso
    assert languages.iso639_3(iso) == iso


@pytest.mark.parametrize("given", ["", "xx", "zz", "English-EWT", "q", "nosuchlanguage", "und"])
def test_what_is_no_language(given: str) -> None:
    assert not languages.is_language(given)
    with pytest.raises(InputError, match="no language"):
        languages.iso639_3(given)


def test_a_slip_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(InputError, match="Galician"):
        languages.iso639_3("Galicain")


@pytest.mark.parametrize(
    ("iso", "name"),
    [("ell", "Greek"), ("pcm", "Naija"), ("nob", "Norwegian Bokmål"), ("swa", "Swahili"), ("deu", "German")],
)
def test_names_are_those_of_universal_dependencies(iso: str, name: str) -> None:
    assert languages.display_name(iso) == name


def test_families() -> None:
    assert (languages.family("deu"), languages.genus("deu")) == ("Indo-European", "Germanic")
    assert languages.family("fin") == "Uralic"
    assert languages.family("swa") == ""
    assert languages.scripts("hin") == ("Deva",)
    assert languages.macrolanguage("nno") == languages.macrolanguage("nob") == "nor"
    assert languages.macrolanguage("deu") == "deu"


@pytest.mark.parametrize(
    ("text", "script", "right_to_left"),
    [
        ("Guten Morgen 2024, «да»!", "Latn", False),
        ("Доброе утро (OK)", "Cyrl", False),
        ("صباح الخير", "Arab", True),
        ("בוקר טוב", "Hebr", True),
        ("早上好，我们走吧", "Hani", False),
        ("東京都庁舎は新宿にある", "Jpan", False),
        ("좋은 아침", "Hang", False),
        ("सुप्रभात", "Deva", False),
        ("สวัสดีตอนเช้า", "Thai", False),
        ("శుభోదయం", "Telu", False),
        ("123 !?", "Zyyy", False),
    ],
)
def test_scripts(text: str, script: str, right_to_left: bool) -> None:
    assert languages.dominant_script(text.split()) == script
    assert languages.is_right_to_left(script) == right_to_left
