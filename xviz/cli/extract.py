"""``xviz extract``: word vectors of treebanks, every wanted layer in one pass."""

from __future__ import annotations

from typing import Any

import typer

from xviz.cli import options
from xviz.cli.options import partition_of, show, write_table


def extract(
    model: options.Model = "mini-encoder",
    data: options.Data = "sample",
    treebank: options.Treebanks = ["all"],  # noqa: B006 (typer copies it)
    layers: options.Layers = "all",
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
    """Compute the vectors of treebanks and keep them in the store; what is there is not computed again."""
    from xviz.cli.launching import carry_out_where
    from xviz.cli.vectors import treebank_specs, vector_specs
    from xviz.runs.steps import missing
    from xviz.store import Store

    treebanks = treebank_specs(
        data, treebank, split=split, partition=partition_of(partition), multiword=multiword
    )
    specs = vector_specs(model, treebanks, layers=layers, pooling=pooling, dtype=dtype, device=device)
    store = Store()
    wanted = [spec for group in specs for spec in group]
    absent = {spec.key for spec in missing(wanted, store)}
    if absent:
        carry_out_where(
            wanted,
            where,
            title=f"Vectors of {len(treebanks)} treebanks with {model}",
            store=store,
            device=device,
            json=json,
        )
    rows = [_row(group, store, absent) for group in specs]
    report = {
        "model": model,
        "device": rows[0].pop("device"),
        "dtype": rows[0].pop("dtype"),
        "forward_passes": sum(row.pop("forward_passes") for row in rows),
        "treebanks": [{k: v for k, v in row.items() if k not in ("device", "dtype")} for row in rows],
    }
    if out is not None:
        import pandas as pd

        table = pd.DataFrame(report["treebanks"])
        table["skipped"] = table["skipped"].map(len)
        write_table(table, out)
    if json:
        show(report)
        return
    for row in report["treebanks"]:
        left_out = f", {len(row['skipped'])} left out" if row["skipped"] else ""
        source = "from the store" if row["stored"] else f"{row['seconds']:.1f} s"
        typer.echo(
            f"{row['name']:32} {row['split']:6} {row['sentences']:>6,} sentences {row['words']:>8,} words"
            f"{left_out} ({source})"
        )
    typer.echo(f"{report['forward_passes']} forward passes on {report['device']} in {report['dtype']}")


def _row(group: list[Any], store: Any, absent: set[str]) -> dict[str, Any]:
    from dataclasses import asdict

    from xviz.representations.stored import read_skipped

    table, vectors = store.find(group[0].table()), [store.find(spec) for spec in group]
    made_now = [entry for spec, entry in zip(group, vectors, strict=True) if spec.key in absent]
    skipped = read_skipped(table.folder)
    return {
        "name": group[0].treebank.name,
        "split": group[0].treebank.split,
        "sentences": table.note["sentences"],
        "words": table.note["words"],
        "skipped": [{k: v for k, v in asdict(skip).items() if v is not None} for skip in skipped],
        "stored": not made_now,
        "seconds": made_now[0].note["seconds"] if made_now else 0.0,
        "forward_passes": made_now[0].note["forward_passes"] if made_now else 0,
        "device": vectors[0].note["device"],
        "dtype": vectors[0].note["dtype"],
    }
