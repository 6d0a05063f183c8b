"""A figure as a file for a paper: PNG, SVG or PDF in the print theme.

Kaleido draws it with the Chrome or Chromium of this machine.
"""

from __future__ import annotations

from typing import Literal, get_args

import plotly.graph_objects as go

from xviz.errors import XvizError
from xviz.figures.template import ThemeName, in_theme

Format = Literal["png", "svg", "pdf"]
FORMATS: tuple[Format, ...] = get_args(Format)
RESOLUTION = 3
"""PNG pixels a CSS pixel: 288 dots an inch at 96 CSS pixels an inch."""


def picture(
    figure: go.Figure, kind: Format, *, width: int = 720, height: int = 540, theme: ThemeName = "print"
) -> bytes:
    """The bytes of the file.

    Args:
        width, height: in CSS pixels, 96 to the inch.

    Raises:
        XvizError: no browser, or it could not draw.
    """
    printed = in_theme(figure, theme)
    printed.update_layout(width=width, height=height)
    try:
        return printed.to_image(
            format=kind, width=width, height=height, scale=RESOLUTION if kind == "png" else 1
        )
    except Exception as error:  # kaleido's and choreographer's errors share no class
        raise XvizError(
            f"No {kind.upper()} could be drawn ({type(error).__name__}: {str(error).splitlines()[0][:120]}). "
            "It takes Chrome or Chromium on this machine; tables and the SVG button of a figure need none."
        ) from error
