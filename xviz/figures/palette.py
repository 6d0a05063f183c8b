"""Colours and symbols that mean the same on every page, in every theme.

A category is told apart by colour **and** symbol: there are more categories (17 tags, 37 relations, dozens of
languages) than colours that everyone can tell apart. The symbol says the kind (the open, closed and other
classes of UPOS; the columns of the UD table of relations), the colour says which one of that kind. Within one
symbol, any two colours lie at least 10 OKLab units (x 100) apart, also in simulated deuteranopia and
protanopia (Machado, Oliveira and Fernandes 2009); ``tests/figures`` holds that. Colours were chosen from
Okabe and Ito (2008) and Tol (2021) and moved apart by search.

A language takes the hue of its branch and, within it, a shade and a symbol of its own, whatever else is
on the page.

Every colour here is meant for light paper; :func:`on_dark` gives its counterpart on a dark ground.
"""

from __future__ import annotations

import functools
import hashlib
import math

Colour = str
"""``#RRGGBB``"""

UPOS_KINDS = {
    "circle": ("ADJ", "ADV", "INTJ", "NOUN", "PROPN", "VERB"),  # open classes
    "diamond": ("ADP", "AUX", "CCONJ", "DET", "NUM", "PART", "PRON", "SCONJ"),  # closed classes
    "x": ("PUNCT", "SYM", "X"),
}

UPOS: dict[str, Colour] = {
    "ADJ": "#07A087",
    "ADV": "#B0B64E",
    "INTJ": "#872871",
    "NOUN": "#2F6BC4",
    "PROPN": "#67B4F5",
    "VERB": "#C04E0A",
    "ADP": "#720B7D",
    "AUX": "#F29A0C",
    "CCONJ": "#0D7A82",
    "DET": "#C477E8",
    "NUM": "#9F7910",
    "PART": "#9D0A12",
    "PRON": "#444ED2",
    "SCONJ": "#22C3A0",
    "PUNCT": "#748089",
    "SYM": "#AEB6C2",
    "X": "#424B40",
}

RELATION_KINDS = {
    "circle": (  # nominals
        *("nsubj", "obj", "iobj", "obl", "vocative", "expl", "dislocated", "nmod", "appos", "nummod"),
    ),
    "square": ("csubj", "ccomp", "xcomp", "advcl", "acl"),  # clauses
    "triangle-up": ("advmod", "discourse", "amod"),  # modifier words
    "diamond": ("aux", "cop", "mark", "det", "clf", "case"),  # function words
    "cross": ("conj", "cc", "fixed", "flat", "compound", "list", "parataxis"),  # linking
    "x": ("orphan", "goeswith", "reparandum", "punct", "root", "dep"),
}

RELATIONS: dict[str, Colour] = {
    "nsubj": "#0E4BAB",
    "obj": "#A64B00",
    "iobj": "#5F2767",
    "obl": "#3FC28A",
    "vocative": "#908866",
    "expl": "#3E6B70",
    "dislocated": "#7E0D03",
    "nmod": "#7BAADC",
    "appos": "#AD5FBD",
    "nummod": "#D0A512",
    "csubj": "#2E53D2",
    "ccomp": "#BA6714",
    "xcomp": "#6C4C02",
    "advcl": "#55A685",
    "acl": "#EE88D0",
    "advmod": "#B9AE58",
    "discourse": "#6D4556",
    "amod": "#139C78",
    "aux": "#B99301",
    "cop": "#824A35",
    "mark": "#8BC1B7",
    "det": "#DC5EC9",
    "clf": "#0C8581",
    "case": "#7F077E",
    "conj": "#07497E",
    "cc": "#6B95A2",
    "fixed": "#E3A922",
    "flat": "#5CB7F7",
    "compound": "#E5634F",
    "list": "#96083D",
    "parataxis": "#55C398",
    "orphan": "#663B32",
    "goeswith": "#756E35",
    "reparandum": "#FB7DEC",
    "punct": "#7A82A2",
    "root": "#1C2430",
    "dep": "#03647A",
}

