import itertools

import numpy as np
import pytest

from xviz.figures import palette
from xviz.figures.palette import BRANCHES, RELATIONS, UPOS, language_style, on_dark, style_of

SIGHT = {  # Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB
    "normal": np.eye(3),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
}


def linear(colour: str) -> np.ndarray:
    parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def oklab(rgb: np.ndarray) -> np.ndarray:
    to_cones = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    )
    to_lab = np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    )
    return to_lab @ np.cbrt(np.clip(to_cones @ np.clip(rgb, 0, 1), 0, None))


def distance(one: str, other: str, sight: str) -> float:
    return 100 * float(
        np.linalg.norm(oklab(SIGHT[sight] @ linear(one)) - oklab(SIGHT[sight] @ linear(other)))
    )


def contrast(one: str, other: str) -> float:
    lights = sorted(float(np.array([0.2126, 0.7152, 0.0722]) @ linear(c)) for c in (one, other))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


PUD_BRANCHES = (
    *("Germanic", "Romance", "Slavic", "Indic", "Uralic", "Turkic", "Sino-Tibetan", "Japanese", "Korean"),
    *("Afro-Asiatic", "Austronesian", "Tai-Kadai"),
)


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize(
    ("kind", "names"), [("upos", tuple(UPOS)), ("deprel", tuple(RELATIONS)), ("family", PUD_BRANCHES)]
)
def test_colours_with_the_same_symbol_are_told_apart_by_every_eye(kind: str, names, sight: str) -> None:
    styles = {name: style_of(kind, name) for name in names}
    for one, other in itertools.combinations(styles, 2):
        (colour, symbol), (another, its_symbol) = styles[one], styles[other]
        if symbol == its_symbol:
            assert distance(colour, another, sight) >= 10, (one, other)


def test_every_tag_and_relation_of_universal_dependencies_has_a_style() -> None:
    assert len(UPOS) == 17
    assert len(RELATIONS) == 37
    for kinds, names in ((palette.UPOS_KINDS, UPOS), (palette.RELATION_KINDS, RELATIONS)):
        assert sorted(itertools.chain(*kinds.values())) == sorted(names)


def test_languages_of_one_branch_differ_in_symbol_or_clearly_in_colour() -> None:
    for branch, codes in palette.LANGUAGES_OF_BRANCH.items():
        styles = {code: language_style(code, branch) for code in codes[:8]}
        for one, other in itertools.combinations(styles, 2):
            assert styles[one][1] != styles[other][1]
            assert styles[one][0] != styles[other][0]


def test_a_language_looks_the_same_whatever_else_is_shown() -> None:
    assert language_style("deu", "Germanic") == language_style("deu", "Germanic")
    assert style_of("language", "deu", position=3, branch="Germanic") == language_style("deu", "Germanic")
    assert language_style("xyz", "Unheard-of") == language_style("xyz", "Unheard-of")


def test_colours_stand_out_from_a_dark_ground() -> None:
    colours = {*UPOS.values(), *RELATIONS.values(), *palette.SPARE, *(c for c, _ in BRANCHES.values())}
    assert min(contrast(on_dark(c), palette.GROUND) for c in colours) >= 3
    assert on_dark(palette.PAPER) == palette.GROUND


def test_what_is_not_annotated_is_muted() -> None:
    assert style_of("upos", "") == (palette.MUTED, "circle-open")
