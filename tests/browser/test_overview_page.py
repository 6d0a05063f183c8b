"""The first screen in Chromium: alive on a fresh home, its slider keeps the view, a sentence is read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.browser.conftest import Server, start_server, stop_server

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

MAP = ".st-key-ov-map .xviz-figure[data-drawn]"
GRAPH = ".st-key-ov-map .xviz-graph"
HEATMAP = ".st-key-ov-live-heatmap .xviz-figure[data-drawn]"
FIRST_TIME = 400_000  # milliseconds; some fifteen seconds of computing, on a machine that may be busy
READY = "() => !document.querySelector('.st-key-ov-ready [role=progressbar]')"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """On a home in which nothing has ever been computed; threads that wait don't spin, beside a browser."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_WAIT_POLICY", "PASSIVE")
        one = start_server(tmp_path_factory.mktemp("fresh"))
    yield one
    stop_server(one)


def drawn(page) -> str:
    page.wait_for_selector(MAP, timeout=FIRST_TIME)
    return page.get_attribute(MAP, "data-drawn")


def test_on_a_fresh_home_there_is_never_a_dead_screen(server, new_tab) -> None:
    page = new_tab()
    page.goto(server.address + "/overview")
    page.get_by_role("heading", name="Bring your own").wait_for()
    page.get_by_role("heading", name="On this machine").wait_for()
    drawn(page)
    page.locator(".st-key-ov-finding").get_by_text(re.compile(r"At layer 4, \d+ % \(± \d+\)")).wait_for()
    names = page.evaluate(f"document.querySelector('{GRAPH}')._fullData.map(t => t.name)")
    assert any(name.startswith("NOUN") for name in names)
    assert "layer 4 of mini-encoder" in page.get_attribute(GRAPH, "aria-label")


def test_the_layer_slider_keeps_the_view_and_moves_the_words(server, new_tab) -> None:
    page = new_tab()
    page.goto(server.address + "/overview?ov_layer=3")
    before = drawn(page)
    page.wait_for_function(READY, timeout=FIRST_TIME)
    box = page.locator(GRAPH).bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.5)
    low = page.evaluate(f"document.querySelector('{GRAPH}')._fullLayout.yaxis.range[0]")
    page.mouse.wheel(0, -400)
    page.wait_for_function(
        f"low => Math.abs(document.querySelector('{GRAPH}')._fullLayout.yaxis.range[0] - low) > 0.05", arg=low
    )
    zoomed = page.evaluate(f"document.querySelector('{GRAPH}')._fullLayout.yaxis.range")
    at = f"Array.from(document.querySelector('{GRAPH}')._fullData[0].x).slice(0, 5)"
    points = page.evaluate(at)
    slider = page.locator("[data-testid=stSlider] input[type=range]")
    slider.focus()
    slider.press("ArrowRight")
    page.wait_for_function("([m, b]) => document.querySelector(m)?.dataset.drawn !== b", arg=[MAP, before])
    page.get_by_text(re.compile("At layer 4, ")).wait_for()
    assert page.evaluate(f"document.querySelector('{GRAPH}')._fullLayout.yaxis.range") == pytest.approx(
        zoomed
    )
    assert page.evaluate(at) != points


def test_a_typed_sentence_is_named_and_stands_on_the_map(server, new_tab) -> None:
    page = new_tab()
    page.goto(server.address + "/overview")
    drawn(page)
    page.wait_for_function(READY, timeout=FIRST_TIME)
    field = page.get_by_label("A sentence")
    field.fill("Das alte Haus")
    field.press("Enter")
    page.wait_for_selector(HEATMAP)
    cells = page.evaluate("document.querySelector('.st-key-ov-live-heatmap .xviz-graph')._fullData[0].text")
    assert len(cells) == 3
    assert len(cells[0]) == 7
    typed = f"document.querySelector('{GRAPH}')._fullData.find(t => t.uid === 'typed-words')"
    page.wait_for_function(f"() => {typed}?.x?.length === 3")
    assert "Haus" not in page.url


def test_own_vectors_are_shown(server, new_tab, tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.random.default_rng(0).normal(size=(60, 8)).astype("float32"))
    rows = [f"w{i}\t{'eng' if i % 2 else 'ara'}\t{'NOUN' if i % 3 else 'VERB'}" for i in range(60)]
    (tmp_path / "w.tsv").write_text("\n".join(["form\tlanguage\tupos", *rows]), "utf-8")
    page = new_tab(scheme="dark")
    page.goto(server.address + "/own_vectors")
    fields = page.locator("input[type=file]")
    fields.nth(0).set_input_files(tmp_path / "v.npy")
    page.get_by_text("Now the table").wait_for()
    fields.nth(1).set_input_files(tmp_path / "w.tsv")
    page.wait_for_selector(".st-key-own-map .xviz-figure[data-drawn]")
    page.get_by_text("60 of 60 words").wait_for()


@pytest.mark.parametrize("width", [390, 1440, 2560])
def test_nothing_runs_over_the_edge(server, new_tab, width: int) -> None:
    page = new_tab(width=width)
    for place, wait in (("/overview", MAP), ("/own_vectors", "input[type=file]")):
        page.goto(server.address + place)
        page.wait_for_selector(wait, state="attached")
        over = page.evaluate(
            """() => ['html', '[data-testid=stMain]', '[data-testid=stMainBlockContainer]']
                .map((selector) => document.querySelector(selector))
                .filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.tagName)"""
        )
        assert over == []
