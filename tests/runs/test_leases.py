"""Runs queue for the devices of a machine, first come first served, and the dead hold nothing."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from xviz.errors import Cancelled
from xviz.runs.devices import see_only
from xviz.runs.leases import Ticket, _turn, draw, holders, lease
from xviz.runs.processes import ProcessName


def test_one_device_serves_one_run_at_a_time_in_order(tmp_path: Path) -> None:
    served, said = [], []
    at_work, most = [0], [0]

    def work(name: str) -> None:
        with lease(["cpu"], run=name, root=tmp_path, waiting=said.append, poll=0.02):
            at_work[0] += 1
            most[0] = max(most[0], at_work[0])
            served.append(name)
            time.sleep(0.05)
            at_work[0] -= 1

    threads = []
    with lease(["cpu"], run="first", root=tmp_path) as device:
        assert device == "cpu"
        for name in "abcd":
            threads.append(threading.Thread(target=work, args=(name,)))
            threads[-1].start()
            while len(holders(tmp_path)) < len(threads) + 1:
                time.sleep(0.01)
        assert [(t.run, t.holds) for t in holders(tmp_path)][:2] == [("first", "cpu"), ("a", None)]
        time.sleep(0.1)
        assert served == []
    for thread in threads:
        thread.join(timeout=30)
    assert served == list("abcd")
    assert most == [1]
    assert "Waiting for cpu: 1 run before it." in said
    assert holders(tmp_path) == []
    assert not list((tmp_path / ".devices").rglob("*.ticket"))


def test_two_devices_serve_two_runs_and_nobody_is_overtaken() -> None:
    def ticket(number: int, accepts: str, holds: str | None = None) -> Ticket:
        return Ticket(number, f"run {number}", tuple(accepts.split()), holds)

    both = "cuda:0 cuda:1"
    tickets = [ticket(1, both, "cuda:0"), ticket(2, both), ticket(3, both), ticket(4, "cpu")]
    assert _turn(tickets, 2) == "cuda:1"
    assert _turn(tickets, 3) is None
    assert _turn(tickets, 4) == "cpu", "who waits for another device is in nobody's way"
    picky = [ticket(1, both, "cuda:0"), ticket(2, "cuda:0"), ticket(3, both)]
    assert _turn(picky, 2) is None
    assert _turn(picky, 3) == "cuda:1", "a device that the one before would not take is free"


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    code = f"""
        import os, signal
        from pathlib import Path
        from xviz.runs.leases import lease
        with lease(["cpu"], run="killed", root=Path({str(tmp_path)!r})):
            print("held", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, check=False)
    assert ended.stdout == b"held\n"
    assert len(list((tmp_path / ".devices").rglob("*.ticket"))) == 1
    started = time.monotonic()
    with lease(["cpu"], run="next", root=tmp_path):
        assert time.monotonic() - started < 5
    assert holders(tmp_path) == []


def test_who_waits_can_be_cancelled_and_leaves_the_queue(tmp_path: Path) -> None:
    with lease(["cpu"], run="first", root=tmp_path):
        asked = iter([False, True])
        second = lease(["cpu"], run="b", root=tmp_path, stop_requested=lambda: next(asked), poll=0.01)
        with pytest.raises(Cancelled, match="while it was queued"):
            second.__enter__()
        assert [t.run for t in holders(tmp_path)] == ["first"]


def test_a_place_is_kept_for_a_run_that_is_still_starting(tmp_path: Path) -> None:
    slow = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    draw("slow", ProcessName.of(slow.pid), root=tmp_path)
    draw("slow", ProcessName.of(slow.pid), root=tmp_path)
    draw("quick", ProcessName.of(), root=tmp_path)
    assert [t.run for t in holders(tmp_path)] == ["slow", "quick"]
    asked = iter([False, True])
    with pytest.raises(Cancelled):
        lease(["cpu"], run="quick", root=tmp_path, stop_requested=lambda: next(asked), poll=0.01).__enter__()
    assert [t.run for t in holders(tmp_path)] == ["slow"]
    slow.kill()
    slow.wait()
    with lease(["cpu"], run="quick", root=tmp_path):
        assert [t.run for t in holders(tmp_path)] == ["quick"], "who died while it started holds nobody up"


def test_a_damaged_ticket_holds_nobody_up(tmp_path: Path) -> None:
    with lease(["cpu"], run="a", root=tmp_path):
        (ticket,) = (tmp_path / ".devices").rglob("*.ticket")
        ticket.write_text("{")
        with lease(["cpu"], run="b", root=tmp_path) as device:
            assert device == "cpu"


def test_a_process_sees_only_its_own_card() -> None:
    environment: dict[str, str] = {}
    assert see_only("cuda:2", environment) == "cuda:0"
    assert environment == {"CUDA_VISIBLE_DEVICES": "2"}
    environment = {"CUDA_VISIBLE_DEVICES": "4,6"}
    assert see_only("cuda:1", environment) == "cuda:0"
    assert environment == {"CUDA_VISIBLE_DEVICES": "6"}
    assert see_only("cpu", environment) == "cpu"
