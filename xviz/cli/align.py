"""``xviz align``: how alike are the concept spaces of every two languages, beyond every null?"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from xviz.cli import options
from xviz.cli.options import check_out, choice, items, partition_of, show, write_table

Metrics = Annotated[list[str], typer.Option(help="Of rsa, procrustes, cka, heldout.")]
Variants = Annotated[
    list[str], typer.Option(help="Of RSA: dissimilarity/correlation, perhaps /adjusted or /crossvalidated.")
]
USUAL_VARIANTS = "euclidean/spearman,euclidean/spearman/adjusted,euclidean/spearman/crossvalidated"
HEADLINES = ("euclidean/spearman", "euclidean/spearman/adjusted")
"""Variants of RSA that are printed; the table holds all."""


def align(
    model: options.Model = "mini-encoder",
    data: options.Data = "sample",
    treebank: options.Treebanks = ["all"],  # noqa: B006 (typer copies it)
    concepts: Annotated[str, typer.Option(help="upos, deprel, or feats:Name as feats:Case.")] = "upos",
    space: Annotated[
        Literal["raw", "probe"], typer.Option(help="Prototypes as they are, or probed.")
    ] = "raw",
    layers: options.Layers = "all",
    metrics: Metrics = ["rsa,procrustes,cka,heldout"],  # noqa: B006
    variants: Variants = [USUAL_VARIANTS],  # noqa: B006
    permutations: Annotated[int, typer.Option(min=0, help="Renamings of concepts; 0: not tested.")] = 1000,
    lexical: Annotated[
        int, typer.Option(min=0, help="Draws of networks that know word types alone; 0: not tested.")
    ] = 200,
    random_weights: Annotated[
        int, typer.Option(min=0, help="Networks with fresh weights (2 or more); 0: not tested.")
    ] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Of renamings, draws, halves and probes.")] = 0,
    disjoint: Annotated[
        bool, typer.Option("--disjoint", help="Also compare different halves of the sentences.")
    ] = False,
    concept_set: Annotated[
        Literal["common", "pair"],
        typer.Option(help="Concepts that all treebanks have, or those of each pair (then not on one scale)."),
    ] = "common",
    minimum: Annotated[int, typer.Option(min=1, help="Occurrences a concept must have in a treebank.")] = 10,
    root: Annotated[
        Literal["drop", "zero"], typer.Option(help="What the relation of a root is (deprel).")
    ] = "drop",
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
    """Compare the spaces of all pairs of languages at all layers: scores, nulls, ceilings, ranges."""
    from xviz.alignability.compute import read_facts, read_scores
    from xviz.alignability.spec import METRICS, RSA_VARIANTS, AlignSpec
    from xviz.cli.launching import carry_out_where
    from xviz.cli.vectors import probe_parts, specification, treebank_specs, vector_specs
    from xviz.concepts.spec import ProbeSettings
    from xviz.errors import InputError
    from xviz.runs.resolve import estimate
    from xviz.runs.steps import missing
    from xviz.store import Store

    asked_metrics = [choice(metric, METRICS, "--metrics") for metric in items(metrics)]
    asked_variants = [choice(variant, RSA_VARIANTS, "--variants") for variant in items(variants)]
    check_out(out)
    parted = partition_of(partition)
    if space == "probe":
        if split not in (None, "train"):
            raise InputError("A probe is trained on train and chosen on dev: leave --split out.")
        parts = probe_parts(data, treebank, partition=parted, multiword=multiword)
        banks, dev = parts["train"], parts["dev"]
    else:
        banks, dev = treebank_specs(data, treebank, split=split, partition=parted, multiword=multiword), []
    if len(banks) < 2:
        raise InputError(f"A comparison wants at least two treebanks; there is {banks[0].name} alone.")
    of_first = vector_specs(model, banks[:1], layers=layers, pooling=pooling, dtype=dtype, device=device)[0]
    spec = specification(
        AlignSpec,
        model=of_first[0].model,
        treebanks=tuple(banks),
        layers=tuple(vectors.layer for vectors in of_first),
        pooling=of_first[0].pooling,
        dtype=of_first[0].dtype,
        concepts=concepts,
        root=root,
        minimum=minimum,
        concept_set=concept_set,
        space=space,
        dev=tuple(dev),
        probe=ProbeSettings(seed=seed),
        metrics=tuple(asked_metrics),
        variants=tuple(asked_variants),
        permutations=permutations,
        lexical=lexical if space == "raw" else 0,
        random_weights=random_weights,
        disjoint=disjoint,
        seed=seed,
    )
    store = Store()
    plan = missing([spec], store)
    if plan:
        typer.echo(estimate([spec], plan, store).sentence, err=True)
        carry_out_where(
            [spec],
            where,
            title=f"Alignability of {len(banks)} treebanks with {model}",
            store=store,
            device=device,
            json=json,
        )

    table, facts = read_scores(spec, store), read_facts(spec, store)
    if out is not None:
        write_table(table, out)
    entry = store.find(spec)
    assert entry is not None  # it was read just now
    report: dict[str, Any] = {
        "model": model,
        "space": space,
        "concept_kind": concepts,
        "concept_set": concept_set,
        "treebanks": [bank.name for bank in banks],
        "pairs": entry.note["pairs"],
        "rows": len(table),
        "concepts": facts["concepts"],
        "left_out": facts["left_out"],
        "family": facts["family"],
        "power": facts["power"],
        "summary": summary(table),
        "run": spec.key,
        "files": str(entry.folder),
        "out": out,
        "computed": bool(plan),
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
    """For each measure and layer: medians over pairs, and the share of pairs beyond each null.

    Beyond a null is p adjusted over the family below .05; ``beyond_all`` is None where a null is not there.
    """
    from xviz.alignability.summary import PAIR, shares

    key = ["layer", "metric", "variant"]
    beyond: dict[tuple[Any, ...], dict[str, float]] = {}
    for row in shares(table).to_dict("records"):
        beyond.setdefault(tuple(row[name] for name in key), {})[row["beyond"]] = float(row["share"])
    once = table.drop_duplicates([*PAIR, "metric", "variant"])
    rows = []
    for (layer, metric, variant), part in once.groupby(key, sort=False):
        of_nulls = beyond.get((layer, metric, variant), {})
        rows.append(
            {
                "metric": metric,
                "variant": variant,
                "layer": int(layer),
                "pairs": len(part),
                "median": _number(part["score"].median()),
                "ceiling": _number(part["ceiling"].median()),
                "beyond": {kind: share for kind, share in of_nulls.items() if kind != "all"},
                "beyond_all": of_nulls.get("all"),
            }
        )
    return rows


def lines(report: dict[str, Any]) -> list[str]:
    """The report for a reader: what was compared, a block a headline measure, what was left out, power."""
    found = [
        f"{report['pairs']:,} pairs of {len(report['treebanks'])} treebanks over {len(report['concepts'])} "
        f"concepts ({report['concept_kind']}, {report['space']}, {report['concept_set']} set): "
        f"{', '.join(report['concepts'])}"
    ]
    if report["left_out"]:
        rare = ", ".join(f"{name} ({n})" for name, n in report["left_out"].items())
        found.append(f"Left out, too rare in some treebank: {rare}")
    measured = list(dict.fromkeys((row["metric"], row["variant"]) for row in report["summary"]))
    printed = [measure for measure in measured if measure[1] in HEADLINES] or measured
    for measure in printed:
        rows = [row for row in report["summary"] if (row["metric"], row["variant"]) == measure]
        nulls = list(rows[0]["beyond"])
        heads = [f"beyond {kind.replace('_', ' ')}" for kind in nulls] + ["beyond all three"]
        found.append(f"{' '.join(measure)}: median over pairs, share of pairs beyond each null")
        found.append("  layer  median  ceiling  " + "  ".join(heads))
        for row in rows:
            shares = [*(row["beyond"][kind] for kind in nulls), row["beyond_all"]]
            cells = [f"{_percent(share):>{len(head)}}" for share, head in zip(shares, heads, strict=True)]
            found.append(
                f"  {row['layer']:>5}  {_score(row['median']):>6}  {_score(row['ceiling']):>7}  "
                + "  ".join(cells)
            )
    rest = [" ".join(measure) for measure in measured if measure not in printed]
    if rest:
        found.append(f"In the table too: {', '.join(rest)}")
    return [*found, *(_power(row) for row in report["power"] or [])]


def _power(row: dict[str, Any]) -> str:
    name = "adjusted RSA" if row["variant"].endswith("adjusted") else "RSA"
    if row["share"] is None:
        return (
            f"Power: {name} with these counts cannot tell any shared structure that was tried from the words."
        )
    return (
        f"Power: {name} detects shared structure of {row['share']:.0%} of the variance "
        f"(a score of about {row['score']:.2f}) in {row['power']:.0%} of draws; less is likely to be missed."
    )


def _number(value: float) -> float | None:
    return None if value != value else float(value)


def _score(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"
