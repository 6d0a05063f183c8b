"""``xviz models``: which networks can be used, and which are on this machine."""

from __future__ import annotations

import typer

from xviz.cli.options import Json, show


def models(json: Json = False) -> None:
    """List the networks: bundled, known, and those found in the hub's cache on this machine."""
    from xviz.models.listing import list_models

    found = list_models()
    if json:
        show(found)
        return
    typer.echo(f"{'name':34} {'family':8} {'layers':>6} {'width':>6} {'parameters':>11}  on this machine")
    for row in found:
        size = f"{row['parameters'] / 1e6:,.0f} M" if row["parameters"] else "?"
        layers, width = (row[fact] or "?" for fact in ("layers", "width"))
        here = row["path"] if row["available"] else "no"
        typer.echo(f"{row['name']:34} {row['family']:8} {layers:>6} {width:>6} {size:>11}  {here}")
