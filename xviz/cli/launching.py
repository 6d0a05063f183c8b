"""Where the work of a command is done: in this terminal, in a process of its own, or on a cluster."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from xviz.cli.options import show
from xviz.runs.record import Run
from xviz.store import Spec, Store


def carry_out_where(
    wanted: Sequence[Spec],
    where: str,
    *,
    title: str,
    store: Store,
    device: str = "auto",
    json: bool = False,
) -> None:
    """Compute what of ``wanted`` is missing ``here``, or send a run off, tell of it, and end the command.

    The same work is not sent off twice: where a run is at it already, that run is told.

    Args:
        where: as :func:`xviz.runs.resources.read_where` reads it.

    Raises:
        typer.Exit: the run was sent off.
        XvizError: what the work raised, or why it can't be sent off.
    """
    from xviz.cli.console import ConsoleJournal
    from xviz.runs.launch import launch
    from xviz.runs.listing import run_at_work
    from xviz.runs.record import carry_out, create_run
    from xviz.runs.resources import read_where
    from xviz.runs.steps import Loader, missing

    place, resources = read_where(where)
    if not missing(wanted, store):
        return  # finished already: the command shows it, wherever it was wanted
    command = shlex.join(["xviz", *sys.argv[1:]])
    if place == "here":
        with ConsoleJournal() as journal:
            run = create_run(wanted, title=title, command=command, device=device)
            carry_out(run, store=store, journal=journal, load=Loader(device=device))
        return
    same = run_at_work(wanted)
    if same is None:
        same = create_run(wanted, title=title, command=command, device=device)
        launch([same], place, resources=resources)
        said = f"Sent off as the run {same.id}"
    else:
        said = f"The run {same.id} is at this work already"
    if json:
        show(described(same))
    else:
        typer.echo(
            f"{said}; `xviz runs show {same.id}` tells how it goes. Then repeat the command to see it."
        )
    raise typer.Exit()


def described(run: Run) -> dict[str, Any]:
    """The run as ``--json`` shows it: id, folder, kind, state, reason."""
    from xviz.errors import InputError
    from xviz.runs.standing import standing

    try:
        wanted = run.spec.get("wanted") or []
    except InputError:
        wanted = []
    now = standing(run)
    kinds = [spec.get("kind", "") for spec in wanted if isinstance(spec, dict)]
    return {
        "id": run.id,
        "folder": str(Path(run.folder)),
        "kind": kinds[0] if kinds else "",
        "state": now.state,
        "reason": now.reason,
    }
