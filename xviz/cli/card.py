"""``xviz card``: the tables of a model's card, each figure beside baselines and random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from xviz.cli import options
from xviz.cli.options import show


def card(
    model: options.Model = "mini-encoder",
    data: options.Data = "sample",
    treebank_english: Annotated[
        str | None,
        typer.Option(help="English treebank of the probe. Default: English-EWT, else one with all parts."),
    ] = None,
    random_weights: Annotated[int, typer.Option(min=0, help="Networks with fresh weights beside it.")] = 3,
    seed: Annotated[int, typer.Option(min=0, help="Of masks, probes, permutations, intervals.")] = 0,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many sentences of each part (a quick look).")
    ] = None,
    write_readme: Annotated[
        bool, typer.Option("--write-readme", help="Put the section into the model folder's README.md.")
    ] = False,
    device: options.Device = "auto",
    where: options.WhereOption = "here",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for the tables, card.json and card.md.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Measure a model: language modelling, UPOS probe, retrieval, zero-shot transfer, concept spaces."""
    from xviz.cli.launching import carry_out_where
    from xviz.errors import InputError
    from xviz.evaluation.card.treebanks import card_spec
    from xviz.runs.steps import missing
    from xviz.store import Store

    if out is not None and out.exists() and not out.is_dir():
        raise InputError("--out is a folder for several files, and this is a file.", file=out)
    spec = card_spec(
        model, data, english=treebank_english, random_weights=random_weights, seed=seed, limit=limit
    )
    for sentence in spec.without:
        typer.echo(sentence, err=True)
    store = Store()
    plan = missing([spec], store)
    if plan:
        typer.echo(_cost(spec, plan, store), err=True)
        carry_out_where([spec], where, title=f"Card of {spec.label}", store=store, device=device, json=json)

    from xviz.evaluation.card.measure import CARD_MD, read_card

    entry = store.find(spec)
    found, _ = read_card(spec, store)
    assert entry is not None  # it was read just now
    section = entry.file(CARD_MD).read_text("utf-8")
    if out is not None:
        _copy(entry.folder, out)
    if write_readme:
        _write_readme(spec.model, section)
    if json:
        show(found | {"out": out, "files": str(entry.folder), "computed": bool(plan)})
        return
    typer.echo(section)
    if out is not None:
        typer.echo(f"Tables, card.json and card.md are in {out}", err=True)


def _cost(spec: Any, plan: list[Any], store: Any) -> str:
    """What is about to be done: passes that the plan does not name are counted as well."""
    from xviz.evaluation.card.measure import parallel_passes
    from xviz.representations.spec import WordTableSpec
    from xviz.runs.resolve import estimate

    passes: list[Any] = [
        WordTableSpec(model=part.model, treebank=part.text)
        for part in plan
        if part.kind == "language_modelling"
    ]
    passes += [each for each in parallel_passes(spec) if store.find(each.sentences("mean")) is None]
    others = [part for part in plan if part.kind not in ("language_modelling", "card")]
    offer = estimate([spec], [*others, *passes], store)
    return offer.sentence


def _copy(folder: Path, out: Path) -> None:
    import shutil

    from xviz.store import ENTRY_FILE

    out.mkdir(parents=True, exist_ok=True)
    for path in sorted(folder.iterdir()):
        if path.name != ENTRY_FILE:
            shutil.copyfile(path, out / path.name)


def _write_readme(model: Any, section: str) -> None:
    from xviz.evaluation.card.readme import write_section
    from xviz.models.folder import locate

    write_section(locate(model) / "README.md", section)
