"""``xviz overlap``: do clusters of words hold both languages of a pair, and translations one cluster?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xviz.cli import options
from xviz.cli.options import check_out, partition_of, show, write_table


def overlap(
    model: options.Model = "mini-encoder",
    data: options.Data = "sample",
    treebank: options.Treebanks = ["all"],  # noqa: B006 (typer copies it)
    concepts: Annotated[str, typer.Option(help="upos, deprel, or feats:Name: what purity is over.")] = "upos",
    layers: options.Layers = "all",
    clusters: Annotated[int, typer.Option(min=2, help="Of k-means.")] = 100,
    threshold: Annotated[
        float, typer.Option(min=0.0, max=0.5, help="Least share of a cluster for each language.")
    ] = 0.1,
    words: Annotated[int, typer.Option(min=20, help="Drawn of each language, as many of both.")] = 5000,
    lexicon: Annotated[
        Path | None, typer.Option(help="`word<tab>translation`, first to second of two treebanks: CALIGN.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of draws and clusters.")] = 0,
    pooling: options.Pooling = "auto",
    split: options.Split = None,
    partition: options.Partition = None,
    multiword: options.Multiword = "syntactic",
    dtype: options.DtypeOption = "auto",
    device: options.Device = "auto",
    where: options.WhereOption = "here",
    out: options.Out = None,
    json: options.Json = False,
) -> None:
    """COLAP of all pairs of languages with its guards; CALIGN where a lexicon is given."""
    from xviz.alignability.clusters import read_lexicon
    from xviz.alignability.overlap import read_overlap
    from xviz.alignability.spec import OverlapSpec
    from xviz.cli.launching import carry_out_where
    from xviz.cli.vectors import specification, treebank_specs, vector_specs
    from xviz.errors import InputError
    from xviz.runs.steps import missing
    from xviz.store import Store

    check_out(out)
    banks = treebank_specs(
        data, treebank, split=split, partition=partition_of(partition), multiword=multiword
    )
    if len(banks) < 2:
        raise InputError(f"An overlap wants at least two treebanks; there is {banks[0].name} alone.")
    if lexicon is not None:
        if not lexicon.is_file():
            raise InputError("This lexicon does not exist.", file=lexicon)
        read_lexicon(lexicon)  # faults are told before any work is done
    of_first = vector_specs(model, banks[:1], layers=layers, pooling=pooling, dtype=dtype, device=device)[0]
    spec = specification(
        OverlapSpec,
        model=of_first[0].model,
        treebanks=tuple(banks),
        layers=tuple(vectors.layer for vectors in of_first),
        pooling=of_first[0].pooling,
        dtype=of_first[0].dtype,
        concepts=concepts,
        clusters=clusters,
        threshold=threshold,
        words=words,
        lexicon=str(lexicon.resolve()) if lexicon is not None else None,
        seed=seed,
    )
    store = Store()
    if missing([spec], store):
        title = f"Cluster overlap of {len(banks)} treebanks with {model}"
        carry_out_where([spec], where, title=title, store=store, device=device, json=json)
    table = read_overlap(spec, store)
    if out is not None:
        write_table(table, out)
    shown = ["colap", "random_weights", "purity", "chance_purity", *(["calign"] * ("calign" in table))]
    by_layer = table.groupby("layer")[shown].mean()
    if json:
        show(
            {
                "model": model,
                "run": spec.key,
                "summary": by_layer.reset_index().to_dict("records"),
                "out": out,
            }
        )
        return
    typer.echo(f"Means over {len(table) // len(spec.layers)} pairs; COLAP says little where purity is low:")
    typer.echo(by_layer.round(3).to_string())
    if out is not None:
        typer.echo(f"Written to {out} ({len(table):,} rows)")
