"""A map of 100,000 points: it is drawn, read under the pointer, panned and coloured anew."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.conftest import Server, start_server, stop_server
from tests.browser.test_concept_space_page import GRAPH, layout, traces, wait_until_changed, wait_until_drawn

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

POINTS = 100_000
ANSWERS = 5.0
"""Seconds in which a busy machine without a GPU has to answer; on a desk it is a fraction of one."""

SCRIPT = f"""
import numpy as np, pandas as pd, streamlit as st
from xviz.dashboard.figure import load_plotly, show_figure
from xviz.figures.concept_map import concept_map, pca_axes
from xviz.figures.palette import UPOS

load_plotly()

@st.cache_resource
def points():
    n, rng = {POINTS}, np.random.default_rng(0)
    tags = np.array(list(UPOS))
    concept = np.where(np.arange(n) < 86_000, "NOUN", tags[rng.integers(len(tags), size=n)])
    return pd.DataFrame(dict(
        x=rng.normal(size=n), y=rng.normal(size=n), concept=concept, row=np.arange(n),
        language=np.array(["eng", "deu"])[np.arange(n) % 2], branch="Germanic",
        language_name=np.array(["English", "German"])[np.arange(n) % 2],
        hover=["word %d in its <b>sentence</b>, with some words around" % i for i in range(n)],
    ))

table = points()
colour = st.radio("Colour", ["concept", "language"])
none = pd.DataFrame(columns=["concept", "language", "language_name", "branch", "count", "x", "y"])
figure = concept_map(table, none, axes=pca_axes([0.4, 0.3]), colour_by=colour)
events = show_figure(figure, key="many", alt="many points", events=("click", "select"))
st.write("clicked", (events.click or dict()).get("id", "nothing"))
"""


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("many")
    (folder / "many.py").write_text(SCRIPT, "utf-8")
    one = start_server(folder, folder / "many.py")
    yield one
    stop_server(one)


def answered(page, expression: str) -> float:
    began = time.monotonic()
    page.wait_for_function(expression)
    return time.monotonic() - began


def test_a_hundred_thousand_points_are_read_panned_and_coloured_anew(many, new_tab) -> None:
    page = new_tab()
    page.goto(many.address)
    stamp = wait_until_drawn(page)
    drawn = traces(page)
    assert {kind for *_, kind in drawn} == {"scattergl"}
    assert max(length for _, length, *_ in drawn) < 85_000
    assert sum(length for _, length, *_ in drawn) == POINTS

    box = page.locator(GRAPH).bounding_box()
    x, y = box["x"] + 0.4 * box["width"], box["y"] + 0.5 * box["height"]
    page.mouse.move(x - 4, y)
    page.mouse.move(x, y, steps=3)
    hover = answered(page, "document.querySelector('.hoverlayer .hovertext') !== null")
    assert "word" in page.locator(".hoverlayer .hovertext").first.text_content()

    before = layout(page, "xaxis.range")
    page.mouse.down()
    page.mouse.move(x + 120, y + 40, steps=4)
    page.mouse.up()
    moved = f"Math.abs(document.querySelector('{GRAPH}')._fullLayout.xaxis.range[0] - ({before[0]})) > 0.05"
    pan = answered(page, moved)

    kept = page.evaluate("[...xvizBlobs.kept.keys()]")
    panned = layout(page, "xaxis.range")
    page.get_by_text("language", exact=True).click()
    wait_until_changed(page, stamp)
    sent = page.evaluate(
        "(old) => [...xvizBlobs.kept].filter(([k]) => !old.includes(k)).reduce((n, [, v]) => n + v.size, 0)",
        kept,
    )
    assert sent < 8 * POINTS, "where each trace takes its points; no coordinates, no words"
    assert layout(page, "xaxis.range") == pytest.approx(panned)
    assert sum(length for _, length, *_ in traces(page)) == POINTS
    assert hover < ANSWERS
    assert pan < ANSWERS
    print(f"hover {hover:.2f} s, pan {pan:.2f} s, {sent / 1e3:.0f} kB for other colours")
