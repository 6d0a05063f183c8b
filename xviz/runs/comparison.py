"""How runs differ: in what was asked for, in their curves, in what came out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from xviz.errors import InputError
from xviz.runs.curves import read_curve
from xviz.runs.record import Run
from xviz.runs.results import result_tables

LIKE_A_SCORE = ("score", "accuracy", "value", "loss")
NOT_A_KEY = ("run", "p", "p_adjusted", "low", "high", "ceiling", "note", "seconds")
LONGEST_VALUE = 120


def differences(runs: Sequence[Run]) -> pd.DataFrame:
    """The places of the specifications at which the runs differ: one row a place, one column a run.

    A place where a run has nothing is empty. Files are compared by name; lists of results by their order.
    """
    flat = {run.id: _flatten(_asked(run)) for run in runs}
    places = list(dict.fromkeys(place for facts in flat.values() for place in facts))
    rows = {
        place: {name: facts.get(place, "") for name, facts in flat.items()}
        for place in places
        if len({facts.get(place, "") for facts in flat.values()}) > 1
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(flat)).rename_axis("place")


def curves(runs: Sequence[Run]) -> pd.DataFrame:
    """The curves of all runs in one tidy table: run, title, stage, step, name, value, time."""
    parts = [read_curve(run.folder).assign(run=run.id, title=run.title) for run in runs]
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)


def side_by_side(runs: Sequence[Run]) -> dict[str, pd.DataFrame]:
    """Tables that at least two runs have, joined on what their rows are of; a column of scores a run."""
    tables = {run.id: result_tables(run.folder) for run in runs}
    names = list(dict.fromkeys(name for found in tables.values() for name in found))
    joined = {}
    for name in names:
        having = {run: found[name] for run, found in tables.items() if name in found}
        if len(having) > 1 and (table := _join(having)) is not None:
            joined[name] = table
    return joined


def _join(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame | None:
    shared = set.intersection(*(set(table.columns) for table in tables.values()))
    score = next((column for column in LIKE_A_SCORE if column in shared), None)
    if score is None:
        return None
    first = next(iter(tables.values()))
    keys = [
        column
        for column in first.columns
        if column in shared
        and column != score
        and column not in NOT_A_KEY
        and not column.startswith(("null_", "n_"))
        and not pd.api.types.is_float_dtype(first[column])
        and not first[column].map(lambda value: isinstance(value, list | dict | set)).any()
    ]
    keys = [key for key in keys if first[key].map(lambda value: hasattr(value, "__hash__")).all()]
    if not keys:
        return None
    columns = [
        table.drop_duplicates(keys).set_index(keys)[score].rename(run) for run, table in tables.items()
    ]
    return pd.concat(columns, axis=1).reset_index()


def _asked(run: Run) -> dict[str, Any]:
    try:
        wanted = run.spec.get("wanted") or []
    except InputError:
        return {}
    return wanted[0] if len(wanted) == 1 else {str(i): spec for i, spec in enumerate(wanted)}


def _flatten(data: Any, place: str = "") -> dict[str, str]:
    if isinstance(data, Mapping):
        items = list(data.items())
    elif isinstance(data, list) and any(isinstance(each, Mapping | list) for each in data):
        items = [(str(i), each) for i, each in enumerate(data)]
    else:
        text = ", ".join(map(str, data)) if isinstance(data, list) else str(data)
        return {place: text[:LONGEST_VALUE]}
    found: dict[str, str] = {}
    for name, inner in items:
        found |= _flatten(inner, f"{place}.{name}" if place else str(name))
    return found
