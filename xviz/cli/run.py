"""``xviz run FOLDER``: the one entry point of every run, wherever it was launched."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xviz.cli.options import Json, show


def run(
    folder: Annotated[Path, typer.Argument(help="A run folder (with spec.json).")], json: Json = False
) -> None:
    """Carry out (or take up again) the run that a folder describes."""
    from xviz.cli.console import ConsoleJournal
    from xviz.runs.record import Run, carry_out

    this = Run(folder)
    with ConsoleJournal() as journal:
        carry_out(this, journal=journal)
    state = this.state
    if json:
        wanted = this.spec["wanted"]
        show(
            {
                "id": this.id,
                "folder": str(folder),
                "kind": wanted[0]["kind"] if wanted else "",
                "state": state["state"],
                "reason": state["reason"],
            }
        )
    else:
        typer.echo(f"{this.id}: {state['state']}")
