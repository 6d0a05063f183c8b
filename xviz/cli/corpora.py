"""``xviz corpora``: which treebanks a folder holds."""

from __future__ import annotations

import typer

from xviz.cli.options import Data, Json, show


def corpora(data: Data = "sample", json: Json = False) -> None:
    """List the treebanks of a folder laid out as Universal Dependencies."""
    from xviz.corpora.listing import list_corpora
    from xviz.store import Store

    found = list_corpora(data, store=Store())
    if json:
        show(found)
        return
    typer.echo(f"{'treebank':34} {'language':22} {'family':18} {'script':8} {'words':>9}  splits")
    for row in found:
        typer.echo(
            f"{row['name']:34} {row['language']:22} {row['family']:18} {row['script']:8} "
            f"{row['words']:>9,}  {', '.join(row['splits'])}"
        )
