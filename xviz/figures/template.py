"""One look for every figure: on light paper, on a dark ground, in print.

Builders make figures for light paper and say nothing about fonts or grids; :func:`in_theme` puts a figure
into a theme: layout from the template, colours of traces from :func:`xviz.figures.palette.on_dark`. Figures
never touch ``plotly.io.templates``: importing Streamlit replaces plotly's default template with placeholder
colours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

import plotly.graph_objects as go

from xviz.figures.palette import GROUND, PAPER, on_dark

ThemeName = Literal["light", "dark", "print"]

FONT = (
    "Inter, 'Source Sans 3', 'Segoe UI', 'Helvetica Neue', Arial, 'Noto Sans', 'Noto Sans Arabic', "
    "'Noto Sans Devanagari', 'Noto Sans Thai', 'Noto Sans Hebrew', 'Noto Sans Tamil', 'Noto Sans Telugu', "
    "'Noto Sans CJK SC', 'Noto Sans CJK JP', 'Noto Sans CJK KR', 'PingFang SC', 'Hiragino Sans', "
    "'Microsoft YaHei', sans-serif"
)
"""A face for reading, then one for each script; the browser takes the first that has the character."""


@dataclass(frozen=True)
class Ink:
    """The colours of everything that is not data."""

    ground: str
    text: str
    quiet: str
    line: str
    raised: str
    accent: str


INK: dict[str, Ink] = {
    "light": Ink(PAPER, "#1B2430", "#5A6675", "#E3E6EA", PAPER, "#0B6E69"),
    "dark": Ink(GROUND, "#E7E9EC", "#9BA6B2", "#2A323C", "#1E262F", "#4FC3B8"),
    "print": Ink(PAPER, "#000000", "#333333", "#CFCFCF", PAPER, "#000000"),
}

DIVERGING = ("#2F5FA8", "#7FA6D6", "#F4F2EE", "#E39A62", "#B3471B")
"""For what lies below and above a null; the middle stands at the null."""

SEQUENTIAL = ("#F3F6F5", "#B9DAD4", "#6FB5AC", "#2A857E", "#0A4A48")
SEQUENTIAL_ON_DARK = ("#1C2630", "#1B4A4B", "#2A857E", "#6FB5AC", "#CDEBE6")
"""Nothing sinks into the ground, much is light: brightening each colour by itself would break the order."""


def template(theme: ThemeName = "light") -> go.layout.Template:
    """The plotly template of a theme."""
    ink = INK[theme]
    size = 12 if theme == "print" else 13
    axis: dict[str, Any] = {
        "gridcolor": ink.line,
        "linecolor": ink.line,
        "zerolinecolor": ink.line,
        "zerolinewidth": 1,
        "ticks": "",
        "tickfont": {"size": size - 2, "color": ink.quiet},
        "title": {"font": {"size": size, "color": ink.quiet}, "standoff": 8},
        "automargin": True,
    }
    axis_3d = axis | {"showbackground": False, "showspikes": False, "title": {"font": {"size": size}}}
    axis_3d.pop("automargin")
    layout = go.Layout(
        font={"family": FONT, "size": size, "color": ink.text},
        paper_bgcolor=ink.ground if theme == "print" else "rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        colorway=[on_dark(c) if theme == "dark" else c for c in ("#2F6BC4", "#C04E0A", "#07A087", "#872871")],
        colorscale={
            "sequential": _scale(SEQUENTIAL_ON_DARK if theme == "dark" else SEQUENTIAL),
            "diverging": _scale(_sunk(DIVERGING) if theme == "dark" else DIVERGING),
        },
        margin={"l": 8, "r": 8, "t": 36, "b": 8},
        xaxis=axis,
        yaxis=axis,
        scene={"xaxis": axis_3d, "yaxis": axis_3d, "zaxis": axis_3d},
        legend={
            "font": {"size": size - 1},
            "title": {"font": {"size": size - 1, "color": ink.quiet}},
            "itemsizing": "constant",
            "tracegroupgap": 4,
            "bgcolor": "rgba(0,0,0,0)",
        },
        hoverlabel={
            "bgcolor": ink.raised,
            "bordercolor": ink.line,
            "font": {"family": FONT, "size": size, "color": ink.text},
            "align": "left",
        },
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": ink.quiet, "activecolor": ink.accent},
        hovermode="closest",
        dragmode="pan",
    )
    return go.layout.Template(layout=layout)


def in_theme(figure: go.Figure, theme: ThemeName) -> go.Figure:
    """A copy of ``figure`` in a theme (its data are not copied to be changed, only its colours)."""
    themed = go.Figure(figure)
    themed.update_layout(template=template(theme))
    if theme == "dark":
        recolour = dark_colours(figure)
        for trace in themed.data:
            _recolour(trace, recolour)
        for note in (*themed.layout.annotations, *themed.layout.scene.annotations):
            _recolour(note, recolour)
    return themed


def dark_colours(figure: go.Figure) -> dict[str, str]:
    """What each colour that ``figure`` draws with becomes on a dark ground."""
    found: set[str] = set()
    for trace in figure.data:
        _collect(trace.to_plotly_json(), found)
    for note in (*figure.layout.annotations, *figure.layout.scene.annotations):
        _collect(note.to_plotly_json(), found)
    return {colour: on_dark(colour) for colour in sorted(found)}


HEX = re.compile(r"^#[0-9A-Fa-f]{6}$")
LONGEST_LIST_OF_COLOURS = 256  # longer ones hold data


def _recolour(part: Any, colours: dict[str, str]) -> None:
    plain = part.to_plotly_json()
    changed = _recoloured(plain, colours)
    if changed is not plain:
        part.update(changed)


def _collect(value: Any, found: set[str]) -> None:
    if isinstance(value, str) and HEX.match(value):
        found.add(value)
    elif isinstance(value, dict):
        for part in value.values():
            _collect(part, found)
    elif isinstance(value, list | tuple) and len(value) <= LONGEST_LIST_OF_COLOURS:
        for part in value:
            _collect(part, found)


def _recoloured(value: Any, colours: dict[str, str]) -> Any:
    """``value`` with other colours; of a dictionary only what changed; ``value`` itself where nothing did."""
    if isinstance(value, str):
        return colours.get(value, value)
    if isinstance(value, dict):
        parts = {name: _recoloured(part, colours) for name, part in value.items()}
        return {name: part for name, part in parts.items() if part is not value[name]} or value
    if isinstance(value, list | tuple) and len(value) <= LONGEST_LIST_OF_COLOURS:
        members = [_recoloured(part, colours) for part in value]
        changed = any(new is not old for new, old in zip(members, value, strict=True))
        return members if changed else value
    return value


def _sunk(colours: tuple[str, ...]) -> tuple[str, ...]:
    """The neutral middle sinks into the ground, the ends are brightened."""
    return tuple("#232B35" if c == "#F4F2EE" else on_dark(c) for c in colours)


def _scale(colours: tuple[str, ...]) -> list[list[Any]]:
    return [[i / (len(colours) - 1), c] for i, c in enumerate(colours)]
