import os
import signal
import subprocess
import sys
import time

import pytest

from xviz.projection.maps import read_map
from xviz.projection.spec import MapQualitySpec
from xviz.projection.worker import MapWorker
from xviz.runs.steps import compute


@pytest.fixture
def worker(ground):
    one = MapWorker(ground.store, warm=False)
    yield one
    one.close()


def wait_for(worker: MapWorker, spec, *, seconds: float = 240):
    until = time.monotonic() + seconds
    while worker.status(spec).state not in ("done", "failed"):
        assert time.monotonic() < until
        worker.request(spec)  # again and again, as a page polls
        time.sleep(0.05)
    return worker.status(spec)


def gone(pid: int, *, seconds: float = 60) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            with open(f"/proc/{pid}/stat") as file:
                if file.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


def test_the_worker_fills_the_store_tells_failures_and_starts_again(ground, worker) -> None:
    spec = ground.chart(2, dims=3)
    compute(spec.spaces(), store=ground.store)
    assert worker.status(spec).state == "unknown"
    assert worker.request(spec).pending
    assert wait_for(worker, spec).state == "done"
    assert len(read_map(ground.store, spec).points) == 600

    lacking = MapQualitySpec(map=ground.chart(2, seed=5))
    worker.request(lacking)
    failed = wait_for(worker, lacking)
    assert failed.state == "failed"
    assert "not in the store" in failed.message
    assert worker.request(lacking) == failed
    assert worker.request(lacking, again=True).state == "waiting"
    assert wait_for(worker, lacking).state == "failed"

    first = worker.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert gone(first)
    wanted = ground.chart(2, dims=3, centring="language")
    worker.request(wanted)
    after = wait_for(worker, wanted)
    assert after.state == "done", after.message
    assert worker.pid not in (None, first)
    assert len(read_map(ground.store, wanted).points) == 600


def test_the_worker_ends_with_its_server_however_that_ends(ground) -> None:
    code = (
        "import sys, time, pathlib\n"
        "from xviz.projection.worker import MapWorker\n"
        "from xviz.store import Store\n"
        "worker = MapWorker(Store(pathlib.Path(sys.argv[1])), warm=False)\n"
        "print(worker.pid, flush=True); time.sleep(600)"
    )
    server = subprocess.Popen(
        [sys.executable, "-c", code, str(ground.store.root)], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    pid = int(server.stdout.readline())
    server.kill()
    server.wait()
    assert gone(pid)
