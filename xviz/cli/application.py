"""The application: its commands, and how what goes wrong is told (one line, exit code 1 or 2)."""

from __future__ import annotations

import json
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from xviz.errors import Cancelled, InputError, XvizError

UsageError = typer.BadParameter.__bases__[0]
"""Typer carries its own copy of click; the parent of its public error is the error of every wrong option."""

JSON_WANTED = "xviz.json"
BAD_INPUT, FAILURE, INTERRUPTED = 2, 1, 130


class _Sentences(TyperGroup):
    """Turns every expected error into one line on stderr (with ``--json``, one object on stdout)."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except XvizError as error:
            code = BAD_INPUT if isinstance(error, InputError) else FAILURE
            _tell(ctx, error.message, file=error.file, line=error.line)
            raise typer.Exit(INTERRUPTED if isinstance(error, Cancelled) else code) from None
        except UsageError as error:  # type: ignore[misc]
            message = error.format_message()  # type: ignore[attr-defined]
            _tell(ctx, f"{message} See xviz {ctx.invoked_subcommand or ''} --help.".replace("  ", " "))
            raise typer.Exit(BAD_INPUT) from None
        except KeyboardInterrupt:
            _tell(ctx, "Interrupted; what was finished is kept.")
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            raise typer.Exit(FAILURE) from None


def _tell(ctx: Any, message: str, *, file: str | None = None, line: int | None = None) -> None:
    if ctx.meta.get(JSON_WANTED) or "--json" in sys.argv:
        typer.echo(json.dumps({"error": message, "file": file, "line": line}, ensure_ascii=False))
    else:
        where = ":".join(str(part) for part in (file, line) if part is not None)
        typer.echo(f"xviz: {where + ': ' if where else ''}{message}", err=True)


application = typer.Typer(
    name="xviz",
    cls=_Sentences,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Where do the languages inside a multilingual language model agree, and where not?",
)


def _register() -> None:
    from xviz.cli import (
        align,
        cache,
        card,
        corpora,
        extract,
        meta,
        models,
        overlap,
        pretrain,
        retrieve,
        run,
        runs,
        space,
        tune,
    )

    in_order = (models, corpora, extract, space, align, retrieve, overlap, meta, tune, card, pretrain, run)
    for module in in_order:
        name = module.__name__.rsplit(".", 1)[-1]
        application.command(name)(getattr(module, name))
    application.add_typer(cache.application, name="cache", help="What the store holds; make room in it.")
    application.add_typer(runs.application, name="runs", help="What is running, what came out, what differs.")


_register()
