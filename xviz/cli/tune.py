"""``xviz tune``: draw the languages of a model together, with the arms and controls that say what it did."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from xviz.cli import options
from xviz.cli.options import choice, items, show

if TYPE_CHECKING:
    from xviz.learning.tuning.spec import TuneSpec
    from xviz.store import Store


def tune(
    model: options.Model = "mini-encoder",
    pairs: Annotated[
        str,
        typer.Option(help="Translations: line-aligned text, a TSV file, parallel treebanks, or `sample`."),
    ] = "sample",
    instructions: Annotated[
        str, typer.Option(help="A folder of <language>.jsonl (the layout of Bactrian-X), or `sample`.")
    ] = "sample",
    arms: Annotated[
        list[str],
        typer.Option(
            help="untuned, mcl, cit, both; controls: shuffled, monolingual, translation_lm; or all. "
            "Default: untuned,mcl,shuffled for encoders, untuned,mcl,cit,both,shuffled for decoders."
        ),
    ] = [],  # noqa: B006 (typer copies it)
    languages: Annotated[
        list[str], typer.Option(help="Tuned on, the pivot first. Default: all there are, English first.")
    ] = [],  # noqa: B006
    leave_out: Annotated[
        list[str], typer.Option(help="Languages kept for later, to be met for the first time.")
    ] = [],  # noqa: B006
    apart_from: Annotated[
        list[str],
        typer.Option(
            help="What will be measured on: its sentences are taken out of the tuning, and counted."
        ),
    ] = [],  # noqa: B006
    layer: Annotated[int, typer.Option(min=0, help="Hidden layer that MCL aligns; 0 is the embeddings.")] = 1,
    pooling: Annotated[
        Literal["last", "mean", "weighted"], typer.Option(help="Tokens to a sentence vector.")
    ] = "last",
    temperature: Annotated[float, typer.Option(help="Of the contrastive loss.")] = 0.05,
    directions: Annotated[
        Literal["one", "both"], typer.Option(help="Source finds target, or target finds source as well.")
    ] = "one",
    pairing: Annotated[
        Literal["pivot", "all"], typer.Option(help="Pairs with the pivot, or of all languages.")
    ] = "pivot",
    cached: Annotated[
        int | None, typer.Option(min=1, help="Gradient caching: sentences a chunk, for large batches.")
    ] = None,
    crossing: Annotated[
        float, typer.Option(min=0, max=1, help="Share of answers in another language than the question.")
    ] = 0.5,
    translations: Annotated[
        float, typer.Option(min=0, max=0.99, help="Share of instruction rows that ask for a translation.")
    ] = 0.0,
    steps: Annotated[int, typer.Option(min=1)] = 5000,
    batch_tokens: Annotated[int, typer.Option(min=32, help="Tokens a batch, the same in every arm.")] = 2048,
    accumulate: Annotated[int, typer.Option(min=1, help="Batches a step.")] = 1,
    learning_rate: Annotated[float, typer.Option(help="The peak.")] = 1e-5,
    lora: Annotated[
        int | None, typer.Option(min=1, help="Tune by LoRA of this rank instead of all weights.")
    ] = None,
    checkpointing: Annotated[
        bool, typer.Option("--checkpointing", help="Less memory, more time: activations are not kept.")
    ] = False,
    keep: Annotated[
        Literal["last", "best"], typer.Option(help="Weights of the last step, or the best on dev.")
    ] = "last",
    evaluate_every: Annotated[
        int | None, typer.Option(min=1, help="Steps; default: ten times in all.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Times that each arm is tuned.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="The first seed.")] = 0,
    dtype: Annotated[
        Literal["auto", "fp32", "bf16"], typer.Option(help="Arithmetic; weights are always fp32.")
    ] = "auto",
    where: options.WhereOption = "here",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for the tuned models, <arm>-seed<n> each.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Tune a model on translations and instructions; what comes out is a model like any other."""
    from xviz.cli.launching import carry_out_where
    from xviz.cli.vectors import specification
    from xviz.errors import InputError
    from xviz.learning.spec import TrainingSpec
    from xviz.learning.tuning.spec import (
        ARMS,
        ContrastiveSettings,
        InstructionSettings,
        LoRASettings,
        TuneSpec,
    )
    from xviz.learning.tuning.spec import arms as every
    from xviz.models.folder import describe
    from xviz.models.spec import ModelRef
    from xviz.store import Store

    facts = describe(ModelRef(name=model))
    usual = ["untuned", "mcl", "shuffled"]
    usual += ["cit", "both"] if facts.family == "decoder" else []
    wanted = [choice(arm, (*ARMS, "all"), "--arms") for arm in items(arms)] or usual
    if "all" in wanted:
        wanted = list(ARMS) if facts.family == "decoder" else ["untuned", "mcl", "shuffled"]
    if learning_rate <= 0:
        raise InputError("--learning-rate is a number above 0 (as 0.00001).")
    spec = specification(
        TuneSpec,
        model=ModelRef(name=model),
        arm="untuned",
        pairs=pairs,
        instructions=instructions,
        languages=tuple(items(languages)),
        leave_out=tuple(items(leave_out)),
        apart_from=tuple(items(apart_from)),
        batch_tokens=batch_tokens,
        contrastive=specification(
            ContrastiveSettings,  # type: ignore[type-var]
            layer=layer,
            pooling=pooling,
            temperature=temperature,
            directions=directions,
            pairing=pairing,
            cached=cached,
        ),
        instruction=InstructionSettings(crossing=crossing, translations=translations),
        lora=LoRASettings(rank=lora, alpha=2 * lora) if lora is not None else None,
        checkpointing=checkpointing,
        keep=keep,
        training=TrainingSpec(
            steps=steps,
            learning_rate=learning_rate,
            accumulate=accumulate,
            precision=dtype,
            seed=seed,
            evaluate_every=evaluate_every or max(1, steps // 10),
            log_every=max(1, min(50, steps // 20)),
        ),
    )
    specs = every(spec, wanted, seeds=seeds)  # type: ignore[arg-type]
    _check_places(specs, out)
    shared = _shared_languages(specs)
    specs = [each.model_copy(update={"languages": shared}) for each in specs]
    store = Store()
    title = f"Tuning {Path(model).name}: {', '.join(wanted)}"
    carry_out_where(specs, where, title=title, store=store, json=json)

    table = [_described(each, store, out) for each in specs]
    if json:
        show({"model": model, "arms": table})
        return
    for line in lines(table):
        typer.echo(line)


def lines(table: list[dict[str, Any]]) -> list[str]:
    """A row an arm and seed: steps, tokens, what dev says, where the model lies."""
    own = ("dev_loss", "dev_loss_lm")  # each of one arm alone: nothing to compare
    measures = sorted({name for row in table for name in row["dev"] if name not in own})
    found = ["  ".join([f"{'arm':15} {'seed':>4} {'steps':>6} {'tokens':>10}", *measures])]
    for row in table:
        cells = [f"{row['dev'][m]:{len(m)}.3f}" if m in row["dev"] else " " * len(m) for m in measures]
        found.append(
            "  ".join([f"{row['arm']:15} {row['seed']:4} {row['steps']:6,} {row['tokens']:10,}", *cells])
        )
    found += [f"{row['arm']}, seed {row['seed']}: --model {row['path']}" for row in table]
    return found


def _described(spec: TuneSpec, store: Store, out: Path | None) -> dict[str, Any]:
    """What came out of one arm; its model is copied to ``out`` where one is given."""
    from xviz.learning.tuning.recipe import model_folder, read_facts

    facts, folder = read_facts(spec, store), model_folder(spec, store)
    if out is not None and spec.arm != "untuned":
        place = out / f"{spec.arm}-seed{spec.training.seed}"
        shutil.copytree(folder, place, dirs_exist_ok=True)
        folder = place
    kept = (
        "arm",
        "seed",
        "steps",
        "tokens",
        "seconds",
        "learned_parameters",
        "languages",
        "directions",
        "pairs",
    )
    counted = (
        "rows",
        "apart_from_sentences",
        "shared_pairs_removed",
        "shared_instructions_removed",
        "too_long_sentences",
        "too_long_rows",
    )
    chosen = {name: facts[name] for name in (*kept, *counted) if name in facts}
    return chosen | {"dev": facts.get("dev", {}), "path": str(folder), "key": spec.key}


def _shared_languages(specs: list[TuneSpec]) -> tuple[str, ...]:
    """The languages that the data of all arms have: every arm is tuned on the same ones.

    Raises:
        InputError: one that was asked for is missing somewhere, or too few are left.
    """
    from xviz.learning.contrastive.pairs import open_pairs
    from xviz.learning.instruction.rows import open_instructions
    from xviz.learning.tuning.data import tuned_languages

    first = specs[0]
    corpus = open_pairs(first.pairs) if first.pairs and any(spec.paired for spec in specs) else None
    rows = None
    if first.instructions and any(spec.instructs for spec in specs):
        rows = open_instructions(first.instructions)
    return first.languages if corpus is None and rows is None else tuned_languages(first, corpus, rows)


def _check_places(specs: list[TuneSpec], out: Path | None) -> None:
    """Refuse at once what would else be told after a while: a layer, arm, language or place that can't be."""
    from xviz.errors import InputError
    from xviz.models.folder import describe

    facts = describe(specs[0].model)
    if specs[0].contrastive.layer > facts.layers:
        raise InputError(
            f"{facts.name} has hidden layers 0 to {facts.layers}, not {specs[0].contrastive.layer} (--layer)."
        )
    unfit = [spec.arm for spec in specs if spec.arm not in ("untuned", "mcl", "shuffled")]
    if facts.family == "encoder" and unfit:
        raise InputError(
            f"{facts.name} is an encoder, which generates nothing, so the arm {unfit[0]} is not for it; "
            "there are untuned, mcl, shuffled."
        )
    for spec in specs if out is not None else ():
        assert out is not None
        place = out / f"{spec.arm}-seed{spec.training.seed}"
        if place.exists() and not (place / "config.json").is_file():
            raise InputError("The folder holds something else; choose another --out.", file=place)
