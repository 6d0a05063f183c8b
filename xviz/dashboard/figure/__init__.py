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
from dataclasses import asdict, dataclass
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
SMALL_POOL = 1_000  # points; fewer are sent with their traces
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


@dataclass(frozen=True)
class Link:
    """Figures of the same ``group`` share what is encircled.

    ``by`` ``id``: the same points (customdata); ``place``: also what lies in the same place, for figures
    that show other points in one layout.
    """

    group: str
    by: Literal["id", "place"] = "id"


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
    link: Link | None = None,
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
        link: the figures with which it shares what is encircled; ``select`` then has the ids of all.
    """
    sent: set[str] = st.session_state.setdefault(SENT, set())
    message, names = pack(
        figure, alt=alt, height=height, events=events, filename=filename, already_there=sent, link=link
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


def events_of(key: str) -> FigureEvents:
    """What the reader has just done with a figure that this run of the page has yet to draw."""
    said = st.session_state.get(key) or {}
    return FigureEvents(**{name: said.get(name) for name in ("click", "select", "relayout")})


def pack(
    figure: go.Figure,
    *,
    alt: str,
    height: int,
    events: Sequence[Event],
    filename: str,
    already_there: set[str],
    link: Link | None = None,
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
    pooled = _pool(figure)
    for trace, place in zip(plain["data"], pooled.places, strict=True):
        if place is not None:
            taken = {name: {"of": column, "places": place} for name, column in pooled.columns.items()}
            trace.update({name: {"$take": pair} for name, pair in taken.items()})
    message = {
        "figure": {"data": [walk(trace) for trace in plain["data"]], "layout": walk(plain["layout"])},
        "dark": dark_colours(figure),
        "templates": _templates(),
        "events": list(events),
        "height": height,
        "alt": alt,
        "filename": filename,
        "link": asdict(link) if link is not None else None,
    }
    message["stamp"] = hashlib.blake2b(
        json.dumps(message, ensure_ascii=False).encode(), digest_size=8
    ).hexdigest()
    message["blobs"] = blobs
    return json.dumps(message, ensure_ascii=False).encode(), used


@dataclass(frozen=True)
class _Pool:
    """Columns of all points of a figure in the order of their ids, and where each trace takes its own."""

    columns: dict[str, Any]
    places: list[np.ndarray | None]


def _pool(figure: go.Figure) -> _Pool:
    """Put the points of all traces together, so that other colours regroup them and send no point again.

    Points are known by their integer ``customdata``, each once in the figure; traces without it stay as
    they are.
    """
    none = _Pool({}, [None] * len(figure.data))
    ids = [_ids(trace) for trace in figure.data]
    members = [i for i, found in enumerate(ids) if found is not None]
    if not members:
        return none
    every = np.concatenate([ids[i] for i in members])  # type: ignore[misc]
    order = np.argsort(every, kind="stable")
    if len(every) < SMALL_POOL or (np.diff(every[order]) == 0).any():
        return none
    ends = np.cumsum([0, *(len(ids[i]) for i in members)])  # type: ignore[arg-type]
    rank = np.empty(len(every), np.int32)
    rank[order] = np.arange(len(every), dtype=np.int32)
    columns: dict[str, Any] = {"customdata": every[order]}
    for name in ("x", "y", "z", "hovertext"):
        parts = [getattr(figure.data[i], name, None) for i in members]
        sizes = [-1 if part is None else len(part) for part in parts]
        if sizes != np.diff(ends).tolist():
            continue
        if name == "hovertext":
            text = [one for part in parts for one in part]  # type: ignore[union-attr]
            columns[name] = [text[i] for i in order]
        else:
            columns[name] = np.concatenate([np.asarray(part) for part in parts])[order]
    places: list[np.ndarray | None] = [None] * len(figure.data)
    for i, start, end in zip(members, ends, ends[1:], strict=False):
        places[i] = rank[start:end]
    return _Pool(columns, places)


def _ids(trace: Any) -> np.ndarray | None:
    found = trace.customdata if "customdata" in trace else None
    whole = isinstance(found, np.ndarray) and found.dtype.kind in "iu" and found.ndim == 1
    return found if whole and trace.type in ("scattergl", "scatter3d") else None


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
