"""``xviz space``: the concept space of a treebank at a layer, raw or through the prototype probe."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from xviz.cli import options
from xviz.cli.options import partition_of, show, write_table


def space(
    model: options.Model = "mini-encoder",
    data: options.Data = "sample",
    treebank: options.Treebanks = ["all"],  # noqa: B006 (typer copies it)
    layer: Annotated[str, typer.Option(help="One layer, several (0,3) or all; 0 is the embeddings.")] = "all",
    concepts: Annotated[str, typer.Option(help="upos, deprel, or feats:Name as feats:Case.")] = "upos",
    space: Annotated[
        Literal["raw", "probe"], typer.Option(help="Prototypes as they are, or probed.")
    ] = "raw",
    root: Annotated[
        Literal["drop", "zero", "cls"], typer.Option(help="What the relation of a root is (deprel).")
    ] = "drop",
    pooling: options.Pooling = "auto",
    split: options.Split = None,
    partition: options.Partition = None,
    multiword: options.Multiword = "syntactic",
    dtype: options.DtypeOption = "auto",
    device: options.Device = "auto",
    seed: Annotated[int, typer.Option(help="Of the probe.")] = 0,
    where: options.WhereOption = "here",
    out: options.Out = None,
    json: options.Json = False,
) -> None:
    """Prototypes of concepts, with counts; for a probe its accuracy beside its baselines."""
    import pandas as pd

    from xviz.cli.launching import carry_out_where
    from xviz.cli.vectors import probe_parts, specification, treebank_specs, vector_specs
    from xviz.concepts.spec import ConceptSpaceSpec, ProbeSettings
    from xviz.errors import InputError
    from xviz.runs.steps import missing
    from xviz.store import Store

    if space == "probe" and split not in (None, "train"):
        raise InputError("A probe is trained on train, chosen on dev and judged on test: leave --split out.")
    asked = partition_of(partition)
    if space == "probe":
        by_part = probe_parts(data, treebank, partition=asked, multiword=multiword)
        parts = {"vectors": by_part["train"], "dev": by_part["dev"], "test": by_part["test"]}
    else:
        parts = {"vectors": treebank_specs(data, treebank, split=split, partition=asked, multiword=multiword)}
    groups = {
        part: vector_specs(model, banks, layers=layer, pooling=pooling, dtype=dtype, device=device)
        for part, banks in parts.items()
    }
    wanted = [
        specification(
            ConceptSpaceSpec,
            **dict(zip(groups, vectors, strict=True)),
            concepts=concepts,
            space=space,
            root=root,
            probe=ProbeSettings(seed=seed),
        )
        for of_treebank in zip(*groups.values(), strict=True)
        for vectors in zip(*of_treebank, strict=True)
    ]

    store = Store()
    if missing(wanted, store):
        carry_out_where(
            wanted,
            where,
            title=f"Concept spaces ({concepts}, {space}) with {model}",
            store=store,
            device=device,
            json=json,
        )

    from xviz.concepts.space import read_accuracy, read_space

    spaces = [read_space(spec, store) for spec in wanted]
    table = pd.concat([each.table() for each in spaces], ignore_index=True)
    if out is not None:
        write_table(table, out)
    rows = []
    for spec, each in zip(wanted, spaces, strict=True):
        row: dict[str, Any] = {"treebank": each.treebank, "language": each.language, "split": each.split}
        row |= {"layer": each.layer, "concepts": len(each.names), **each.facts}
        row["counts"] = dict(zip(each.names, each.counts.tolist(), strict=True))
        if space == "probe":
            row["accuracy"] = read_accuracy(spec, store).to_dict("records")
        rows.append(row)
    if json:
        show({"model": model, "space": space, "concept_kind": concepts, "spaces": rows, "out": out})
        return
    for row in rows:
        typer.echo(_line(row))
    if out is not None:
        typer.echo(f"Written to {out} ({len(table)} rows)")


def _line(row: dict[str, Any]) -> str:
    text = (
        f"{row['treebank']:28} layer {row['layer']:>2}  {row['concepts']:>3} concepts  n = {row['n']:>7,}  "
        f"{row['fertility']:.2f} subwords a word  effective rank {row['effective_rank']:.1f}"
    )
    judged = [
        f"{each['method']} {each['accuracy']:.3f}"
        for each in row.get("accuracy", [])
        if each["subset"] == "all" and each["convention"] == "unseen_wrong"
    ]
    return text + (f"\n    accuracy on {row['accuracy'][0]['split']}: {', '.join(judged)}" if judged else "")
