"""``xviz pretrain``: a small network from raw text, by the recipe of the bundled ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from xviz.cli import options
from xviz.cli.options import show


def pretrain(
    text: Annotated[Path, typer.Option(help="Folder of <language>.txt, a sentence a line.")],
    family: Annotated[Literal["encoder", "decoder"], typer.Option(help="Masked or causal.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The model folder to write.")],
    pairs: Annotated[
        Path | None,
        typer.Option(help="Folder of translations, learned from as concatenated pairs (encoders only)."),
    ] = None,
    start: Annotated[
        Path | None, typer.Option(help="A model folder of this recipe to go on from, with its tokenizer.")
    ] = None,
    preset: Annotated[
        Literal["mini", "nano"], typer.Option(help="Sizes: those of the bundled models, or tiny ones.")
    ] = "mini",
    minutes: Annotated[float | None, typer.Option(help="Budget in minutes of training.")] = None,
    steps: Annotated[int | None, typer.Option(help="Budget in steps.")] = None,
    tokens: Annotated[int | None, typer.Option(help="Budget in tokens.")] = None,
    seed: Annotated[int, typer.Option(help="Of the sample, the batches, the initial weights.")] = 0,
    where: options.WhereOption = "here",
    json: options.Json = False,
) -> None:
    """Train a tokenizer and a network; the same command goes on where it was stopped."""
    from xviz.cli.console import ConsoleJournal
    from xviz.errors import InputError
    from xviz.learning.pretraining.recipe import pretrain as train
    from xviz.learning.pretraining.spec import preset as specification

    if sum(budget is not None for budget in (minutes, steps, tokens)) > 1:
        raise InputError("Give one budget: --minutes, --steps or --tokens.")
    spec = specification(
        preset,
        family=family,
        text=text,
        pairs=pairs,
        start=start,
        minutes=minutes,
        steps=steps,
        tokens=tokens,
        seed=seed,
    )
    with ConsoleJournal() as journal:
        folder = train(spec, out, journal)
    if json:
        show({"model": str(folder), "key": spec.key, "family": family, "preset": preset, "seed": seed})
    else:
        typer.echo(f"Written to {folder}; use it as --model {folder}")
