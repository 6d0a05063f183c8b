"""What differs between runs, their curves on one axis, their results side by side."""

from __future__ import annotations

import json

import pandas as pd

from xviz.corpora.folder import choose
from xviz.runs.comparison import curves, differences, side_by_side
from xviz.runs.curves import read_curve, read_log
from xviz.runs.record import create_run


def put(run, name: str, table: pd.DataFrame) -> None:
    table.to_parquet(run.folder / "results" / name)


def test_the_difference_of_specifications_is_what_differs(toys) -> None:
    runs = [create_run([toys.Slow(seed=seed, steps=4)], title="t") for seed in (1, 2)]
    table = differences(runs)
    assert list(table.index) == ["seed"]
    assert table.loc["seed"].tolist() == ["1", "2"]
    assert list(table.columns) == [run.id for run in runs]
    several = create_run(choose("sample", ["German-Sample", "Hindi-Sample"]), title="t")
    one = create_run(choose("sample", ["German-Sample"]), title="t")
    assert "0.name" in differences([several, one]).index
    assert differences([one, one]).empty


def test_a_curve_is_read_whole_whatever_happened_to_its_file(toys) -> None:
    run = create_run([toys.Slow()], title="t")
    assert read_curve(run.folder).empty
    lines = [
        {"step": 1, "time": "t", "stage": "a", "loss": 3.0},
        {"step": 2, "time": "t", "stage": "a", "loss": 2.0, "rate": 0.1},
        {"step": 3, "time": "t", "stage": "a", "loss": None},
        {"step": 2, "time": "t", "stage": "a", "loss": 1.5},  # after a resume
        {"step": 1, "time": "t", "stage": "b", "loss": 9},
    ]
    text = "\n".join(map(json.dumps, lines)) + '\n[1]\n{"step": "x"}\n{"step": 4, "time": "t", "lo'
    (run.folder / "metrics.jsonl").write_text(text)
    table = read_curve(run.folder)
    assert table.query("name == 'loss'")[["stage", "step", "value"]].values.tolist() == [
        ["a", 1, 3.0],
        ["a", 2, 1.5],
        ["b", 1, 9.0],
    ]
    both = curves([run, run])
    assert len(both) == 2 * len(table)
    assert {"run", "title"} <= set(both)
    (run.folder / "log.txt").write_text("".join(f"line {i}\n" for i in range(100_000)))
    assert read_log(run.folder, lines=2) == "line 99998\nline 99999"
    assert read_log(run.folder, name="nothing") == ""


def test_results_are_joined_on_what_their_rows_are_of(toys) -> None:
    runs = [create_run([toys.Slow(seed=seed)], title="t") for seed in (1, 2)]
    keys = pd.DataFrame({"layer": [0, 1, 2], "language": ["deu", "fra", "tha"]})
    for run, shift in zip(runs, (0.0, 0.5), strict=True):
        put(run, "alignability-12345678-scores.parquet", keys.assign(score=keys["layer"] + shift, p=shift))
    put(runs[0], "other-12345678-alone.parquet", keys)
    (tables,) = side_by_side(runs).items()
    assert tables[0] == "alignability/scores"
    table = tables[1]
    assert table["layer"].tolist() == [0, 1, 2]
    assert (table[runs[1].id] - table[runs[0].id]).tolist() == [0.5, 0.5, 0.5]
    assert list(table.columns) == ["layer", "language", runs[0].id, runs[1].id]
