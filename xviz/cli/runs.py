"""``xviz runs``: what is running, what came out, how two runs differ."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from xviz.cli import options
from xviz.cli.options import choice, items, show, write_table

application = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Id = Annotated[str, typer.Argument(help="A run: its id, part of it, or its folder.")]
Ids = Annotated[list[str], typer.Argument(help="Runs: ids, parts of them, or folders.")]


@application.command("list")
def list_(
    state: Annotated[list[str], typer.Option(help="Only queued, running, succeeded, failed, ...")] = [],  # noqa: B006
    kind: Annotated[list[str], typer.Option(help="Only these kinds of results.")] = [],  # noqa: B006
    sweep: Annotated[str | None, typer.Option(help="Only the runs of this sweep.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 40,
    json: options.Json = False,
) -> None:
    """Runs, newest first."""
    from xviz.runs.listing import list_runs
    from xviz.runs.standing import STATES

    states = [choice(each, STATES, "--state") for each in items(state)]
    kinds = items(kind)
    found = [
        each
        for each in list_runs()
        if (not states or each.standing.state in states)
        and (not kinds or each.listed.kind in kinds)
        and (sweep is None or each.listed.sweep == sweep)
    ]
    if json:
        show([_row(each) for each in found])
        return
    for each in found[:limit]:
        typer.echo(_line(each))
    if not found:
        typer.echo("No run.")
    elif len(found) > limit:
        typer.echo(f"... and {len(found) - limit:,} older ones (--limit)")


@application.command("show")
def show_(run: Id, lines: Annotated[int, typer.Option(help="Of the log.")] = 15, json: options.Json = False):
    """How a run stands, what it was asked for, and the end of its log."""
    from xviz.cli.launching import described
    from xviz.runs.curves import read_curve, read_log
    from xviz.runs.record import find_run
    from xviz.runs.resolve import readable_seconds
    from xviz.runs.results import result_tables
    from xviz.runs.standing import standing

    this = find_run(run)
    now = standing(this)
    tables = {name: len(table) for name, table in result_tables(this.folder).items()}
    if json:
        more = {"stage": now.stage, "progress": now.progress, "known": now.known, "tables": tables}
        show(described(this) | {"title": this.title, "spec": this.spec, "launch": this.launch} | more)
        return
    typer.echo(f"{this.id}  {this.title}")
    typer.echo(f"{now.state}{': ' + now.reason if now.reason else ''}")
    if now.active and now.stage:
        share = f" {now.share:.0%}" if now.share is not None else ""
        left = f", about {readable_seconds(now.remaining)} left" if now.remaining is not None else ""
        typer.echo(f"{now.stage}{share}{left}")
    curve = read_curve(this.folder)
    for (stage, name), part in curve.groupby(["stage", "name"], sort=False):
        typer.echo(f"  {stage} {name}: {part['value'].iloc[-1]:.5g} at step {part['step'].iloc[-1]}")
    for name, count in tables.items():
        typer.echo(f"  results/{name}: {count:,} rows")
    typer.echo(f"folder {this.folder}")
    log = read_log(this.folder, lines=lines)
    if log:
        typer.echo(log)


@application.command()
def cancel(
    run: Ids,
    at_once: Annotated[bool, typer.Option("--now", help="Without waiting for a safe point.")] = False,
    json: options.Json = False,
) -> None:
    """Stop runs at their next safe point; what they have finished is kept, and they can be resumed."""
    from xviz.runs import launch
    from xviz.runs.record import find_run

    runs = [find_run(each) for each in run]
    for each in runs:
        launch.cancel(each, at_once=at_once)
    _tell(runs, "asked to stop" if not at_once else "stopped", json)


@application.command()
def resume(run: Ids, where: options.WhereOption = "", json: options.Json = False) -> None:
    """Take runs up again from their newest checkpoints."""
    from xviz.runs import launch
    from xviz.runs.record import find_run
    from xviz.runs.resources import read_where

    runs = [find_run(each) for each in run]
    place, resources = read_where(where) if where else (None, None)
    for each in runs:
        if place == "here":
            _resume_here(each)
        else:
            launch.resume(each, where=place, resources=resources)
    _tell(runs, "resumed", json)


def _resume_here(run: Any) -> None:
    from xviz.cli.console import ConsoleJournal
    from xviz.runs.launch import prepare_to_resume
    from xviz.runs.record import carry_out

    prepare_to_resume(run)
    run.write("launch.json", {"where": "here"})
    with ConsoleJournal() as journal:
        carry_out(run, journal=journal)


@application.command()
def delete(
    run: Ids,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Without asking.")] = False,
    json: options.Json = False,
) -> None:
    """Remove runs with their logs, curves, checkpoints and tables; the store keeps what it holds."""
    from xviz.runs import launch
    from xviz.runs.record import find_run

    runs = [find_run(each) for each in run]
    if not yes:
        typer.confirm(f"Remove {len(runs)} run{'s' * (len(runs) > 1)} for good?", abort=True, err=True)
    for each in runs:
        launch.delete(each)
    if json:
        show([{"id": each.id, "deleted": True} for each in runs])
    else:
        for each in runs:
            typer.echo(f"{each.id}: deleted")


@application.command()
def note(
    run: Id,
    title: Annotated[str | None, typer.Option(help="Another name.")] = None,
    text: Annotated[str | None, typer.Option(help="A remark.")] = None,
    json: options.Json = False,
) -> None:
    """Give a run another name, or a remark."""
    from xviz.errors import InputError
    from xviz.runs.record import find_run

    if title is None and text is None:
        raise InputError("Say --title, --text or both.")
    this = find_run(run)
    this.annotate(title=title, note=text)
    _tell([this], "noted", json)


@application.command()
def compare(run: Ids, json: options.Json = False) -> None:
    """The difference of specifications, where the curves end, and the results side by side."""
    from xviz.errors import InputError
    from xviz.runs.comparison import curves, differences, side_by_side
    from xviz.runs.record import find_run

    runs = [find_run(each) for each in run]
    if len(runs) < 2:
        raise InputError("Name at least two runs.")
    differ, lines, tables = differences(runs), curves(runs), side_by_side(runs)
    ends = lines.groupby(["stage", "name", "run"], sort=False)["value"].last().unstack("run")
    if json:
        show(
            {
                "differences": differ.reset_index().to_dict("records"),
                "curves": ends.reset_index().to_dict("records"),
                "results": {name: table.to_dict("records") for name, table in tables.items()},
            }
        )
        return
    typer.echo(differ.to_string() if len(differ) else "They were asked for the same.")
    if len(ends):
        typer.echo("\nWhere the curves end\n" + ends.to_string())
    for name, table in tables.items():
        typer.echo(f"\n{name}\n" + table.to_string(max_rows=30, index=False))


@application.command()
def sweep(
    base: Annotated[str, typer.Argument(help="A run to vary, or a JSON file with its specification.")],
    over: Annotated[list[str], typer.Option(help="A list, as seed=0,1,2 or vectors.layer=3,4; repeat.")],
    where: options.WhereOption = "local",
    title: Annotated[str | None, typer.Option(help="What the runs are called.")] = None,
    json: options.Json = False,
) -> None:
    """Many runs out of one: every combination of the lists; on Slurm one array."""
    from xviz.runs.launch import launch
    from xviz.runs.record import find_run
    from xviz.runs.resources import read_where
    from xviz.runs.sweeps import create_sweep, read_lists

    place, resources = read_where(where)
    spec = _specification(base) if base.endswith(".json") else find_run(base).spec
    runs = create_sweep(
        spec["wanted"],
        read_lists(over),
        title=title or str(spec.get("title") or "Sweep"),
        command=shlex.join(["xviz", *sys.argv[1:]]),
        device=str(spec.get("device", "auto")),
    )
    if place == "here":
        from xviz.cli.console import ConsoleJournal
        from xviz.runs.record import carry_out

        with ConsoleJournal() as journal:
            for each in runs:
                carry_out(each, journal=journal)
    else:
        launch(runs, place, resources=resources, title=title or str(spec.get("title") or "Sweep"))
    if not json:
        name = runs[0].spec["sweep"]
        typer.echo(f"Sweep {name} of {len(runs)} runs; `xviz runs table {name}` puts them together.")
    _tell(runs, "sent off", json)


@application.command()
def table(
    sweep: Annotated[str, typer.Argument(help="The name of a sweep.")],
    name: Annotated[str | None, typer.Option(help="Which table, where there are several.")] = None,
    out: options.Out = None,
    json: options.Json = False,
) -> None:
    """The results of a sweep as one table, with a column for the run and for each choice."""
    from xviz.errors import InputError
    from xviz.runs.listing import runs_of_sweep
    from xviz.runs.sweeps import sweep_tables

    members = runs_of_sweep(sweep)
    tables = sweep_tables(members)
    if not tables:
        done = sum(each.standing.state == "succeeded" for each in members)
        raise InputError(f"There is no table yet: {done} of the {len(members)} runs have finished.")
    if name is None and len(tables) > 1:
        raise InputError(f"There are several tables: say --name {' or '.join(tables)}.")
    chosen = tables[choice(name, list(tables), "--name") if name else next(iter(tables))]
    if out is not None:
        write_table(chosen, out)
    if json:
        show(chosen.to_dict("records"))
    elif out is None:
        typer.echo(chosen.to_string(max_rows=60, index=False))
    else:
        typer.echo(f"Written to {out} ({len(chosen):,} rows of {chosen['run'].nunique()} runs)")


def _specification(file: str) -> dict[str, Any]:
    import json

    from xviz.errors import InputError

    try:
        spec = json.loads(Path(file).read_text("utf-8"))
    except FileNotFoundError:
        raise InputError("There is no such file.", file=file) from None
    except ValueError as error:
        raise InputError("This file is no JSON.", file=file, line=getattr(error, "lineno", None)) from None
    if isinstance(spec, dict) and isinstance(spec.get("wanted"), list):
        return spec
    if isinstance(spec, dict) and "kind" in spec:
        return {"wanted": [spec]}
    raise InputError("A specification is an object with `kind`, or one with a list `wanted`.", file=file)


def _tell(runs: Sequence[Any], what: str, json: bool) -> None:
    from xviz.cli.launching import described

    if json:
        show([described(each) for each in runs])
        return
    for each in runs:
        typer.echo(f"{each.id}: {what}")


def _row(each: Any) -> dict[str, Any]:
    listed, now = each.listed, each.standing
    return {
        "id": each.id,
        "folder": str(each.run.folder),
        "kind": listed.kind,
        "state": now.state,
        "reason": now.reason,
        "title": listed.title,
        "note": listed.note,
        "where": listed.where,
        "created": listed.created,
        "seconds": listed.seconds,
        "share": now.share,
        "sweep": listed.sweep,
        "choices": listed.choices,
    }


def _line(each: Any) -> str:
    listed, now = each.listed, each.standing
    share = f" {now.share:.0%}" if now.active and now.share is not None else ""
    reason = f"  ({now.reason})" if now.reason and now.state != "succeeded" else ""
    sweep = f"  [sweep {listed.sweep}]" if listed.sweep else ""
    return f"{each.id}  {now.state + share:14} {listed.title}{sweep}{reason}"
