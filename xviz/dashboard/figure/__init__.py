"""The figure component: a plotly figure on a page that answers to the reader and keeps their view.

``st.plotly_chart`` makes a figure anew whenever it changes, so zoom and selection are lost. This component
calls ``Plotly.react`` with a constant ``uirevision`` instead. Long arrays (coordinates, hover texts) are
named by their hash and sent once a page load: a layer slider sends coordinates, not words. Colours follow
Streamlit's theme in the browser, without asking Python.

Plotly's JavaScript is the file that the plotly package ships; :func:`load_plotly` sends it once a session.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from xviz.figures.template import dark_colours, template

Event = Literal["click", "select", "relayout"]
HERE = Path(__file__).parent
LONG = 2_000  # characters of JSON from which an array is worth a name of its own
SENT = "xviz-blobs-sent"


@dataclass(frozen=True)
class FigureEvents:
    """What the reader did since the last run of the page.

    Attributes:
        click: the point: ``curve``, ``index``, ``id`` (its customdata), ``trace`` (its meta), ``x``, ``y``,
            ``z``; or None.
        select: ``ids`` (customdata of the points in the lasso or box; empty where it was cleared) and
            ``box``; or None where nothing was selected or cleared.
        relayout: plotly's change of view, or None.
    """

    click: dict[str, Any] | None = None
    select: dict[str, Any] | None = None
    relayout: dict[str, Any] | None = None


def load_plotly() -> None:
    """Bring plotly's JavaScript to the browser; call it once, in the frame of the app.

    It is an element of its own because Streamlit sends a component's JavaScript with every change of its
    data; this one never changes, so the browser's message cache answers.
    """
    with st.container(key="xviz-plotly", height=1, border=False):
        _loader()(key="xviz-plotly-loader")


def show_figure(
    figure: go.Figure,
    *,
    key: str,
    alt: str,
    height: int = 560,
    events: Sequence[Event] = (),
    table: pd.DataFrame | None = None,
    filename: str = "xviz",
) -> FigureEvents:
    """Draw ``figure`` and return what the reader did with it.

    Args:
        figure: as made by ``xviz.figures`` (colours for light paper, no template). While its
            ``layout.uirevision`` is the same, the reader's view stays.
        key: of the element; the same key means the same figure, changed.
        alt: what the figure shows, for readers who don't see it.
        height: in CSS pixels; the width is that of the column.
        events: which events run the page again.
        table: the numbers behind the figure, offered beneath it.
        filename: of a downloaded picture, without ending.
    """
    sent: set[str] = st.session_state.setdefault(SENT, set())
    message, names = pack(
        figure, alt=alt, height=height, events=events, filename=filename, already_there=sent
    )
    result = _component()(
        key=key,
        data=message,
        **{f"on_{name}_change": _nothing for name in ("click", "select", "relayout")},
        on_missing_change=lambda: _send_again(key),
    )
    sent.update(names)
    if table is not None:
        with st.expander("The numbers as a table", icon=":material/table_rows:"):
            st.dataframe(table, hide_index=True, width="stretch")
    return FigureEvents(click=result.click, select=result.select, relayout=result.relayout)


def pack(
    figure: go.Figure,
    *,
    alt: str,
    height: int,
    events: Sequence[Event],
    filename: str,
    already_there: set[str],
) -> tuple[bytes, set[str]]:
    """The message for the browser, and the names of the arrays that it uses."""
    blobs: dict[str, Any] = {}
    used: set[str] = set()

    def named(value: Any, text: str) -> dict[str, str]:
        name = hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
        used.add(name)
        if name not in already_there:
            blobs[name] = {"value": value, "size": len(text)}
        return {"$blob": name}

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            if "bdata" in value:
                packed = {k: v.tolist() if hasattr(v, "tolist") else v for k, v in value.items()}
                return named(packed, json.dumps(packed)) if len(packed["bdata"]) > LONG else packed
            return {name: walk(part) for name, part in value.items()}
        if isinstance(value, np.ndarray):
            return walk(_typed(value)) if value.dtype.kind in "fiu" else walk(value.tolist())
        if isinstance(value, list | tuple):
            text = json.dumps(value, ensure_ascii=False, default=_plain) if len(value) > 200 else ""
            return named(json.loads(text), text) if len(text) > LONG else [walk(part) for part in value]
        return _plain(value)

    plain = figure.to_plotly_json()
    plain["layout"].pop("template", None)
    message = {
        "figure": {"data": [walk(trace) for trace in plain["data"]], "layout": walk(plain["layout"])},
        "dark": dark_colours(figure),
        "templates": _templates(),
        "events": list(events),
        "height": height,
        "alt": alt,
        "filename": filename,
    }
    message["stamp"] = hashlib.blake2b(
        json.dumps(message, ensure_ascii=False).encode(), digest_size=8
    ).hexdigest()
    message["blobs"] = blobs
    return json.dumps(message, ensure_ascii=False).encode(), used


def _send_again(key: str) -> None:
    """The browser lacks arrays (it was loaded anew, or let old ones go): forget what it was sent."""
    st.session_state[SENT] = set()


def _nothing() -> None:
    pass


def _typed(array: np.ndarray) -> dict[str, Any]:
    """Plotly's own notation of a typed array: little-endian bytes in base64."""
    if array.dtype.itemsize == 8 and array.dtype.kind in "iu":
        array = array.astype(np.int32) if np.abs(array).max(initial=0) < 2**31 else array.astype(np.float64)
    kinds = {"f4": "f4", "f8": "f8", "i1": "i1", "i2": "i2", "i4": "i4", "u1": "u1", "u2": "u2", "u4": "u4"}
    name = kinds.get(array.dtype.str[1:])
    if name is None:
        return _typed(array.astype(np.float32))
    packed = {"dtype": name, "bdata": base64.b64encode(np.ascontiguousarray(array).data).decode()}
    return packed | ({"shape": ",".join(map(str, array.shape))} if array.ndim > 1 else {})


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


@functools.cache
def _templates() -> dict[str, Any]:
    return {name: json.loads(template(name).to_json()) for name in ("light", "dark")}  # type: ignore[arg-type]


@functools.cache
def _component() -> Callable[..., Any]:
    return st.components.v2.component(
        "xviz_figure",
        html='<div class="xviz-figure"><div class="xviz-graph" role="img" tabindex="0"></div></div>',
        css=(HERE / "figure.css").read_text("utf-8"),
        js=(HERE / "figure.js").read_text("utf-8"),
        isolate_styles=False,
    )


@functools.cache
def _loader() -> Callable[..., Any]:
    from plotly.offline import get_plotlyjs

    script = get_plotlyjs() + "\n" + (HERE / "plotly_loader.js").read_text("utf-8")
    return st.components.v2.component("xviz_plotly", js=script, isolate_styles=False)
