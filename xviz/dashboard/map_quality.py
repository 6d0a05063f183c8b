"""How far a map may be believed, in five numbers; each says what it is compared with."""

from __future__ import annotations

from typing import Any

import streamlit as st


def tell_quality(measures: dict[str, Any]) -> None:
    """Tiles with the measures of :func:`xviz.projection.maps.read_quality`."""
    k = measures["k"]
    concept, language = measures["concept_purity"], measures["language_purity"]
    tiles = [
        (
            "Trustworthiness",
            _share(measures["trustworthiness"]["value"]),
            _error(measures["trustworthiness"]),
            f"1 is perfect, .5 is chance: of the {k} nearest points on the map, how far from the nearest "
            "they are "
            "in the full space (Venna and Kaski 2001).",
        ),
        (
            "Continuity",
            _share(measures["continuity"]["value"]),
            _error(measures["continuity"]),
            f"The converse: are the {k} nearest in the full space near on the map?",
        ),
        (
            "Same concept nearby",
            _share(concept["map"]),
            f"{_share(concept['full_space'])} in full space, chance {_share(concept['chance'])}",
            f"Share of the {k} nearest points that have the point's own concept.",
        ),
        (
            "Same language nearby",
            _share(language["map"]),
            f"{_share(language['full_space'])} in full space, chance {_share(language['chance'])}",
            f"Share of the {k} nearest points that are of the point's own treebank; "
            "at chance, languages are mixed.",
        ),
        _stability_tile(measures),
    ]
    for column, (name, value, beneath, explanation) in zip(st.columns(len(tiles)), tiles, strict=True):
        with column, st.container(gap="xxsmall"):
            st.metric(name, value, help=explanation)
            st.caption(beneath)


def _stability_tile(measures: dict[str, Any]) -> tuple[str, str, str, str]:
    found = measures["stability"]
    if found is None:
        return (
            "Stability",
            "exact",
            "no seed in it",
            "Principal components of the same words are always the same.",
        )
    return (
        "Neighbours kept",
        _share(found["neighbour_overlap"]),
        f"chance {_share(found['chance_overlap'])}; arrangement kept: {_share(1 - found['disparity'])}",
        f"A second UMAP, from random places and another seed: the share of a point's {measures['k']} nearest "
        "points that stay, and the share of the variance of the one map that the other explains when turned "
        "onto it. What another seed would move, don't read.",
    )


def _share(value: float) -> str:
    if value != value:
        return "–"
    return "1" if value >= 0.9995 else f"{value:.3f}".removeprefix("0").replace("-0.", "-.")


def _error(mean: dict[str, float]) -> str:
    if mean["rows"] == mean["points"]:
        return f"all {mean['points']:,} points"
    return f"± {1.96 * mean['standard_error']:.3f}, from {mean['rows']:,} points"