BRANCHES: dict[str, tuple[Colour, str]] = {
    "Germanic": ("#3D61D6", "circle"),
    "Romance": ("#BE620A", "circle"),
    "Slavic": ("#0CA58C", "circle"),
    "Baltic": ("#7FA31C", "diamond"),
    "Celtic": ("#0A6B5B", "diamond"),
    "Greek": ("#3FA9D8", "diamond"),
    "Indic": ("#C4B400", "circle"),
    "Iranian": ("#8A5A16", "diamond"),
    "Italic": ("#A33B12", "square"),
    "Albanian": ("#6B7A0B", "square"),
    "Armenian": ("#8C6E63", "square"),
    "Afro-Asiatic": ("#85500D", "triangle-up"),
    "Uralic": ("#6D018D", "circle"),
    "Turkic": ("#E67AE2", "circle"),
    "Sino-Tibetan": ("#8A0111", "circle"),
    "Japanese": ("#C22C6D", "diamond"),
    "Korean": ("#7E76FD", "diamond"),
    "Austronesian": ("#00789C", "triangle-up"),
    "Tai-Kadai": ("#A3B88F", "square"),
    "Dravidian": ("#7A2E1D", "triangle-up"),
    "Austro-Asiatic": ("#A8AB2A", "square"),
    "Niger-Congo": ("#3D8B37", "triangle-up"),
    "Mande": ("#5E4A8A", "triangle-up"),
    "Mongolic": ("#9C4FB0", "square"),
    "Kartvelian": ("#4F6D8F", "square"),
    "Basque": ("#2B4C5E", "square"),
    "Creole": ("#7D8790", "triangle-up"),
}

LANGUAGES_OF_BRANCH: dict[str, tuple[str, ...]] = {
    "Germanic": ("eng", "deu", "swe", "isl", "nld", "dan", "nob", "nno", "afr", "fao", "got", "yid"),
    "Romance": ("fra", "spa", "ita", "por", "glg", "ron", "cat", "oci"),
    "Slavic": ("rus", "ces", "pol", "ukr", "bul", "srp", "hrv", "slk", "slv", "bel", "chu"),
    "Baltic": ("lit", "lav"),
    "Celtic": ("gle", "cym", "bre", "gla"),
    "Indic": ("hin", "urd", "mar", "san", "ben"),
    "Iranian": ("fas", "kmr"),
    "Afro-Asiatic": ("ara", "heb", "mlt", "amh", "hau", "cop"),
    "Uralic": ("fin", "est", "hun", "sme", "myv"),
    "Turkic": ("tur", "kaz", "uig", "uzb", "tat"),
    "Sino-Tibetan": ("zho", "yue", "lzh"),
    "Austronesian": ("ind", "tgl", "jav", "ceb"),
    "Dravidian": ("tel", "tam", "mal"),
    "Niger-Congo": ("yor", "wol", "swa", "xho"),
}
"""The order in which the languages of a branch take their shades; languages not named take one by hash."""

SHADES = (0.52, 0.72, 0.40, 0.62, 0.79, 0.46, 0.67, 0.57)
"""OKLCH lightness of the first, second, ... language of a branch."""

SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "triangle-down", "x", "pentagon", "star")

SPARE: tuple[Colour, ...] = (
    *("#2F6BC4", "#C04E0A", "#07A087", "#872871", "#B0B64E", "#67B4F5", "#9D0A12", "#0D7A82", "#C477E8"),
    *("#9F7910", "#444ED2", "#F29A0C", "#424B40", "#22C3A0", "#720B7D"),
)
"""For categories without a colour of their own (values of a feature), in the order in which they come."""

PAPER: Colour = "#FFFFFF"
GROUND: Colour = "#12171D"
"""What a mark stands on, light and dark: edges of marks are drawn in it."""

INK: Colour = "#1B2430"
"""Of text: rings and skeletons are drawn in it."""

