"""A tour of the concept space in Chromium: every gesture of the page, on a tiny network."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.browser.conftest import LANGUAGES
from tests.browser.test_concept_space_page import (
    GRAPH,
    layout,
    place_of_a_point,
    traces,
    wait_until_changed,
    wait_until_drawn,
)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

STAMPS = "[...document.querySelectorAll('.xviz-figure')].map(f => f.dataset.drawn)"
RING = f"document.querySelector('{GRAPH}')._fullData.filter(t => t.meta?.ring).map(t => [t.name, t.x.length])"


def open_page(new_tab, server, link: str, **options):
    page = new_tab(height=1100, **options)
    page.goto(server.address + link)
    wait_until_drawn(page)
    page.wait_for_function("!document.querySelector('[data-testid=stStatusWidget]')")
    return page


def wait_for_rings(page, count: int) -> list[list]:
    page.wait_for_function(f"{RING}.length === {count}")
    return page.evaluate(RING)


def two_maps(page) -> None:
    page.wait_for_function(
        "document.querySelectorAll('.xviz-figure').length === 2 && " + STAMPS + ".every(Boolean)"
    )


def lasso(page, which: int) -> None:
    """Draw a lasso round the middle of a map."""
    page.locator(".modebar-btn[data-title='Lasso Select']").nth(which).click()
    left, top, width, height = page.evaluate(
        """(which) => {
            const graph = document.querySelectorAll('.xviz-graph')[which];
            const box = graph.getBoundingClientRect(), {xaxis, yaxis} = graph._fullLayout;
            return [box.left + xaxis._offset, box.top + yaxis._offset, xaxis._length, yaxis._length];
        }""",
        which,
    )
    page.mouse.move(left + width * 0.3, top + height * 0.3)
    page.mouse.down()
    for across, down in [(0.7, 0.3), (0.7, 0.7), (0.3, 0.7), (0.3, 0.3)]:
        page.mouse.move(left + width * across, top + height * down, steps=4)
    page.mouse.up()


CHOSEN = """(which) => document.querySelectorAll('.xviz-graph')[which]._fullData
    .filter((t) => t.meta?.category !== undefined)
    .flatMap((t) => (t.selectedpoints ?? []).map((i) => t.customdata[i])).sort((a, b) => a - b)"""


def test_a_word_is_read_with_its_tree_and_its_nearest_and_a_link_leads_to_it(ground, server, new_tab) -> None:
    page = open_page(new_tab, server, ground.link(cs_colour="language", layer="1", cs_words="200"))
    x, y = place_of_a_point(page, "Arabic")
    page.mouse.move(x - 3, y - 3)
    page.mouse.move(x, y, steps=4)
    page.wait_for_selector(".hoverlayer .hovertext")
    page.mouse.click(x, y)
    page.wait_for_selector(".st-key-cs-word strong")
    page.wait_for_selector(".xviz-tree svg .form")
    forms = page.locator(".xviz-tree svg .form").count()
    arcs = page.locator(".xviz-tree svg .relation").count()
    assert arcs == forms, "every word has a head, and the root its own mark"
    word = page.locator(".st-key-cs-word").inner_text()
    assert re.search(r"Exact, among [\d,]+ words of 4 treebanks; euclidean, raw space, layer 1", word)
    rings = wait_for_rings(page, 2)
    assert rings[1][1] == 1, "the word itself"
    assert 0 < rings[0][1] <= 12, "those of its nearest that were drawn"
    assert page.locator(".st-key-cs-word [data-testid=stDataFrame]").count() == 1

    said = parse_qs(urlsplit(page.url).query)["cs_word"][0]
    page.wait_for_function("document.querySelector('.xviz-link')?.dataset.link?.includes('cs_word=')")
    assert said.split(":")[0] in LANGUAGES
    again = open_page(
        new_tab, server, ground.link(cs_colour="language", layer="2", cs_words="200", cs_word=said)
    )
    again.wait_for_selector(".st-key-cs-word strong")
    bold = ".st-key-cs-word strong"
    assert again.locator(bold).first.inner_text() == page.locator(bold).first.inner_text()
    again.get_by_role("button", name="Close").click()
    again.wait_for_selector(".st-key-cs-word", state="detached")
    assert "cs_word" not in parse_qs(urlsplit(again.url).query)


def test_an_arabic_tree_is_read_from_the_right(ground, server, new_tab) -> None:
    page = open_page(new_tab, server, ground.link(cs_word="Arabic-Sample:xs001:4", cs_words="200"))
    page.wait_for_selector(".xviz-tree svg .form")
    places = page.evaluate(
        "[...document.querySelectorAll('.xviz-tree .form')].map(t => Number(t.getAttribute('x')))"
    )
    assert places == sorted(places, reverse=True)
    assert page.locator(".xviz-tree .here").count() == 1


def test_what_is_found_is_ringed_and_listed(ground, server, new_tab) -> None:
    page = open_page(new_tab, server, ground.link(cs_find="the", cs_words="500"))
    ((name, count),) = wait_for_rings(page, 1)
    told = page.locator(".st-key-cs-found").inner_text()
    total, drawn = re.search(r"the: ([\d,]+) occurrences, ([\d,]+) of them on the map", told).groups()
    assert int(drawn) == count
    assert name == f"found: the  {count}"
    assert int(total) >= count > 0
    assert "English" in told
    page.locator("input[aria-label='Find a word']").fill("no such word")
    page.keyboard.press("Enter")
    page.get_by_text("No form and no lemma of these 4 treebanks").wait_for()


def test_prototypes_hang_together_and_a_click_opens_the_concept(ground, server, new_tab) -> None:
    page = open_page(new_tab, server, ground.link(cs_bones="over all", cs_words="200"))
    bones = page.evaluate(
        f"document.querySelector('{GRAPH}')._fullData.filter(t => t.meta?.skeleton).map(t => t.x.length / 3)"
    )
    marks = page.evaluate(
        f"document.querySelector('{GRAPH}')._fullData.find(t => t.meta?.prototypes === 'prototype').x.length"
    )
    assert bones == [marks - 1]
    where = f"""(() => {{
            const graph = document.querySelector('{GRAPH}'), {{xaxis, yaxis}} = graph._fullLayout;
            const trace = graph._fullData.find((t) => t.meta?.prototypes === 'prototype');
            const box = graph.getBoundingClientRect();
            const far = [...trace.x.keys()].sort((a, b) => trace.x[b] - trace.x[a])[0];
            return [box.left + xaxis._offset + xaxis.d2p(trace.x[far]),
                    box.top + yaxis._offset + yaxis.d2p(trace.y[far]), trace.meta.concepts[far]];
        }})()"""
    for _ in range(40):  # the page may still be moving: point until the label is that of the mark
        x, y, concept = page.evaluate(where)
        page.mouse.move(x - 2, y - 2)
        page.mouse.move(x, y, steps=3)
        page.wait_for_timeout(500)
        label = page.locator(".hoverlayer .hovertext")
        if label.count() and concept in (label.first.text_content() or ""):
            break
    page.mouse.click(x, y)
    page.wait_for_selector(".st-key-cs-concept-panel")
    assert page.locator(".st-key-cs-concept-panel").inner_text().startswith(f"{concept}: ")
    assert "Most typical" in page.locator(".st-key-cs-concept-panel").inner_text()


def test_words_encircled_in_one_layer_are_chosen_in_the_other(ground, server, new_tab) -> None:
    page = open_page(new_tab, server, ground.link(cs_beside="a layer", cs_beside_layer="0", cs_words="200"))
    two_maps(page)
    lasso(page, 0)
    page.wait_for_selector(".st-key-cs-encircled")
    here, there = page.evaluate(CHOSEN, 0), page.evaluate(CHOSEN, 1)
    assert 0 < len(here) < 800
    assert here == there, "the same words"
    told = page.locator(".st-key-cs-encircled").inner_text()
    assert int(re.search(r"([\d,]+) words encircled", told)[1].replace(",", "")) == len(here)
    with page.expect_download() as download:
        page.locator(".st-key-cs-encircled-csv button").click()
    rows = download.value.path().read_text("utf-8-sig").splitlines()
    assert rows[0] == "before,word,after,concept,language,UPOS,relation"
    assert len(rows) == len(here) + 1


def test_languages_beside_one_another_share_a_layout_and_what_lies_in_a_place(
    ground, server, new_tab
) -> None:
    page = open_page(
        new_tab,
        server,
        ground.link(
            cs_beside="languages", cs_beside_treebank="Arabic-Sample", cs_colour="language", cs_words="200"
        ),
    )
    two_maps(page)
    names, ranges = page.evaluate(
        """(() => {
            const graphs = [...document.querySelectorAll('.xviz-graph')];
            const named = (g) => g._fullData.map(t => t.meta?.category).filter(c => c !== undefined);
            return [graphs.map(named), graphs.map((g) => g.layout.yaxis.range)];
        })()"""
    )
    assert sorted(names[0]) == ["English", "German", "Japanese"]
    assert names[1] == ["Arabic"]
    assert ranges[0] == pytest.approx(ranges[1], abs=0.1), "but for the room that a legend takes"
    lasso(page, 1)
    page.wait_for_selector(".st-key-cs-encircled")
    told = page.locator(".st-key-cs-encircled").inner_text()
    assert "Arabic" in told
    here, there = page.evaluate(CHOSEN, 1), page.evaluate(CHOSEN, 0)
    assert here
    assert not set(here) & set(there)
    assert int(re.search(r"([\d,]+) words encircled", told)[1].replace(",", "")) == len(here) + len(there)


def test_layers_are_played_and_the_view_is_kept(ground, server, new_tab) -> None:
    page = open_page(new_tab, server, ground.link(layer="0", cs_words="200"))
    stamp = page.get_attribute(".xviz-figure", "data-drawn")
    box = page.locator(GRAPH).bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.5)
    whole = layout(page, "xaxis.range")
    page.mouse.wheel(0, -400)
    page.wait_for_function(
        f"w => Math.abs(document.querySelector('{GRAPH}')._fullLayout.xaxis.range[0] - w) > 0.05",
        arg=whole[0],
    )
    zoomed = layout(page, "xaxis.range")
    page.get_by_role("button", name="Play").click()
    wait_until_changed(page, stamp)
    page.wait_for_function("document.querySelector('[data-testid=stSlider] input').value === '2'")
    page.get_by_role("button", name="Play").wait_for()
    assert layout(page, "xaxis.range") == pytest.approx(zoomed)


def test_other_colours_send_no_point_again(ground, server, new_tab) -> None:
    page = open_page(new_tab, server, ground.link(layer="1", cs_words="1000"))
    stamp = page.get_attribute(".xviz-figure", "data-drawn")
    before = page.evaluate("[...xvizBlobs.kept.keys()]")
    points = sum(row[1] for row in traces(page) if not row[0].startswith("prototype"))
    page.locator("[data-testid=stSelectbox]", has_text="Colour by").locator("[role=combobox], input").click()
    page.get_by_role("option", name="side of the head").click()
    wait_until_changed(page, stamp)
    assert [t[0].split("  ")[0] for t in traces(page)][:2] == ["head after", "head before"]
    sent = page.evaluate(
        "(old) => [...xvizBlobs.kept].filter(([k]) => !old.includes(k)).reduce((n, [, v]) => n + v.size, 0)",
        before,
    )
    assert sent < 8 * points, "places of points alone, a few bytes each"


def test_languages_are_compared_and_sentences_find_their_translations(ground, server, new_tab) -> None:
    page = open_page(
        new_tab, server, ground.link(cs_unit="sentences", cs_word="English-Sample:xs001", layer="1")
    )
    page.get_by_text("Its translations").wait_for()
    assert re.search(
        r"nearest sentence of its language in \d of 3 languages", page.locator(".st-key-cs-word").inner_text()
    )
    page.get_by_role("tab", name="Languages").click()
    page.get_by_text("Language classifier").wait_for()
    told = page.locator(".st-key-cs-mixing").inner_text()
    assert re.search(r"n = 360 sentences of \d+ sentences, 5 folds", told)


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1440, "dark"), (2560, "light")])
def test_nothing_of_the_panels_runs_over_the_edge(ground, server, new_tab, width: int, scheme: str) -> None:
    link = ground.link(
        cs_word="German-Sample:xs001:3",
        cs_find="*e",
        cs_concept="NOUN",
        cs_beside="a layer",
        cs_bones="each language",
        cs_words="200",
    )
    page = open_page(new_tab, server, link, width=width, scheme=scheme)
    two_maps(page)
    page.wait_for_selector(".st-key-cs-concept-panel")
    over = page.evaluate(
        """() => ['html', '[data-testid=stMain]', '[data-testid=stMainBlockContainer]']
            .map((selector) => document.querySelector(selector))
            .filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.tagName + '.' + e.className)"""
    )
    assert over == []
    for graph in page.locator(GRAPH).all():
        box = graph.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
