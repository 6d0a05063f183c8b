"""Toy steps that a run in a process of its own finds as well."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from xviz.runs.record import Run
from xviz.runs.standing import Standing, standing
from xviz.runs.steps import STEPS, Step

TOYS = Path(__file__).parent / "toys"


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> Iterator:
    """The module of the toy steps, known here and to every process that is started."""
    monkeypatch.syspath_prepend(str(TOYS))
    path = [str(TOYS), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setitem(STEPS, "slow", Step("toy_steps:Slow", "toy_steps:count_slowly"))
    monkeypatch.setitem(STEPS, "trained", Step("toy_steps:Trained", "toy_steps:train_toys"))
    import toy_steps

    yield toy_steps
    sys.modules.pop("toy_steps", None)


def wait_for(run: Run, *states: str, seconds: float = 90, also: Callable[[Standing], bool] | None = None):
    """How the run stands as soon as it stands so."""
    until = time.monotonic() + seconds
    while True:
        now = standing(run)
        if now.state in states and (also is None or also(now)):
            return now
        output = run.folder / "output.txt"
        told = output.read_text("utf-8")[-2000:] if output.exists() else ""
        assert time.monotonic() < until, f"{now}\n{told}"
        assert now.active or not set(states) <= {"queued", "running"}, f"{now}\n{told}"
        time.sleep(0.05)
