"""Runs in Chromium: sent off from a page, watched, left alone, cancelled, killed and taken up again."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.conftest import Ground, Server, start_server, stop_server
from xviz.runs.launch import launch
from xviz.runs.listing import list_runs
from xviz.runs.record import Run, create_run
from xviz.runs.standing import standing
from xviz.runs.steps import STEPS, Step

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

HERE = Path(__file__).parent
TOYS = HERE.parent / "runs" / "toys"


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch):
    """Slow work, known here, to the server and to every run."""
    monkeypatch.syspath_prepend(str(TOYS))
    monkeypatch.setenv("PYTHONPATH", str(TOYS))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for name, function in (("Slow", "count_slowly"), ("Trained", "train_toys")):
        monkeypatch.setitem(STEPS, name.lower(), Step(f"toy_steps:{name}", f"toy_steps:{function}"))
    import toy_steps

    return toy_steps


@pytest.fixture
def served(toys, xviz_home) -> Iterator[Server]:
    server = start_server(xviz_home)
    yield server
    stop_server(server)


def sent(*specs, title: str) -> Run:
    run = create_run(specs, title=title, command="xviz extract --where local")
    launch([run], "local")
    return run


def until(run: Run, *states: str, seconds: float = 120):
    limit = time.monotonic() + seconds
    while (now := standing(run)).state not in states:
        assert time.monotonic() < limit, now
        time.sleep(0.1)
    return now


def card(page, run: Run):
    return page.locator(f".st-key-xviz-run-{run.id}")


def steps_done(page, run: Run) -> int:
    text = card(page, run).get_by_text(re.compile(r"Counting \(")).inner_text()
    return int(re.search(r"\((\d+) of", text)[1])  # type: ignore[index]


def wait_for_progress(page, run: Run, beyond: int) -> int:
    limit = time.monotonic() + 120
    card(page, run).get_by_text(re.compile(r"Counting \(")).wait_for()
    while (done := steps_done(page, run)) <= beyond:
        assert time.monotonic() < limit
        page.wait_for_timeout(300)
    return done


def test_progress_moves_and_a_run_outlives_tab_and_server(toys, served, xviz_home, new_tab) -> None:
    long, other = (sent(toys.Slow(steps=n, seconds=0.1), title=f"Long work {n}") for n in (3000, 3001))
    page = new_tab()
    page.goto(f"{served.address}/runs")
    done = wait_for_progress(page, long, 0)
    done = wait_for_progress(page, long, done)
    assert card(page, long).get_by_text(re.compile("min left")).count() == 1
    card(page, other).get_by_text("Waiting for cpu: 1 run before it.").wait_for()
    page.context.close()
    stop_server(served)
    assert standing(long).state == "running"

    again = start_server(xviz_home)
    try:
        page = new_tab()
        page.goto(f"{again.address}/runs")
        assert wait_for_progress(page, long, done) > done, "it went on while nobody looked"
        card(page, other).get_by_role("button", name="Cancel").click()
        until(other, "cancelled")
        page.get_by_text("1 running, 1 cancelled").wait_for()
        card(page, long).get_by_role("button", name="Cancel").click()
        assert until(long, "cancelled").reason.startswith("Stopped at")
        page.get_by_text("2 cancelled").wait_for()
    finally:
        stop_server(again)


def test_a_killed_run_is_told_to_be_lost_and_resumed_to_the_same_result(
    toys, served, new_tab, monkeypatch
) -> None:
    spec = toys.Trained(steps=12)
    monkeypatch.setenv("XVIZ_TEST_KILL", "batch 7")
    run = sent(spec, title="Killed")
    monkeypatch.delenv("XVIZ_TEST_KILL")
    until(run, "lost")
    page = new_tab()
    page.goto(f"{served.address}/runs?run={run.id}")
    page.get_by_text("The process ended without a word").first.wait_for()
    page.get_by_role("button", name="Resume").click()
    assert until(run, "succeeded").known["attempt"] == 2
    page.get_by_text("1 run: 1 succeeded.").wait_for()
    page.wait_for_selector(".xviz-figure[data-drawn]")
    page.get_by_role("tab", name="Log").click()
    page.get_by_text(re.compile("Resumed from step 7")).wait_for()


def test_a_run_is_named_deleted_and_copied_as_a_command(toys, served, new_tab) -> None:
    run = sent(toys.Slow(steps=2), title="Short work")
    until(run, "succeeded")
    page = new_tab()
    page.goto(f"{served.address}/runs?run={run.id}")
    page.get_by_role("tab", name="Specification").click()
    page.get_by_text("xviz extract --where local").wait_for()
    page.get_by_role("tab", name="Results").click()
    page.get_by_text("slow/table").wait_for()
    page.get_by_role("button", name="Rename").click()
    page.get_by_role("textbox", name="Name").fill("Better name")
    page.get_by_role("button", name="Keep").click()
    page.get_by_role("heading", name="Better name").wait_for()
    page.get_by_role("button", name="Delete").first.click()
    page.get_by_role("button", name="Delete this run").click()
    page.get_by_text("No run yet").wait_for()
    assert not run.folder.exists()


def test_an_extraction_and_an_alignment_are_sent_off_from_their_pages(
    ground: Ground, new_tab, monkeypatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(HERE / "no_haste"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("XVIZ_HOME", str(ground.home))
    server = start_server(ground.home)
    try:
        page = new_tab()
        link = ground.link(treebank=["Finnish-Sample", "Hindi-Sample"], layer="1", cs_map="PCA")
        page.goto(server.address + link)
        page.get_by_role("button", name=re.compile("Compute layer 1")).click()
        page.wait_for_selector(".xviz-figure[data-drawn]")
        (extraction,) = [each for each in list_runs() if each.listed.kind == "word_vectors"]
        assert (extraction.listed.where, extraction.standing.state) == ("local", "succeeded")
        assert extraction.run.state["process"]["pid"] != server.process.pid

        page.goto(server.address + link.replace("/concept_space", "/alignability"))
        page.get_by_role("button", name=re.compile("Compare 1 pairs?")).click()
        page.get_by_text("All runs").or_(page.locator(".xviz-figure[data-drawn]").first).first.wait_for()
        alignments = [each for each in list_runs() if each.listed.kind == "alignability"]
        assert len(alignments) == 1
        until(alignments[0].run, "succeeded", seconds=400)
        page.wait_for_selector(".xviz-figure[data-drawn]")
        page.goto(f"{server.address}/runs")
        page.get_by_text("2 runs: 2 succeeded.").wait_for()
    finally:
        stop_server(server)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_the_page_fits_every_screen(toys, served, new_tab, width: int, scheme: str) -> None:
    for i in range(3):
        run = create_run([toys.Slow(seed=i)], title=f"A run with a name of some length, number {i}")
        run.write("state.json", run.state | {"state": "failed", "reason": "A long reason. " * 9})
    page = new_tab(width=width, scheme=scheme)
    page.goto(f"{served.address}/runs?run={run.id}")
    page.get_by_text("3 runs: 3 failed.").wait_for()
    page.get_by_role("tab", name="Log").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
