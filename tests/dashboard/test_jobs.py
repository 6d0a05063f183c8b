import threading

import pytest

from xviz.corpora.folder import choose
from xviz.dashboard import jobs as module
from xviz.dashboard.jobs import Jobs
from xviz.errors import Cancelled, InputError
from xviz.store import Store


@pytest.fixture
def wanted():
    return choose("sample", ["German-Sample"])


def test_a_job_fills_the_store_and_is_found_by_what_it_computes(wanted, xviz_home) -> None:
    store = Store()
    jobs = Jobs(store)
    job = jobs.start(wanted, title="Reading", command="xviz ...")
    assert jobs.of(wanted) is job
    assert job.future is not None
    job.future.result(timeout=60)
    assert job.failure is None
    assert store.find(wanted[0]) is not None
    assert len(list((xviz_home / "runs").iterdir())) == 1


def test_a_job_is_started_once_told_to_stop_and_says_why_it_failed(wanted, monkeypatch) -> None:
    going, raised = (
        threading.Event(),
        [Cancelled("stopped"), InputError("The file is no file.", file="x", line=3)],
    )

    def work(run, *, store, journal):
        journal.stage("Reading")
        journal.progress(1, 4, unit="files")
        going.set()
        assert journal.stopping.wait(30)
        raise raised.pop(0)

    monkeypatch.setattr(module, "carry_out", work)
    jobs = Jobs(Store())
    for expected in (None, "x:3: The file is no file."):
        job = jobs.start(wanted, title="t", command="")
        assert going.wait(30)
        assert jobs.start(wanted, title="t", command="") is job
        assert (job.progress.stage_name, job.progress.done, job.progress.total) == ("Reading", 1, 4)
        assert job.failure is None
        job.progress.stopping.set()
        assert job.future is not None
        job.future.exception(timeout=30)
        assert not job.running
        assert job.failure == expected
        going.clear()
