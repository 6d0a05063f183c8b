"""The page on alignability in Chromium: from the matrix to a pair, to a concept, to its sentences."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.browser.conftest import LANGUAGES
from xviz.corpora.folder import choose, find_treebanks
from xviz.dashboard.alignment_choices import align_specification
from xviz.dashboard.choices import Choices
from xviz.models.folder import describe
from xviz.models.spec import ModelRef
from xviz.runs.steps import compute
from xviz.store import Store

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def link(ground) -> str:
    """A link to a comparison that is in the store."""
    banks = {bank.name: bank for bank in find_treebanks("sample")}
    specs = tuple(choose("sample", LANGUAGES))
    choices = Choices(
        ModelRef(name=str(ground.model)),
        describe(str(ground.model)),
        "sample",
        tuple(banks[spec.name] for spec in specs),
        specs,
        "auto",
        "auto",
    )
    compute([align_specification(choices, "upos", "raw")], store=Store(ground.home / "store"))
    given = {"model": str(ground.model), "data": "sample", "treebank": list(LANGUAGES), "layer": "1"}
    return f"/alignability?{urlencode(given, doseq=True)}"


def graph(page, key: str):
    return page.locator(f".st-key-{key} .xviz-figure[data-drawn] .xviz-graph")


def click_cell(page, column: str, row: str) -> None:
    """The page may still be moving: point until the label is that of the cell."""
    for _ in range(60):
        where = page.evaluate(
            """([x, y]) => {
                const graph = document.querySelector('.st-key-al-matrix .xviz-graph');
                const {xaxis, yaxis} = graph._fullLayout, box = graph.getBoundingClientRect();
                return [box.left + xaxis._offset + xaxis.d2p(x), box.top + yaxis._offset + yaxis.d2p(y)];
            }""",
            [column, row],
        )
        page.mouse.move(where[0] - 2, where[1] - 2)
        page.mouse.move(*where, steps=3)
        page.wait_for_timeout(500)
        label = page.locator(".st-key-al-matrix .hoverlayer .hovertext")
        told = (label.first.text_content() or "") if label.count() else ""
        if column in told and row in told:
            break
    page.mouse.click(*where)


def test_from_the_matrix_to_a_pair_to_its_sentences(server, link, new_tab) -> None:
    page = new_tab(height=1600)
    page.goto(server.address + link)
    graph(page, "al-matrix").wait_for()
    click_cell(page, "German", "English")
    page.get_by_text("English and German", exact=False).first.wait_for()
    graph(page, "al-residuals").wait_for()
    bar = page.locator(".st-key-al-residuals .barlayer .point path").first
    bar.scroll_into_view_if_needed()
    box = bar.bounding_box()  # plotly's own layer takes the pointer, so the place is clicked, not the path
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.move(*middle)
    page.locator(".st-key-al-residuals .hoverlayer .hovertext").first.wait_for()
    page.mouse.click(*middle)
    page.get_by_text("translations of one another").wait_for()
    page.locator(".xviz-link[data-link*=al_concept]").wait_for()  # the link is made at the end of the page
    said = parse_qs(urlsplit(page.get_attribute(".xviz-link", "data-link")).query)
    assert (said["al_a"], said["al_b"]) == (["English"], ["German"])
    assert said["al_concept"]


def test_a_narrow_screen_gets_a_ranked_list(server, link, new_tab) -> None:
    page = new_tab(width=390, scheme="dark")
    page.goto(server.address + link)
    page.locator(".st-key-al-matrix-narrow [data-testid=stDataFrame]").wait_for()
    assert page.locator(".st-key-al-matrix-narrow").is_visible()
    assert not page.locator(".st-key-al-matrix-wide").is_visible()
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0


def test_colours_of_the_matrix_follow_the_theme(server, link, new_tab) -> None:
    seen = {}
    for scheme in ("light", "dark"):
        page = new_tab(scheme=scheme)
        page.goto(server.address + link)
        graph(page, "al-matrix").wait_for()
        seen[scheme] = page.evaluate(
            "document.querySelector('.st-key-al-matrix .xviz-graph')._fullData[0].colorscale[2]"
        )
    assert seen["light"][0] == seen["dark"][0] == 0.5
    assert seen["light"][1] != seen["dark"][1], "the neutral middle sinks into the ground"
