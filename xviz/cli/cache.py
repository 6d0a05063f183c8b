"""``xviz cache``: what can be computed again, and how much room it takes."""

from __future__ import annotations

from typing import Annotated

import typer

from xviz.cli.options import Json, choice, show
from xviz.store import Store

application = typer.Typer(no_args_is_help=True)


@application.command("list")
def list_results(json: Json = False) -> None:
    """List the results in the store, latest use first."""
    from xviz.runs.resolve import readable_bytes

    store = Store()
    entries = store.entries()
    if json:
        show(
            {
                "root": str(store.root),
                "limit": store.limit,
                "size": sum(e.size for e in entries),
                "entries": [
                    {"kind": e.kind, "key": e.key, "size": e.size, "created": e.created, "note": e.note}
                    for e in entries
                ],
            }
        )
        return
    for e in entries:
        typer.echo(f"{e.kind:18} {e.key[:12]}  {readable_bytes(e.size):>8}  {e.created}")
    size = readable_bytes(sum(e.size for e in entries))
    typer.echo(f"{len(entries)} results, {size} of at most {readable_bytes(store.limit)}, in {store.root}")


@application.command()
def clear(
    kind: Annotated[
        str | None, typer.Option(help="Only results of this kind (see `xviz cache list`).")
    ] = None,
    json: Json = False,
) -> None:
    """Remove results from the store; they can be computed again. Runs and downloads are not touched."""
    from xviz.runs.resolve import readable_bytes
    from xviz.runs.steps import STEPS

    if kind is not None:
        choice(kind, tuple(STEPS), "--kind")
    count, size = Store().clear(kind=kind)
    if json:
        show({"removed": count, "bytes": size})
    else:
        typer.echo(f"Removed {count} results, {readable_bytes(size)}.")
