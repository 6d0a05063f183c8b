"""``xviz space``: the concept space of a treebank at a layer, raw or through the prototype probe."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from xviz.cli import options
from xviz.cli.options import partition_of, show, write_table

DEFAULT_PARTITION = (60, 20, 20)


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
    from pydantic import ValidationError

    from xviz.cli.console import ConsoleJournal
    from xviz.cli.vectors import treebank_specs, vector_specs
    from xviz.concepts.spec import ConceptSpaceSpec, ProbeSettings
    from xviz.errors import InputError
    from xviz.runs.record import carry_out, create_run
    from xviz.runs.steps import Loader, missing
    from xviz.store import Store

    def vectors_of(part: Any, parted: tuple[int, int, int] | None, names: list[str]) -> list[list[Any]]:
        treebanks = treebank_specs(data, names, split=part, partition=parted, multiword=multiword)
        return vector_specs(model, treebanks, layers=layer, pooling=pooling, dtype=dtype, device=device)

    if space == "probe" and split not in (None, "train"):
        raise InputError("A probe is trained on train, chosen on dev and judged on test: leave --split out.")
    asked = partition_of(partition)
    wanted: list[ConceptSpaceSpec] = []
    for group in vectors_of(split, asked, treebank):
        parts: dict[str, list[Any]] = {"vectors": group}
        if space == "probe":
            parts = _three_parts(group, asked, vectors_of)
        for vectors in zip(*parts.values(), strict=True):
            try:
                wanted.append(
                    ConceptSpaceSpec(
                        **dict(zip(parts, vectors, strict=True)),
                        concepts=concepts,
                        space=space,
                        root=root,
                        probe=ProbeSettings(seed=seed),
                    )
                )
            except ValidationError as error:
                raise InputError(error.errors()[0]["msg"].removeprefix("Value error, ") + ".") from error

    store = Store()
    if missing(wanted, store):
        with ConsoleJournal() as journal:
            run = create_run(wanted, title=f"Concept spaces ({concepts}, {space}) with {model}")
            carry_out(run, store=store, journal=journal, load=Loader(device=device))

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


def _three_parts(group: list[Any], asked: tuple[int, int, int] | None, vectors_of: Any) -> dict[str, Any]:
    """Train, dev and test of the group's treebank; its own partition where it has no dev file."""
    from xviz.corpora.folder import find_treebanks

    bank = group[0].treebank
    name = [bank.name]
    folder = bank.files[0].rsplit("/", 1)[0]
    splits = next(iter(find_treebanks(folder))).splits
    if asked is None and not {"train", "dev"} <= set(splits):
        asked = DEFAULT_PARTITION
        typer.echo(
            f"{bank.name} has no train and dev files: partitioned 60,20,20 by sent_id for the probe.",
            err=True,
        )
    last = "test" if asked is not None or "test" in splits else "dev"
    return {
        "vectors": vectors_of("train", asked, name)[0],
        "dev": vectors_of("dev", asked, name)[0],
        "test": vectors_of(last, asked, name)[0],
    }


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
