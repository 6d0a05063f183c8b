"""A specification with lists becomes many runs: every combination of layers, seeds, shots, arms.

A list is named by its place in the specification, as ``seed``, ``vectors.layer``, ``training.learning_rate``;
places within a list of results (``specs.0.layer``) go by number. The runs of a sweep share its name, and
each says which values are its own; on Slurm they are one array. Their tables become one, with a column a
choice.
"""

from __future__ import annotations

import copy
import itertools
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from xviz.errors import InputError
from xviz.runs.listing import ListedNow
from xviz.runs.record import Run, create_run
from xviz.runs.results import result_tables
from xviz.runs.steps import from_json
from xviz.store import Spec

LARGEST_SWEEP = 1000


def expand(
    wanted: Sequence[Mapping[str, Any]], lists: Mapping[str, Sequence[Any]]
) -> list[tuple[dict[str, Any], list[Spec]]]:
    """Every combination of the values: what was chosen, and the specifications with it.

    Args:
        wanted: specifications as :func:`xviz.runs.steps.to_json` writes them.
        lists: place -> values.

    Raises:
        InputError: there is no such place, a value does not fit it, or there are too many combinations.
    """
    count = 1
    for place, values in lists.items():
        if not values:
            raise InputError(f"The sweep names no value for {place}.")
        count *= len(values)
    if count > LARGEST_SWEEP:
        raise InputError(f"The sweep would be {count:,} runs; at most {LARGEST_SWEEP:,} are made at once.")
    found = []
    for values in itertools.product(*lists.values()):
        choices = dict(zip(lists, values, strict=True))
        specs = [copy.deepcopy(dict(spec)) for spec in wanted]
        for place, value in choices.items():
            hits = sum(_put(spec, place.split("."), value) for spec in specs)
            if not hits:
                names = ", ".join(sorted({name for spec in specs for name in spec if name != "kind"}))
                raise InputError(f"The specification has no {place!r}; it has {names}.")
        found.append((choices, [from_json(spec) for spec in specs]))
    return found


def create_sweep(
    wanted: Sequence[Mapping[str, Any]],
    lists: Mapping[str, Sequence[Any]],
    *,
    title: str,
    command: str = "",
    device: str = "auto",
) -> list[Run]:
    """A queued run for every combination; they share a new sweep's name."""
    combinations = expand(wanted, lists)
    sweep = secrets.token_hex(3)
    runs = []
    for choices, specs in combinations:
        own = ", ".join(f"{place.rsplit('.', 1)[-1]} {value}" for place, value in choices.items())
        runs.append(
            create_run(
                specs,
                title=f"{title}: {own}",
                command=command,
                device=device,
                sweep=sweep,
                choices=choices,
            )
        )
    return runs


def read_lists(settings: Iterable[str]) -> dict[str, list[Any]]:
    """``["seed=0,1,2", "vectors.layer=3,4"]`` as place -> values (numbers, true, false, null, else text).

    Raises:
        InputError: a setting without ``=``.
    """
    lists: dict[str, list[Any]] = {}
    for setting in settings:
        place, equals, values = setting.partition("=")
        if not equals or not place.strip():
            raise InputError(f"A list is written as seed=0,1,2, not {setting!r}.")
        lists[place.strip()] = [_value(text.strip()) for text in values.split(",") if text.strip()]
    return lists


def sweep_tables(runs: Sequence[ListedNow]) -> dict[str, Any]:
    """The tables of many runs by name, each one table with a column for the run and for every choice."""
    import pandas as pd

    parts: dict[str, list[pd.DataFrame]] = {}
    for each in runs:
        for name, table in result_tables(each.run.folder).items():
            own = {"run": each.id, **each.listed.choices}
            columns = {column: value for column, value in own.items() if column not in table}
            parts.setdefault(name, []).append(pd.DataFrame(columns, index=table.index).join(table))
    return {name: pd.concat(tables, ignore_index=True) for name, tables in parts.items()}


def _put(data: Any, place: Sequence[str], value: Any) -> bool:
    """Set the value at a place where it is; False where it is not."""
    name, *rest = place
    if isinstance(data, list):
        if not name.isdecimal() or int(name) >= len(data):
            return False
        if rest:
            return _put(data[int(name)], rest, value)
        data[int(name)] = value
        return True
    if not isinstance(data, dict) or name not in data:
        return False
    if rest:
        return _put(data[name], rest, value)
    data[name] = value
    return True


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
