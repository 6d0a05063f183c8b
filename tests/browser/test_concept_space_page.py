"""The concept-space page in Chromium: drawn, moved, pointed at, in both themes, at every width."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.browser.conftest import LANGUAGES, start_server, stop_server

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

GRAPH = ".xviz-graph"
DRAWN = ".xviz-figure[data-drawn]"


def wait_until_drawn(page) -> str:
    page.wait_for_selector(DRAWN)
    return page.get_attribute(DRAWN, "data-drawn")


def wait_until_changed(page, before: str) -> None:
    page.wait_for_function(
        "before => document.querySelector('.xviz-figure')?.dataset.drawn !== before", arg=before
    )


def layout(page, expression: str):
    return page.evaluate(f"document.querySelector('{GRAPH}')._fullLayout.{expression}")


def traces(page) -> list[list]:
    return page.evaluate(
        f"document.querySelector('{GRAPH}')._fullData.map(t => [t.name, t.x.length, t.visible, t.type])"
    )


def move_layer(page, keys: str) -> None:
    slider = page.locator("[data-testid=stSlider] input[type=range]")
    slider.focus()
    slider.press(keys)


def place_of_a_point(page, trace: str) -> tuple[float, float]:
    """Where on the screen the first point of a trace is drawn."""
    return page.evaluate(
        """([selector, name]) => {
            const graph = document.querySelector(selector), {xaxis, yaxis} = graph._fullLayout;
            const trace = graph._fullData.find((t) => t.name.startsWith(name));
            const box = graph.getBoundingClientRect();
            const left = box.left + xaxis._offset, top = box.top + yaxis._offset;
            return [left + xaxis.d2p(trace.x[0]), top + yaxis.d2p(trace.y[0])];
        }""",
        [GRAPH, trace],
    )


def test_a_copied_link_restores_the_view_on_a_fresh_server(ground, new_tab) -> None:
    choices = {"layer": "2", "cs_colour": "language", "cs_words": "200", "concepts": "UPOS"}
    seen = []
    link = ground.link(**choices)
    for _ in range(2):
        server = start_server(ground.home)
        try:
            page = new_tab()
            page.goto(server.address + link)
            wait_until_drawn(page)
            assert page.get_by_text("Page not found").count() == 0
            seen.append((traces(page), layout(page, "legend.title.text")))
            copied = page.get_attribute(".xviz-link[data-link]", "data-link")
            page.context.close()
        finally:
            stop_server(server)
        parts = urlsplit(copied)
        said = parse_qs(parts.query)
        assert said["treebank"] == list(LANGUAGES)
        assert said["layer"] == ["2"]
        assert said["cs_map"] == ["PCA"], "defaults are in the link as well"
        link = f"{parts.path}?{parts.query}"
    assert seen[0] == seen[1]
    assert [name for name, *_ in seen[0][0]][:4] == [
        "Arabic  200",
        "English  200",
        "German  200",
        "Japanese  200",
    ]


def test_zoom_and_hidden_categories_outlive_a_change_of_layer(ground, server, new_tab) -> None:
    page = new_tab()
    page.goto(server.address + ground.link(layer="1"))
    before = wait_until_drawn(page)
    box = page.locator(GRAPH).bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.5)
    whole = layout(page, "xaxis.range")
    page.mouse.wheel(0, -400)
    page.wait_for_function(
        f"w => Math.abs(document.querySelector('{GRAPH}')._fullLayout.xaxis.range[0] - w) > 0.05",
        arg=whole[0],
    )
    page.locator(".legend .traces", has_text=re.compile("^NOUN")).locator(".legendtoggle").click()
    page.wait_for_function(
        f"document.querySelector('{GRAPH}')._fullData.some(t => t.visible === 'legendonly')"
    )
    zoomed, hidden = layout(page, "xaxis.range"), [t[0] for t in traces(page) if t[2] == "legendonly"]
    labels = page.evaluate(
        f"document.querySelector('{GRAPH}').layout.annotations"
        ".filter(a => a.visible === false).map(a => a.name)"
    )
    assert labels == ["NOUN"], "the label goes with its category"
    points = page.evaluate(f"Array.from(document.querySelector('{GRAPH}')._fullData[1].x).slice(0, 5)")

    move_layer(page, "ArrowRight")
    wait_until_changed(page, before)
    assert layout(page, "xaxis.range") == pytest.approx(zoomed)
    assert [t[0] for t in traces(page) if t[2] == "legendonly"] == hidden
    moved = page.evaluate(f"Array.from(document.querySelector('{GRAPH}')._fullData[1].x).slice(0, 5)")
    assert moved != points, "another layer is drawn"


def test_a_word_is_read_under_the_pointer_and_in_its_sentence_when_clicked(ground, server, new_tab) -> None:
    page = new_tab()
    page.goto(server.address + ground.link(cs_colour="language"))
    wait_until_drawn(page)
    x, y = place_of_a_point(page, "Japanese")
    page.mouse.move(x - 3, y - 3)
    page.mouse.move(x, y, steps=4)
    page.wait_for_selector(".hoverlayer .hovertext")
    hover = page.locator(".hoverlayer .hovertext").first.text_content()
    assert re.search(r"(Japanese|English|German|Arabic) · [A-Z]+ · [a-z]+|prototype", hover)
    page.mouse.click(x, y)
    page.wait_for_selector(".st-key-cs-word strong")
    assert " · sentence xs" in page.locator(".st-key-cs-word").text_content()


def test_a_lasso_returns_the_words_inside(ground, server, new_tab) -> None:
    page = new_tab()
    page.goto(server.address + ground.link(cs_words="200"))
    wait_until_drawn(page)
    page.locator(".modebar-btn[data-title='Lasso Select']").click()
    left, top, width, height = page.evaluate(
        f"""(() => {{
            const graph = document.querySelector('{GRAPH}'), box = graph.getBoundingClientRect();
            const {{xaxis, yaxis}} = graph._fullLayout;
            return [box.left + xaxis._offset, box.top + yaxis._offset, xaxis._length, yaxis._length];
        }})()"""
    )
    corners = [(0.3, 0.25), (0.7, 0.25), (0.7, 0.75), (0.3, 0.75), (0.3, 0.25)]
    page.mouse.move(left + width * 0.3, top + height * 0.25)
    page.mouse.down()
    for across, down in corners[1:]:
        page.mouse.move(left + width * across, top + height * down, steps=5)
    page.mouse.up()
    page.wait_for_selector(".st-key-cs-encircled")
    told = page.locator(".st-key-cs-encircled").inner_text()
    encircled = int(re.search(r"([\d,]+) words encircled", told)[1].replace(",", ""))
    chosen = page.evaluate(
        f"document.querySelector('{GRAPH}')._fullData.reduce("
        "(n, t) => n + (t.meta?.category !== undefined ? (t.selectedpoints ?? []).length : 0), 0)"
    )
    assert 0 < encircled == chosen < 800


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_figure_takes_the_theme_of_the_page(ground, server, new_tab, scheme: str) -> None:
    page = new_tab(scheme=scheme)
    page.goto(server.address + ground.link())
    wait_until_drawn(page)
    ground_colour = page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    text = layout(page, "font.color")
    assert (ground_colour, text) == {
        "light": ("rgb(255, 255, 255)", "#1B2430"),
        "dark": ("rgb(18, 23, 29)", "#E7E9EC"),
    }[scheme]
    noun = page.evaluate(
        f"document.querySelector('{GRAPH}')._fullData.find(t => t.name.startsWith('NOUN')).marker.color"
    )
    assert (noun == "#2F6BC4") == (scheme == "light")


@pytest.mark.parametrize("width", [390, 1440, 2560])
def test_nothing_runs_over_the_edge(ground, server, new_tab, width: int) -> None:
    page = new_tab(width=width)
    for link in ("/overview", ground.link()):
        page.goto(server.address + link)
        page.wait_for_selector(DRAWN if "concept" in link else "[data-testid=stDataFrame]")
        over = page.evaluate(
            """() => ['html', '[data-testid=stMain]', '[data-testid=stMainBlockContainer]']
                .map((selector) => document.querySelector(selector))
                .filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.tagName + '.' + e.className)"""
        )
        assert over == []
    graph = page.locator(GRAPH).bounding_box()
    assert graph["x"] >= 0
    assert graph["x"] + graph["width"] <= width


def test_no_button_offers_to_send_the_chart_away(ground, server, new_tab) -> None:
    page = new_tab()
    page.goto(server.address + ground.link())
    wait_until_drawn(page)
    titles = page.evaluate("[...document.querySelectorAll('.modebar-btn')].map(b => b.dataset.title)")
    assert "Lasso Select" in titles
    assert not [title for title in titles if "Share" in title or "Cloud" in title or "Edit" in title]


def test_umap_follows_and_is_measured(ground, server, new_tab) -> None:
    page = new_tab()
    page.goto(server.address + ground.link(layer="1", cs_map="UMAP", cs_words="200"))
    page.wait_for_function(
        f"document.querySelector('{GRAPH}')?._fullLayout?.xaxis?.title?.text === 'UMAP 1'", timeout=240_000
    )
    assert layout(page, "xaxis.showticklabels") is False
    page.get_by_role("tab", name="The map").click()
    page.get_by_text("Neighbours kept").wait_for()


def test_what_the_browser_has_lost_is_sent_again(ground, server, new_tab) -> None:
    page = new_tab()
    page.goto(server.address + ground.link(layer="1"))
    before = wait_until_drawn(page)
    page.wait_for_function("xvizBlobs.kept.size > 0")
    page.evaluate("xvizBlobs.kept.clear()")
    move_layer(page, "ArrowRight")
    wait_until_changed(page, before)
    assert sum(count for name, count, *_ in traces(page) if not name.startswith("prototype")) > 2000
