"""The real app, a server of its own, and Chromium."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest

from xviz.corpora.folder import choose
from xviz.models.devices import choose_dtype
from xviz.models.spec import ModelRef
from xviz.representations.spec import WordVectorsSpec
from xviz.runs.steps import compute
from xviz.store import Store

REPOSITORY = Path(__file__).resolve().parents[2]
FLAGS = (
    "--no-sandbox --use-angle=swiftshader --enable-unsafe-swiftshader --ignore-gpu-blocklist --disable-quic "
    "--no-first-run --disable-background-networking --disable-component-update --disable-sync"
).split()
LANGUAGES = ("English-Sample", "German-Sample", "Arabic-Sample", "Japanese-Sample")
PATIENCE = 180_000  # milliseconds; a busy machine draws slowly


@dataclass(frozen=True)
class Ground:
    home: Path
    model: Path

    def link(self, **choices: str) -> str:
        given = {"model": str(self.model), "data": "sample", "treebank": list(LANGUAGES)} | choices
        return f"/concept_space?{urlencode(given, doseq=True)}"


@pytest.fixture(scope="session")
def ground(tiny_models: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """A home with the vectors of a tiny random network."""
    home, model = tmp_path_factory.mktemp("browser"), tiny_models("bert")
    dtype = choose_dtype("auto")
    compute(
        [
            WordVectorsSpec(
                model=ModelRef(name=str(model)), treebank=treebank, layer=layer, pooling="first", dtype=dtype
            )
            for treebank in choose("sample", LANGUAGES)
            for layer in range(3)
        ],
        store=Store(home / "store"),
    )
    return Ground(home, model)


@dataclass(frozen=True)
class Server:
    address: str
    process: subprocess.Popen


def start_server(home: Path, script: str | Path = "app.py") -> Server:
    """A fresh server of the app (or of another script) on a free port; returns once it answers."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "streamlit",
            "run",
            str(script),
            f"--server.port={port}",
            "--server.headless=true",
        ],
        cwd=REPOSITORY,
        env=os.environ | {"XVIZ_HOME": str(home)},
    )
    address = f"http://localhost:{port}"
    until = time.monotonic() + 120
    while True:
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=5).read()
            return Server(address, process)
        except OSError:
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < until, "the server does not answer"
            time.sleep(0.1)


def stop_server(server: Server) -> None:
    server.process.terminate()
    try:
        server.process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        server.process.kill()
        server.process.wait()


@pytest.fixture(scope="module")
def server(ground: Ground) -> Iterator[Server]:
    one = start_server(ground.home)
    yield one
    stop_server(one)


@pytest.fixture(scope="session")
def chromium() -> Iterator:
    from playwright.sync_api import sync_playwright

    path = os.environ.get("XVIZ_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium on this machine (set XVIZ_CHROMIUM)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def new_tab(chromium) -> Iterator[Callable]:
    """``new_tab(width=1440, scheme="light")``: a browser without a past; faults in it fail the test."""
    contexts, faults = [], []

    def open_(*, width: int = 1440, height: int = 900, scheme: str = "light"):
        context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: _outside(request.url, faults))
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not faults


def _outside(url: str, faults: list[str]) -> None:
    """Nothing may be fetched from elsewhere."""
    if not url.startswith(("http://localhost", "ws://localhost", "data:", "blob:")):
        faults.append(f"asked {url}")
