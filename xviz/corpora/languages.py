"""Languages: any code or name in, ISO 639-3 out; names and families as Universal Dependencies gives them.

The catalogue comes first ("Greek", not "Modern Greek (1453-)"; ``tl`` is Tagalog, not Filipino), then
langcodes. Scripts are told from the characters themselves.
"""

from __future__ import annotations

import functools
import unicodedata
from collections import Counter
from collections.abc import Iterable

import langcodes
from language_data.names import TRIES, normalize_name

from xviz.corpora.catalogue import KnownTreebank, catalogue
from xviz.corpora.nearest import nearest
from xviz.errors import InputError

UNDETERMINED = "und"


def iso639_3(language: str) -> str:
    """The ISO 639-3 code of a language given by any code or name: ``de``, ``ger``, ``de-AT``, ``German``.

    Raises:
        InputError: neither the catalogue nor langcodes knows it.
    """
    found = _iso639_3(language.strip())
    if found is None:
        near = nearest(language, (known.language for known in _by_iso().values()))
        raise InputError(
            f"{language!r} is no language that xviz knows{near}. "
            "Give a code of ISO 639 (de, deu) or an English name (German)."
        )
    return found


def is_language(language: str) -> bool:
    """Whether :func:`iso639_3` knows it."""
    return _iso639_3(language.strip()) is not None


def display_name(iso: str) -> str:
    """The English name of a language, ``Greek`` for ``ell``; the code itself where none is known."""
    known = _by_iso().get(iso)
    if known is not None:
        return known.language
    if iso == UNDETERMINED:
        return "Unknown language"
    tag = langcodes.Language.get(iso)
    return tag.display_name() if tag.is_valid() else iso


def family(iso: str) -> str:
    """The family of a language, ``Indo-European``; empty where the catalogue does not know it."""
    known = _by_iso().get(iso)
    return known.family if known is not None else ""


def genus(iso: str) -> str:
    """The branch within the family, ``Germanic``; empty where the catalogue does not know it."""
    known = _by_iso().get(iso)
    return known.genus if known is not None else ""


def scripts(iso: str) -> tuple[str, ...]:
    """The scripts (ISO 15924) in which the treebanks of a language are written; empty where unknown."""
    known = _by_iso().get(iso)
    return known.scripts if known is not None else ()


def macrolanguage(iso: str) -> str:
    """The larger language whose chief form this is (``nor`` for ``nob``), else the language itself."""
    if iso in ("nno", "nob"):  # langcodes keeps Nynorsk apart
        return "nor"
    tag = langcodes.Language.get(langcodes.standardize_tag(iso, macro=True))
    return tag.to_alpha3() if tag.is_valid() else iso


@functools.cache
def _by_iso() -> dict[str, KnownTreebank]:
    return {known.iso639_3: known for known in catalogue().values()}


@functools.cache
def _codes() -> dict[str, str]:
    codes = {known.language.casefold(): known.iso639_3 for known in catalogue().values()}
    codes |= {known.code: known.iso639_3 for known in catalogue().values() if known.code != "no"}
    return codes | {iso: iso for iso in _by_iso()}


@functools.cache
def _iso639_3(language: str) -> str | None:
    known = _codes().get(language.casefold().replace("_", " "))
    if known is not None:
        return known
    try:
        tag = langcodes.Language.get(language)
        valid = tag.is_valid() and tag.language is not None
    except langcodes.LanguageTagError:
        valid = False
    if not valid:
        found = _by_name(language)
        if found is None:
            return None
        tag = found
    # The catalogue's codes win over langcodes' merged ones (tl -> fil); what it does not tell apart is read
    # as the macrolanguage (cmn -> zho, swh -> swa), as translations are labelled.
    for code in (tag.language or "", tag.to_alpha3()):
        if code in _codes():
            return _codes()[code]
    return macrolanguage(tag.to_alpha3())


def _by_name(name: str) -> langcodes.Language | None:
    """langcodes' language of that name, without its guesses (nosuchlanguage is not Nosu, its name for Yi)."""
    if len(name) < 4:  # a wrong code must not be read as a short name in some language
        return None
    try:
        tag = langcodes.find(name)
    except LookupError:
        return None
    known_names = TRIES["und/name_to_language"]  # loaded by the search
    return tag if normalize_name(name) in known_names else None


_SCRIPT_OF_NAME = {  # first word of a character's Unicode name -> ISO 15924
    "LATIN": "Latn", "CYRILLIC": "Cyrl", "GREEK": "Grek", "ARABIC": "Arab", "HEBREW": "Hebr",
    "SYRIAC": "Syrc", "CJK": "Hani", "HIRAGANA": "Jpan", "KATAKANA": "Jpan", "HANGUL": "Hang",
    "DEVANAGARI": "Deva", "BENGALI": "Beng", "GURMUKHI": "Guru", "GUJARATI": "Gujr", "ORIYA": "Orya",
    "TAMIL": "Taml", "TELUGU": "Telu", "KANNADA": "Knda", "MALAYALAM": "Mlym", "SINHALA": "Sinh",
    "THAI": "Thai", "LAO": "Laoo", "TIBETAN": "Tibt", "MYANMAR": "Mymr", "KHMER": "Khmr",
    "GEORGIAN": "Geor", "ARMENIAN": "Armn", "ETHIOPIC": "Ethi", "COPTIC": "Copt", "MONGOLIAN": "Mong",
    "CHEROKEE": "Cher", "THAANA": "Thaa", "NKO": "Nkoo", "TIFINAGH": "Tfng", "GOTHIC": "Goth",
    "CUNEIFORM": "Xsux", "EGYPTIAN": "Egyp", "OGHAM": "Ogam", "RUNIC": "Runr", "JAVANESE": "Java",
    "CANADIAN": "Cans", "YI": "Yiii", "GLAGOLITIC": "Glag",
}  # fmt: skip
_SCRIPT_OF_TWO_WORDS = {
    "OLD TURKIC": "Orkh",
    "OLD ITALIC": "Ital",
    "OLD PERSIAN": "Xpeo",
}
_RIGHT_TO_LEFT = {"Arab", "Hebr", "Syrc", "Thaa", "Nkoo", "Orkh"}
_KANA_SHARE = 0.05


def dominant_script(texts: Iterable[str]) -> str:
    """The script (ISO 15924) of most letters; ``Zyyy`` where there are none.

    Japanese is ``Jpan`` wherever at least 5 % of its letters are kana.
    """
    characters: Counter[str] = Counter()
    for text in texts:
        characters.update(text)
    letters: Counter[str] = Counter()
    for character, count in characters.items():
        script = _script(character)
        if script:
            letters[script] += count
    if not letters:
        return "Zyyy"
    if letters["Hani"] and letters["Jpan"] >= _KANA_SHARE * letters.total():
        return "Jpan"
    return letters.most_common(1)[0][0]


def is_right_to_left(script: str) -> bool:
    """Whether a script (ISO 15924) runs from right to left."""
    return script in _RIGHT_TO_LEFT


@functools.cache
def _script(character: str) -> str:
    if unicodedata.category(character)[0] not in "LM":
        return ""
    words = unicodedata.name(character, "").split()
    return _SCRIPT_OF_TWO_WORDS.get(" ".join(words[:2])) or _SCRIPT_OF_NAME.get(words[0] if words else "", "")
