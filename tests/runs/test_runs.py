"""Specification to result, and the run folder that tells what became of it."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from xviz.corpora.spec import TreebankSpec
from xviz.errors import Cancelled, InputError
from xviz.journal import Journal
from xviz.runs import steps
from xviz.runs.record import Run, carry_out, create_run
from xviz.runs.resolve import Offer, readable_bytes, readable_seconds, resolve
from xviz.runs.steps import STEPS, Step, compute, from_json, missing, to_json
from xviz.store import Spec, Store


class Leaf(Spec):
    kind: ClassVar[str] = "leaf"
    version: ClassVar[int] = 1
    value: int = 0


class Sum(Spec):
    kind: ClassVar[str] = "sum"
    version: ClassVar[int] = 1
    parts: tuple[Leaf, ...]

    def needs(self) -> Sequence[Spec]:
        return self.parts


@pytest.fixture(autouse=True)
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two toy steps; the list tells what was computed, in order."""
    done: list[str] = []

    def leaves(specs: list[Leaf], *, store: Store, journal: Journal, load: Callable) -> None:
        journal.stage("Growing leaves")
        for i, spec in enumerate(specs):
            if spec.value < 0:
                raise InputError("A leaf is not negative.")
            if journal.stop_requested():
                raise Cancelled("Stopped.")
            store.obtain(spec, lambda folder, v=spec.value: (folder / "v").write_text(str(v)) and None)
            done.append(f"leaf {spec.value}")
            journal.metrics(i, {"value": spec.value})
            journal.progress(i + 1, len(specs))

    def sums(specs: list[Sum], *, store: Store, journal: Journal, load: Callable) -> None:
        for spec in specs:
            parts = [store.find(part) for part in spec.parts]
            total = sum(int(p.file("v").read_text()) for p in parts if p)
            store.obtain(spec, lambda folder, t=total: (folder / "v").write_text(str(t)) and None)
            done.append("sum")

    toys = types.ModuleType("toys")
    toys.__dict__.update(Leaf=Leaf, Sum=Sum, leaves=leaves, sums=sums)
    monkeypatch.setitem(sys.modules, "toys", toys)
    monkeypatch.setitem(STEPS, "leaf", Step("toys:Leaf", "toys:leaves"))
    monkeypatch.setitem(STEPS, "sum", Step("toys:Sum", "toys:sums"))
    return done


TOTAL = Sum(parts=(Leaf(value=2), Leaf(value=3), Leaf(value=2)))


def test_needs_are_computed_first_and_nothing_twice(computed: list[str]) -> None:
    (entry,) = compute([TOTAL], store=Store())
    assert entry.file("v").read_text() == "7"
    assert computed == ["leaf 2", "leaf 3", "sum"]


def test_what_is_in_the_store_is_not_computed_again(computed: list[str]) -> None:
    store = Store()
    compute([Leaf(value=2)], store=store)
    assert missing([TOTAL], store) == [Leaf(value=3), TOTAL]
    compute([TOTAL], store=store)
    compute([TOTAL], store=store)
    assert computed == ["leaf 2", "leaf 3", "sum"]


def test_a_cheap_result_is_computed_and_a_dear_one_offered(computed: list[str]) -> None:
    store = Store()
    offer = resolve([TOTAL], store=store, within=0.5)
    assert isinstance(offer, Offer)
    assert computed == []
    assert offer.seconds > 0.5
    assert "rough estimate" in offer.sentence
    entries = resolve([TOTAL], store=store, within=1e9)
    assert not isinstance(entries, Offer)
    assert entries == resolve([TOTAL], store=store, within=0)  # there, so shown whatever it had cost


def test_a_specification_survives_json() -> None:
    assert from_json(json.loads(json.dumps(to_json(TOTAL)))) == TOTAL
    treebank = TreebankSpec(name="UD_A-B", language="deu", files=("a",), partition=(60, 20, 20))
    assert from_json(json.loads(json.dumps(to_json(treebank)))) == treebank


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"kind": "nothing"}, "no kind of result called 'nothing'"),
        ({"kind": "leaf", "value": "x"}, "value"),
        ({"kind": "leaf", "colour": 1}, "colour"),
        ({}, "None"),
    ],
)
def test_a_wrong_specification_is_told_with_its_place(data: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        from_json(data)


def test_every_kind_names_a_specification_of_that_kind() -> None:
    for kind, step in STEPS.items():
        assert steps._import(step.specification).kind == kind


def test_a_finished_run_says_so_and_keeps_its_history() -> None:
    run = create_run([TOTAL], title="Sum", command="xviz sum")
    assert run.state["state"] == "queued"
    carry_out(run)
    state = run.state
    assert (state["state"], state["reason"]) == ("succeeded", "")
    assert state["seconds"] >= 0
    lines = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["value"] for line in lines] == [2, 3]
    assert "Growing leaves" in (run.folder / "log.txt").read_text()
    assert run.wanted() == [TOTAL]


def test_a_failed_run_says_why_and_keeps_what_was_finished(computed: list[str]) -> None:
    run = create_run([Leaf(value=1), Leaf(value=-1)], title="Bad")
    with pytest.raises(InputError):
        carry_out(run)
    assert run.state["state"] == "failed"
    assert "not negative" in run.state["reason"]
    assert Store().find(Leaf(value=1)) is not None


def test_a_cancelled_run_stops_says_so_and_goes_on_when_carried_out_again(computed: list[str]) -> None:
    run = create_run([TOTAL], title="Sum")
    run.cancel()
    with pytest.raises(Cancelled):
        carry_out(run)
    assert run.state["state"] == "cancelled"
    assert computed == []
    (run.folder / "cancel").unlink()
    carry_out(run)
    assert run.state["state"] == "succeeded"


def test_a_folder_that_is_no_run_and_a_damaged_one_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a run"):
        Run(tmp_path).wanted()
    (tmp_path / "spec.json").write_text("{")
    with pytest.raises(InputError, match="damaged"):
        Run(tmp_path).wanted()


def test_costs_are_readable() -> None:
    assert [readable_seconds(s) for s in (0.2, 45, 300, 7200)] == ["1 s", "45 s", "5 min", "2.0 h"]
    assert [readable_bytes(b) for b in (12, 4_200, 1_500_000, 3e10)] == ["12 B", "4 kB", "1.5 MB", "30 GB"]
