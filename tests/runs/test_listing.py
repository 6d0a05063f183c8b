"""Thousands of runs at a glance, and never from a stale memory."""

from __future__ import annotations

import json
import time

import pytest

from xviz.errors import InputError
from xviz.runs import listing
from xviz.runs.listing import list_runs, run_at_work, runs_of_sweep
from xviz.runs.record import carry_out, create_run, runs_folder
from xviz.runs.steps import to_json
from xviz.runs.sweeps import create_sweep, expand, read_lists, sweep_tables


def test_five_thousand_runs_are_listed_in_under_a_second() -> None:
    root = runs_folder()
    for i in range(5000):
        folder = root / f"20260101-{i:06d}-abcdef"
        folder.mkdir(parents=True)
        spec = {
            "title": f"Run {i}",
            "created": f"2026-01-01T00:{i // 60 % 60:02d}:{i % 60:02d}+00:00",
            "work": str(i),
            "wanted": [{"kind": "treebank", "name": "x"}],
        }
        state = {"state": ("succeeded", "failed", "cancelled")[i % 3], "reason": "", "seconds": 1.5}
        (folder / "spec.json").write_text(json.dumps(spec))
        (folder / "state.json").write_text(json.dumps(state))
    assert len(list_runs()) == 5000  # the first time reads them all
    seconds = []
    for _ in range(3):
        started = time.process_time()
        found = list_runs()
        seconds.append(time.process_time() - started)
    assert min(seconds) < 1.0
    assert [each.listed.created for each in found] == sorted((e.listed.created for e in found), reverse=True)
    assert found[0].listed.title


def test_only_what_changed_is_read_again(toys, monkeypatch) -> None:
    runs = [create_run([toys.Slow(seed=i)], title=f"Run {i}") for i in range(3)]
    for run in runs:
        carry_out(run)
    list_runs()
    read = []
    original = listing._read
    monkeypatch.setattr(listing, "_read", lambda run: read.append(run.id) or original(run))
    assert {each.listed.title for each in list_runs()} == {"Run 0", "Run 1", "Run 2"}
    assert read == []
    runs[1].annotate(title="  Renamed  ", note="good")
    titles = {each.id: (each.listed.title, each.listed.note) for each in list_runs()}
    assert titles[runs[1].id] == ("Renamed", "good")
    assert read == [runs[1].id]
    assert runs[1].title == "Renamed"


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"version": 1, "runs": {"x": 3}}', '{"version": 0}'])
def test_a_damaged_index_is_made_again(toys, damage: str) -> None:
    run = create_run([toys.Slow()], title="t")
    carry_out(run)
    list_runs()
    (runs_folder() / listing.INDEX).write_text(damage)
    assert [each.id for each in list_runs()] == [run.id]


def test_damaged_runs_are_listed_as_what_they_are(toys) -> None:
    good = create_run([toys.Slow()], title="good")
    carry_out(good)
    bad = create_run([toys.Slow()], title="bad")
    (bad.folder / "state.json").write_text("{")
    worse = create_run([toys.Slow()], title="worse")
    (worse.folder / "spec.json").write_text("{")
    (runs_folder() / "an empty folder").mkdir()
    (runs_folder() / "a file").touch()
    found = {each.id: each for each in list_runs()}
    assert found[good.id].standing.state == "succeeded"
    assert found[bad.id].standing.state == "lost"
    assert found[worse.id].listed.title == worse.id
    assert found["an empty folder"].standing.state == "lost"
    assert "a file" not in found


def test_the_same_work_is_found_whatever_it_is_called(toys) -> None:
    one, two = toys.Slow(seed=1), toys.Slow(seed=2)
    run = create_run([one, two], title="both")
    assert run_at_work([two, one]) == run
    assert run_at_work([one]) is None
    carry_out(run)
    assert run_at_work([two, one]) is None


def test_a_sweep_is_every_combination_and_one_table(toys) -> None:
    base = [to_json(toys.Slow())]
    runs = create_sweep(base, {"seed": [0, 1, 2], "steps": [2, 4]}, title="Counting")
    assert [run.spec["choices"] for run in runs] == [
        {"seed": seed, "steps": steps} for seed in (0, 1, 2) for steps in (2, 4)
    ]
    assert runs[1].title == "Counting: seed 0, steps 4"
    for run in runs[:-1]:
        carry_out(run)
    members = runs_of_sweep(runs[0].spec["sweep"])
    assert [each.id for each in members if each.standing.state == "succeeded"].sort() == [
        run.id for run in runs[:-1]
    ].sort()
    table = sweep_tables(members)["slow/table"]
    assert len(table) == 5
    assert set(table.columns) == {"run", "steps", "seed", "total"}
    assert table.set_index(["seed", "steps"])["total"].to_dict()[(2, 2)] == 1
    assert table.set_index(["seed", "steps"])["total"].to_dict()[(1, 4)] == 6


def test_places_of_a_sweep_reach_into_the_specification_and_wrong_ones_are_told(toys) -> None:
    nested = [{"kind": "slow", "steps": 1}]
    assert [specs[0].seed for _, specs in expand([to_json(toys.Slow())], {"seed": [5, 6]})] == [5, 6]
    with pytest.raises(InputError, match=r"no 'colour'; it has .*seed"):
        expand([to_json(toys.Slow())], {"colour": [1]})
    with pytest.raises(InputError, match=r"no 'steps\.x'"):
        expand(nested, {"steps.x": [1]})
    with pytest.raises(InputError, match="not valid at seed"):
        expand([to_json(toys.Slow())], {"seed": ["many"]})
    with pytest.raises(InputError, match="no value for seed"):
        expand(nested, {"seed": []})
    with pytest.raises(InputError, match="1,001 runs"):
        expand(nested, {"steps": list(range(1001))})
    assert read_lists(["seed=0,1", "x.y=a,2.5,true,null"]) == {"seed": [0, 1], "x.y": ["a", 2.5, True, None]}
    with pytest.raises(InputError, match="seed=0,1,2"):
        read_lists(["seed"])
    with pytest.raises(InputError, match="no sweep"):
        runs_of_sweep("nothing")
