"""``xviz retrieve``: do translations find each other? MEXA and what stands beside it, layer by layer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from xviz.cli import options
from xviz.cli.options import check_out, choice, items, show, write_table

Languages = Annotated[list[str], typer.Option(help="Codes or names; `all` for all there.")]
Poolings = Annotated[list[str], typer.Option(help="Of sentences: weighted, last, mean, cls.")]
SENTENCES = 1000
"""The usual n of MEXA."""


def retrieve(
    model: options.Model = "mini-encoder",
    parallel: Annotated[
        Path | None,
        typer.Option(help="Folder of line-aligned text (name.deu.txt), or a TSV file. Default: see --data."),
    ] = None,
    data: Annotated[
        str, typer.Option("--data", "-d", help="Without --parallel: its *-PUD or *-Sample treebanks.")
    ] = "sample",
    pivot: Annotated[str, typer.Option(help="The language that all others are compared with.")] = "eng",
    languages: Languages = ["all"],  # noqa: B006
    layers: options.Layers = "all",
    pooling: Poolings = ["weighted,last"],  # noqa: B006
    n: Annotated[
        int | None,
        typer.Option("--n", min=2, help=f"The first n sentences. Default: {SENTENCES}, or all where fewer."),
    ] = None,
    random_weights: Annotated[int, typer.Option(min=0, help="Networks with fresh weights: the floor.")] = 3,
    seed: Annotated[int, typer.Option(min=0, help="Of the classifier of languages.")] = 0,
    dtype: options.DtypeOption = "auto",
    device: options.Device = "auto",
    where: options.WhereOption = "here",
    out: options.Out = None,
    json: options.Json = False,
) -> None:
    """MEXA of every language against a pivot at all layers, with its floor, centred and not."""
    from xviz.alignability.sentences import read_left_out, read_mexa, read_mixing
    from xviz.alignability.spec import RetrieveSpec
    from xviz.cli.launching import carry_out_where
    from xviz.cli.vectors import specification, translations
    from xviz.models.devices import choose_dtype
    from xviz.models.folder import chosen_layers, describe
    from xviz.models.spec import ModelRef
    from xviz.representations.spec import SentencePooling
    from xviz.runs.steps import missing
    from xviz.store import Store

    poolings = [choice(each, get_args(SentencePooling), "--pooling") for each in items(pooling)]
    check_out(out)
    ref, store = ModelRef(name=model), Store()
    facts = describe(ref)
    place, there = translations(parallel, data, languages, pivot, store=store)
    spec = specification(
        RetrieveSpec,
        model=ref,
        **place,
        layers=chosen_layers(layers, facts),
        poolings=tuple(poolings),
        n=n or min(SENTENCES, there),
        random_weights=random_weights,
        dtype=choose_dtype(dtype, device=device),
        seed=seed,
    )
    computed = bool(missing([spec], store))
    if computed:
        carry_out_where(
            [spec],
            where,
            title=f"Retrieval of translations with {model}",
            store=store,
            device=device,
            json=json,
        )

    table, left_out = read_mexa(spec, store), read_left_out(spec, store)
    if out is not None:
        write_table(table, out)
    entry = store.find(spec)
    assert entry is not None  # it was read just now
    report: dict[str, Any] = {
        "model": model,
        "pivot": spec.pivot,
        "languages": [language for language in spec.languages if language != spec.pivot],
        "n": int(table["n"].iloc[0]),
        "left_out": left_out,
        "summary": summary(table),
        "mixing": [
            {name: None if value != value else value for name, value in row.items()}
            for row in read_mixing(spec, store).to_dict("records")
        ],
        "rows": len(table),
        "run": spec.key,
        "files": str(entry.folder),
        "out": out,
        "computed": computed,
        "seconds": entry.note["seconds"],
    }
    if json:
        show(report)
        return
    for line in lines(report):
        typer.echo(line)
    if out is not None:
        typer.echo(f"Written to {out} ({len(table):,} rows)")


def summary(table: Any) -> list[dict[str, Any]]:
    """Means over languages at each layer, as the vectors are and with each language's mean taken away."""
    rows = []
    for (pooling, layer), part in table.groupby(["pooling", "layer"], sort=False):
        row: dict[str, Any] = {"pooling": pooling, "layer": int(layer), "languages": int(len(part) // 2)}
        for name, of in (("plain", part[~part["centred"]]), ("centred", part[part["centred"]])):
            floor = of["random_weights"].mean()
            row[name] = {
                "mexa": float(of["score"].mean()),
                "random_weights": None if floor != floor else float(floor),
                "lowest": str(of.loc[of["score"].idxmin(), "language"]),
            }
        rows.append(row | {"chance": float(part["chance"].iloc[0])})
    return rows


def lines(report: dict[str, Any]) -> list[str]:
    """The report for a reader: a block a pooling, a line a layer."""
    found = [
        f"{len(report['languages'])} languages against {report['pivot']}, n = {report['n']:,} sentences "
        f"(chance {report['summary'][0]['chance']:.4f}); means over languages, and the floor: the same "
        "network with random weights"
    ]
    if report["left_out"]:
        found.append(
            f"{len(report['left_out'])} sentences left out, which some language could not be read in"
        )
    for pooling in dict.fromkeys(row["pooling"] for row in report["summary"]):
        found.append(f"MEXA, {pooling} pooling")
        found.append("  layer  plain  floor  centred  floor  lowest (centred)")
        for row in report["summary"]:
            if row["pooling"] == pooling:
                plain, centred = row["plain"], row["centred"]
                found.append(
                    f"  {row['layer']:>5}  {plain['mexa']:.3f}  {_score(plain['random_weights'])}  "
                    f"{centred['mexa']:>7.3f}  {_score(centred['random_weights'])}  {centred['lowest']}"
                )
    return found


def _score(value: float | None) -> str:
    return "    -" if value is None else f"{value:.3f}"
