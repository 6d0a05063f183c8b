"""The curves of a run, out of ``metrics.jsonl``.

A run that was killed and resumed has written some steps twice: what was written last counts, so the curve is
that of a run that was never interrupted. Lines that are no JSON (the process was killed within them) are
left out.
"""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

COLUMNS = ["stage", "step", "name", "value", "time"]


def read_curve(folder: Path) -> pd.DataFrame:
    """One row a measurement: stage, step, name, value, time; in the order of stages and steps."""
    try:
        text = (folder / "metrics.jsonl").read_text("utf-8", errors="replace")
    except OSError:
        return pd.DataFrame(columns=COLUMNS)
    rows: dict[tuple[str, str], dict[int, tuple[float, str]]] = {}
    for line in text.splitlines():
        try:
            said = json.loads(line)
            step, time, stage = int(said.pop("step")), str(said.pop("time")), str(said.pop("stage", ""))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
        for name, value in said.items():
            if isinstance(value, int | float):
                rows.setdefault((stage, name), {})[step] = (float(value), time)
    table = [
        (stage, step, name, *steps[step]) for (stage, name), steps in rows.items() for step in sorted(steps)
    ]
    return pd.DataFrame(table, columns=["stage", "step", "name", "value", "time"])


def read_log(folder: Path, *, lines: int = 200, name: str = "log.txt") -> str:
    """The last lines of the log, of a file of any size."""
    try:
        with (folder / name).open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 200 * lines))
            return "\n".join(file.read().decode("utf-8", errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