INK_ON_DARK: Colour = "#E7E9EC"

MUTED: Colour = "#9AA3AE"
"""What is not annotated, or not meant."""


def style_of(kind: str, name: str, *, position: int = 0, branch: str = "") -> tuple[Colour, str]:
    """Colour and symbol of a category.

    Args:
        kind: ``upos``, ``deprel``, ``language`` (``name`` is ISO 639-3, ``branch`` its branch), ``family``
            (``name`` is the branch), or any other, whose categories take spare colours by ``position``.
    """
    if name == "":
        return MUTED, "circle-open"
    if kind == "upos" and name in UPOS:
        return UPOS[name], _kind_of(UPOS_KINDS, name)
    if kind == "deprel" and name in RELATIONS:
        return RELATIONS[name], _kind_of(RELATION_KINDS, name)
    if kind == "family":
        return branch_style(name)
    if kind == "language":
        return language_style(name, branch)
    return SPARE[position % len(SPARE)], SYMBOLS[(position // len(SPARE)) % len(SYMBOLS)]


def branch_style(branch: str) -> tuple[Colour, str]:
    """Colour and symbol of a language family or branch; one by hash for those without their own."""
    if branch in BRANCHES:
        return BRANCHES[branch]
    number = _number(branch)
    return SPARE[number % len(SPARE)], SYMBOLS[number % len(SYMBOLS)]


def language_style(code: str, branch: str, *, variant: int = 0) -> tuple[Colour, str]:
    """Colour and symbol of a language: the hue of its branch, a shade and a symbol of its own.

    ``variant`` numbers several treebanks of one language: each has the next shade and symbol.
    """
    colour, symbol = branch_style(branch)
    named = LANGUAGES_OF_BRANCH.get(branch, ())
    if len(named) < 2 and branch in BRANCHES and not variant:
        return colour, symbol
    position = variant * 5 + (named.index(code) if code in named else len(named) + _number(code) % 5)
    _, chroma, hue = _to_oklch(colour)
    turned = hue + math.radians((0, -14, 10, 16, -20, -8, 22, 4)[position % len(SHADES)])
    shade = _from_oklch(SHADES[position % len(SHADES)], max(chroma, 0.08), turned)
    return shade, SYMBOLS[position % len(SYMBOLS)]


@functools.cache
def on_dark(colour: Colour) -> Colour:
    """The same hue, light enough to stand on a dark ground (contrast of 3 to 1 or more)."""
    if colour == PAPER:
        return GROUND
    if colour == INK:
        return INK_ON_DARK
    lightness, chroma, hue = _to_oklch(colour)
    return _from_oklch(0.58 + 0.42 * max(0.0, lightness - 0.25), chroma, hue)


def _kind_of(kinds: dict[str, tuple[str, ...]], name: str) -> str:
    return next(symbol for symbol, names in kinds.items() if name in names)


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def _to_oklch(colour: Colour) -> tuple[float, float, float]:
    """Lightness, chroma and hue (radians) of OKLab (Ottosson 2020)."""
    red, green, blue = (_linear(int(colour[i : i + 2], 16) / 255) for i in (1, 3, 5))
    long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    middle = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    lightness = 0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short
    a = 1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short
    b = 0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short
    return lightness, math.hypot(a, b), math.atan2(b, a)


def _from_oklch(lightness: float, chroma: float, hue: float) -> Colour:
    """The nearest displayable colour: chroma is lowered until it fits sRGB."""
    while True:
        a, b = chroma * math.cos(hue), chroma * math.sin(hue)
        long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
        middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
        short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
        red = 4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short
        green = -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short
        blue = -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short
        if all(-1e-4 <= part <= 1.0001 for part in (red, green, blue)) or chroma < 1e-3:
            return "#" + "".join(f"{round(255 * _encoded(part)):02X}" for part in (red, green, blue))
        chroma *= 0.96


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _encoded(value: float) -> float:
    value = min(1.0, max(0.0, value))
    return 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055
