"""``xviz meta``: carry the concepts of one language to languages that a learned map never saw."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from xviz.cli import options
from xviz.cli.options import check_out, choice, items, partition_of, show, write_table

if TYPE_CHECKING:
    from xviz.learning.meta.spec import Sides

Languages = Annotated[
    list[str], typer.Option(help="Languages or treebanks. Default: every other one that is left.")
]

USUAL_SHOTS = "0,1,5,10,20,50,100"


def meta(
    model: options.Model = "mini-encoder",
    data: options.Data = "sample",
    source: Annotated[
        str, typer.Option(help="Language or treebank whose concepts are carried over.")
    ] = "eng",
    train: Languages = [],  # noqa: B006 (typer copies it)
    target: Languages = [],  # noqa: B006
    concepts: Annotated[str, typer.Option(help="upos, deprel, or feats:Name as feats:Case.")] = "upos",
    layer: Annotated[
        int | None, typer.Option(min=0, help="Of the network; default: just above the middle (7 of 12).")
    ] = None,
    shots: Annotated[list[str], typer.Option(help="Sentences of the target that are seen.")] = [USUAL_SHOTS],  # noqa: B006
    draws: Annotated[int, typer.Option(min=1, help="Times that such sentences are drawn.")] = 5,
    seeds: Annotated[int, typer.Option(min=1, help="Times that the map is trained.")] = 5,
    preset: Annotated[
        Literal["small", "paper_a"], typer.Option(help="How long and how fast the map is trained.")
    ] = "small",
    learning_rate: Annotated[
        float | None, typer.Option(min=0, help="Of the map, instead of the preset's.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Instead of the preset's.")] = None,
    standardise: Annotated[
        Literal["language", "source", "none"],
        typer.Option(help="Vectors by mean and deviation of their language, of the source, or not at all."),
    ] = "language",
    methods: Annotated[list[str], typer.Option(help="Rows of the table; default: all.")] = [],  # noqa: B006
    shuffled: Annotated[
        bool, typer.Option("--shuffled", help="A control: train everything on shuffled labels too.")
    ] = False,
    random_weights: Annotated[int, typer.Option(min=0, help="Networks with fresh weights beside it.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="The first seed.")] = 0,
    root: Annotated[
        Literal["drop", "zero"], typer.Option(help="What the relation of a root is (deprel).")
    ] = "drop",
    pooling: options.Pooling = "auto",
    partition: options.Partition = None,
    multiword: options.Multiword = "syntactic",
    dtype: options.DtypeOption = "auto",
    device: options.Device = "auto",
    where: options.WhereOption = "here",
    out: options.Out = None,
    json: options.Json = False,
) -> None:
    """Learn to place words of other languages among a source's concepts; test on languages never seen."""
    from xviz.cli.launching import carry_out_where
    from xviz.cli.vectors import specification, vector_specs
    from xviz.errors import InputError
    from xviz.evaluation.accuracy import CHANGES, GAPS, SUMMARY, read_table
    from xviz.evaluation.spec import AccuracySpec
    from xviz.learning.meta.spec import METHODS, PRESETS, MetaDesign, MetaSpec
    from xviz.models.folder import describe
    from xviz.models.spec import ModelRef
    from xviz.store import Store

    check_out(out)
    facts = describe(ModelRef(name=model))
    layer = facts.layers // 2 + 1 if layer is None else layer
    chosen = _languages(data, source, train, target, partition=partition_of(partition), multiword=multiword)
    vectors = vector_specs(
        model,
        [chosen[0].train],
        layers=str(layer),
        pooling=pooling,
        dtype=dtype,
        device=device,
    )[0][0]
    changed = {"learning_rate": learning_rate, "epochs": epochs}
    training = PRESETS[preset].model_copy(update={k: v for k, v in changed.items() if v is not None})
    if training.learning_rate <= 0:
        raise InputError("--learning-rate is a number above 0 (as 0.001).")
    design = MetaDesign(
        training=training,
        methods=cast(Any, tuple(choice(m, METHODS, "--methods") for m in items(methods))) or METHODS,
        shots=_shots(shots),
        draws=draws,
        seeds=seeds,
        seed=seed,
    )
    spec = specification(
        AccuracySpec,
        meta=specification(
            MetaSpec,
            model=vectors.model,
            layer=layer,
            pooling=vectors.pooling,
            dtype=vectors.dtype,
            concepts=concepts,
            root=root,
            source=chosen[0],
            training=chosen[1],
            targets=chosen[2],
            standardise=standardise,
            design=design,
        ),
        random_weights=random_weights,
        shuffled=shuffled,
        seed=seed,
    )
    store = Store()
    if told := _cost(spec, store, width=facts.width):
        typer.echo(told, err=True)
    title = f"Meta-alignment ({concepts}) from {chosen[0].language} with {model}"
    carry_out_where([spec], where, title=title, store=store, device=device, json=json)

    table, summary = read_table(spec, store), read_table(spec, store, SUMMARY)
    if out is not None:
        write_table(table, out)
    entry = store.find(spec)
    assert entry is not None  # it was read just now
    if json:
        show(
            {
                "model": model,
                "layer": layer,
                "concept_kind": concepts,
                "source": chosen[0].name,
                "train": [sides.name for sides in chosen[1]],
                "target": [sides.name for sides in chosen[2]],
                "rows": len(table),
                "summary": _records(summary),
                "gaps": _records(read_table(spec, store, GAPS)),
                "changes": _records(read_table(spec, store, CHANGES)),
                "run": spec.key,
                "files": str(entry.folder),
                "out": out,
            }
        )
        return
    for line in lines(summary, pivot=chosen[0].name):
        typer.echo(line)
    if out is not None:
        typer.echo(f"Written to {out} ({len(table):,} rows)")


