"""Several results made by one piece of work: all or nothing, no deadlock, keys of copies."""

from __future__ import annotations

import multiprocessing
import threading
from pathlib import Path
from typing import ClassVar

import pytest

from xviz.errors import XvizError
from xviz.store import Place, Spec, Store

WANTED: dict[Place, dict] = {("vectors", f"{layer:032x}"): {"layer": layer} for layer in range(3)}


def write_all(folders: dict[Place, Path]) -> dict:
    for (_, key), folder in folders.items():
        (folder / "vectors.npy").write_text(key)
    return {"device": "cpu"}


def test_fill_makes_every_result_and_the_second_call_makes_none(tmp_path: Path):
    store = Store(tmp_path)
    calls = []

    def write(folders: dict[Place, Path]) -> dict:
        calls.append(sorted(folders))
        return write_all(folders)

    first = store.fill(WANTED, write)
    second = store.fill(WANTED, write)
    assert calls == [sorted(WANTED)]
    assert list(first) == list(second) == list(WANTED)
    for (kind, key), entry in first.items():
        assert (entry.kind, entry.key, entry.note["device"]) == (kind, key, "cpu")
        assert entry.file("vectors.npy").read_text() == key
        assert entry.damage() is None


def test_only_what_is_missing_is_asked_for(tmp_path: Path):
    store = Store(tmp_path)
    places = list(WANTED)
    store.fill({places[1]: WANTED[places[1]]}, write_all)
    asked = []

    def write(folders: dict[Place, Path]) -> None:
        asked.extend(folders)
        write_all(folders)

    store.fill(WANTED, write)
    assert set(asked) == {places[0], places[2]}


def test_a_failure_keeps_nothing(tmp_path: Path):
    store = Store(tmp_path)

    def fails(folders: dict[Place, Path]) -> None:
        write_all(folders)
        raise XvizError("stopped half-way")

    with pytest.raises(XvizError, match="half-way"):
        store.fill(WANTED, fails)
    assert store.entries() == []
    assert [p for p in tmp_path.rglob("*") if p.is_dir() and "partial" in p.name] == []
    assert len(store.fill(WANTED, write_all)) == 3  # the locks were released


def test_a_full_disk_is_a_sentence(tmp_path: Path):
    def full(_folders: dict[Place, Path]) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(XvizError, match="disk is full"):
        Store(tmp_path).fill(WANTED, full)


def test_siblings_survive_a_limit_that_is_too_small(tmp_path: Path):
    store = Store(tmp_path, limit=40)
    store.obtain_as("old", "f" * 32, {}, lambda folder: (folder / "x").write_text("y" * 64) and None)
    store.fill(WANTED, write_all)
    assert {entry.kind for entry in store.entries()} == {"vectors"}
    assert len(store.entries()) == 3


def test_overlapping_wishes_of_many_threads_end(tmp_path: Path):
    made: list[Place] = []
    places = list(WANTED)

    def ask(order: list[Place]) -> None:
        def write(folders: dict[Place, Path]) -> None:
            made.extend(folders)
            write_all(folders)

        Store(tmp_path).fill({place: WANTED[place] for place in order}, write)

    orders = [places, places[::-1], places[1:], places[:2], [places[2]], [places[0]]]
    threads = [threading.Thread(target=ask, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert not any(thread.is_alive() for thread in threads)
    assert sorted(made) == sorted(places)  # each was made exactly once


def _fill_in_a_process(root: str, backwards: bool, counts) -> None:
    places = list(WANTED)[::-1] if backwards else list(WANTED)

    def write(folders: dict[Place, Path]) -> None:
        with counts.get_lock():
            counts.value += len(folders)
        write_all(folders)

    Store(Path(root)).fill({place: WANTED[place] for place in places}, write)


def test_two_processes_make_each_result_once(tmp_path: Path):
    context = multiprocessing.get_context("spawn")
    counts = context.Value("i", 0)
    processes = [
        context.Process(target=_fill_in_a_process, args=(str(tmp_path), backwards, counts))
        for backwards in (False, True)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert counts.value == len(WANTED)


def test_a_changed_copy_of_a_specification_has_its_own_key():
    class Layer(Spec):
        kind: ClassVar[str] = "layer"
        version: ClassVar[int] = 1
        layer: int

    spec = Layer(layer=1)
    first = spec.key
    assert spec.model_copy(update={"layer": 2}).key == Layer(layer=2).key != first
    assert spec.key == first
