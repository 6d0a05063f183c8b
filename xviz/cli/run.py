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
    from xviz.cli.launching import described
    from xviz.errors import Cancelled
    from xviz.runs.record import Run
    from xviz.runs.slurm import YIELDED
    from xviz.runs.worker import work

    this = Run(folder.resolve())
    try:
        with ConsoleJournal() as journal:
            work(this, journal=journal)
    except Cancelled:
        if this.state.get("state") == "queued":  # it goes on later, and the job script must know
            raise typer.Exit(YIELDED) from None
        raise
    if json:
        show(described(this))
    else:
        typer.echo(f"{this.id}: {this.state['state']}")
