"""The store: one key for one identity, nothing half-written, one process computes while others wait."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import resource
import signal
import time
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xviz.errors import InputError, XvizError
from xviz.journal import Journal
from xviz.store import ENTRY_FILE, Spec, Store, fingerprint_of_file, key_of, write_atomically


class Number(Spec):
    kind: ClassVar[str] = "number"
    version: ClassVar[int] = 1
    value: int = 0


class NumberAgain(Number):
    version: ClassVar[int] = 2


def write_number(folder: Path) -> dict[str, int]:
    (folder / "number.txt").write_text("seven")
    return {"forward_passes": 3}


def test_what_was_written_is_found_with_its_specification_and_notes() -> None:
    store = Store()
    assert store.find(Number(value=7)) is None
    entry = store.obtain(Number(value=7), write_number)
    found = store.find(Number(value=7))
    assert found is not None
    assert found.folder == entry.folder
    assert found.file("number.txt").read_text() == "seven"
    assert found.spec == {"value": 7}
    assert found.note["forward_passes"] == 3
    assert found.size == 5
    assert found.damage() is None


def test_a_second_request_computes_nothing() -> None:
    store = Store()
    store.obtain(Number(value=7), write_number)

    def never(folder: Path) -> None:
        raise AssertionError("computed again")

    assert store.obtain(Number(value=7), never).file("number.txt").exists()


def test_key_follows_fields_and_version_but_not_the_order_of_fields() -> None:
    assert Number(value=1).key != Number(value=2).key
    assert Number(value=1).key != NumberAgain(value=1).key
    assert key_of("k", 1, {"a": 1, "b": 2}) == key_of("k", 1, {"b": 2, "a": 1})


@settings(derandomize=True, max_examples=50)
@given(st.dictionaries(st.text(max_size=5), st.one_of(st.integers(), st.text(max_size=5)), max_size=4))
def test_equal_identities_have_equal_keys_and_a_changed_value_another(identity: dict) -> None:
    assert key_of("k", 1, identity) == key_of("k", 1, json.loads(json.dumps(identity)))
    assert key_of("k", 1, identity | {"more": 1}) != key_of("k", 1, identity | {"more": 2})


def test_an_error_while_computing_leaves_nothing() -> None:
    store = Store()

    def fail(folder: Path) -> None:
        (folder / "half.txt").write_text("half")
        raise InputError("no")

    with pytest.raises(InputError):
        store.obtain(Number(), fail)
    assert store.entries() == []
    assert not list(store.root.rglob("half.txt"))


def _killed_while_writing(root: str) -> None:
    def write(folder: Path) -> None:
        (folder / "half.txt").write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)

    Store(Path(root)).obtain(Number(), write)


def test_a_process_killed_while_writing_leaves_no_result_and_no_lock(tmp_path: Path) -> None:
    process = multiprocessing.get_context("fork").Process(target=_killed_while_writing, args=(str(tmp_path),))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    store = Store(tmp_path)
    assert list(tmp_path.rglob("half.txt"))  # it did get as far as writing
    assert store.find(Number()) is None
    assert store.obtain(Number(), write_number).file("number.txt").exists()
    assert not list(tmp_path.rglob("half.txt"))  # and what it left is cleared away


def _count_and_write(root: str, started: str) -> None:
    def write(folder: Path) -> dict[str, int]:
        with (Path(root) / "computations").open("a") as file:
            file.write("x")
        while len(os.listdir(started)) < 2:  # both processes have asked before either finishes
            time.sleep(0.01)
        return write_number(folder)

    (Path(started) / str(os.getpid())).touch()
    Store(Path(root)).obtain(Number(), write)


def test_two_processes_that_want_one_key_compute_it_once(tmp_path: Path) -> None:
    root, started = tmp_path / "store", tmp_path / "started"
    root.mkdir()
    started.mkdir()
    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=_count_and_write, args=(str(root), str(started))) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert (root / "computations").read_text() == "x"
    assert Store(root).find(Number()) is not None


def test_waiting_for_another_process_is_said() -> None:
    import threading

    store, said, inside = Store(), [], threading.Event()

    class Listener(Journal):
        def log(self, message: str) -> None:
            said.append(message)
            release.set()

    release = threading.Event()

    def slow(folder: Path) -> dict[str, int]:
        inside.set()
        assert release.wait(20)
        return write_number(folder)

    first = threading.Thread(target=lambda: store.obtain(Number(), slow))
    first.start()
    assert inside.wait(20)
    store.obtain(Number(), write_number, journal=Listener())
    first.join()
    assert len(said) == 1
    assert "waiting" in said[0]


def _write_under_a_limit(root: str) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    try:
        Store(Path(root)).obtain(Number(), lambda folder: (folder / "big").write_bytes(b"0" * 5000) and {})
    except XvizError as error:
        os._exit(42 if "disk is full" in str(error) else 43)
    os._exit(44)


def test_a_full_disk_is_said_in_a_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    process = multiprocessing.get_context("fork").Process(target=_write_under_a_limit, args=(str(tmp_path),))
    process.start()
    process.join()
    assert process.exitcode == 42
    assert Store(tmp_path).find(Number()) is None
    assert not list(tmp_path.rglob("big"))


def test_no_space_left_is_said_in_a_sentence() -> None:
    def write(folder: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(XvizError, match="xviz cache clear"):
        Store().obtain(Number(), write)


def test_a_truncated_file_is_no_result_and_is_computed_again() -> None:
    store = Store()
    entry = store.obtain(Number(), write_number)
    entry.file("number.txt").write_text("sev")
    assert store.find(Number()) is None
    assert store.obtain(Number(), write_number).file("number.txt").read_text() == "seven"


def test_changed_content_of_the_same_size_is_named_by_verification() -> None:
    entry = Store().obtain(Number(), write_number)
    entry.file("number.txt").write_text("eight")
    assert entry.damage() == "number.txt is not what was written"


def test_a_damaged_record_is_no_result() -> None:
    store = Store()
    entry = store.obtain(Number(), write_number)
    (entry.folder / ENTRY_FILE).write_text("{")
    assert store.find(Number()) is None
    assert store.entries() == []


def test_least_recently_used_results_go_first() -> None:
    store = Store(limit=10**9)
    for value in range(3):
        entry = store.obtain(Number(value=value), write_number)
        os.utime(entry.folder / ENTRY_FILE, (1000 + value, 1000 + value))
    store.find(Number(value=0))  # used again, so no longer the oldest
    store.limit = 15  # room for three results of five bytes
    store.obtain(Number(value=3), write_number)
    there = {value for value in range(4) if store.find(Number(value=value))}
    assert there == {0, 2, 3}


def test_clearing_one_kind_leaves_the_others() -> None:
    class Other(Number):
        kind: ClassVar[str] = "other"

    store = Store()
    store.obtain(Number(), write_number)
    store.obtain(Other(), write_number)
    assert store.clear(kind="other") == (1, 5)
    assert store.find(Number()) is not None
    assert store.find(Other()) is None


def test_fingerprint_follows_the_content_and_is_remembered(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_text("one")
    first = fingerprint_of_file(file)
    file.write_text("two!")
    second = fingerprint_of_file(file)
    assert first != second
    file.write_text("one")
    assert fingerprint_of_file(file) == first


def test_an_interrupted_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.json"
    write_atomically(path, "old")

    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "replace", broken)
    with pytest.raises(OSError, match="broken"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["state.json"]