def lines(summary: Any, *, pivot: str, convention: str = "unseen_wrong") -> list[str]:
    """A row a method and number of shots: mean over targets, worst target, the source, each target."""
    found: list[str] = []
    here = summary[summary["convention"] == convention]
    for arm, part in here.groupby("arm", sort=False):
        wide = part.pivot_table(index=["method", "shots"], columns="treebank", values="accuracy")
        banks = [bank for bank in part["treebank"].drop_duplicates() if bank != pivot]
        means = wide[banks].mean(1)
        short = {bank: bank.removeprefix("UD_")[:14] for bank in [pivot, *banks]}
        heads = ["  mean", " worst", *(f"{short[bank]:>14}" for bank in [pivot, *banks])]
        n = part.groupby("treebank")["n"].max()
        if found:
            found.append("")
        found.append(
            f"Accuracy ({arm.replace('_', ' ')}); unseen concepts count as errors; "
            f"n = {n.min():,} to {n.max():,} words a language; the mean is over the {len(banks)} targets."
        )
        found.append(f"{'method':22} {'shots':>5}  " + "  ".join(heads))
        for key in means.sort_values().index:
            row = wide.loc[key]
            cells = [f"{means[key]:6.3f}", f"{row[banks].min():6.3f}"]
            cells += [f"{row[bank]:14.3f}" for bank in [pivot, *banks]]
            found.append(f"{key[0]:22} {key[1] or '':>5}  " + "  ".join(cells))
    return found


def _cost(spec: Any, store: Any, *, width: int) -> str:
    """What is about to be done and for how long; nothing where it is done already."""
    from xviz.learning.meta.cost import estimated_seconds
    from xviz.runs.resolve import estimate, readable_seconds
    from xviz.runs.steps import missing

    plan: list[Any] = list(missing([spec], store))
    maps = [part for part in plan if part.kind == "meta"]
    if not maps:
        return ""
    passes = [part for part in plan if part.kind not in ("meta", "accuracy")]
    seconds = estimate([spec], passes, store).seconds if passes else 0.0
    seconds += sum(estimated_seconds(part, width=width) for part in maps)
    treebanks = len({part.treebank.key for part in passes if part.kind == "word_vectors"})
    network = f"{treebanks} parts of treebanks through the network, then " if treebanks else ""
    return (
        f"{network}{len(maps)} experiment{'s' * (len(maps) > 1)} with {len(spec.meta.training)} training and "
        f"{len(spec.meta.targets)} target languages: about {readable_seconds(seconds)} on one free core "
        "(a rough estimate)."
    )


def _languages(
    data: str | Path,
    source: str,
    train: Sequence[str],
    target: Sequence[str],
    *,
    partition: tuple[int, int, int] | None,
    multiword: Any,
) -> tuple[Sides, tuple[Sides, ...], tuple[Sides, ...]]:
    """Source, training languages and targets with their three sides.

    Raises:
        InputError: a language that is not there or has no test side, or none is left to train or to test on.
    """
    from xviz.cli.vectors import probe_parts
    from xviz.corpora.folder import choose, find_treebanks
    from xviz.errors import InputError
    from xviz.learning.meta.spec import Sides

    def named(names: Sequence[str]) -> list[str]:
        return [bank.name for bank in choose(data, names, split="all")] if names else []

    (first,) = named([source])
    taught, met = named(items(train)), named(items(target))
    language = {bank.name: bank.language for bank in find_treebanks(data)}
    taken = {language[name] for name in (first, *taught, *met)}
    left = [name for name, code in language.items() if code not in taken]
    left = [name for i, name in enumerate(left) if language[name] not in [language[x] for x in left[:i]]]
    if not taught and not met:
        taught, met = left[0::2], left[1::2]
    elif not taught:
        taught = left
    elif not met:
        met = left
    for names, option in ((taught, "--train"), (met, "--target")):
        if not names:
            raise InputError(f"No language is left for {option}; name some, or give a folder with more.")
    parts = probe_parts(data, [first, *taught, *met], partition=partition, multiword=multiword)
    sides = {}
    for bank in zip(parts["train"], parts["dev"], parts["test"], strict=True):
        if bank[1] == bank[2]:
            raise InputError(
                f"{bank[0].name} has no test part to be judged on; partition it (--partition 60,20,20)."
            )
        sides[bank[0].name] = Sides(train=bank[0], dev=bank[1], test=bank[2])
    return sides[first], tuple(sides[name] for name in taught), tuple(sides[name] for name in met)


def _shots(values: Sequence[str]) -> tuple[int, ...]:
    from xviz.errors import InputError

    try:
        numbers = sorted({int(value) for value in items(values)})
    except ValueError:
        raise InputError(
            f"--shots takes numbers of sentences, as 0,10,50, not {', '.join(values)!r}."
        ) from None
    if numbers and numbers[0] < 0:
        raise InputError(f"--shots takes numbers of sentences from 0, not {numbers[0]}.")
    return tuple(number for number in numbers if number)


def _records(table: Any) -> list[dict[str, Any]]:
    """Rows as JSON takes them: NaN is null."""
    return [
        {name: None if value != value else value for name, value in row.items()}
        for row in table.astype(object).to_dict("records")
    ]
