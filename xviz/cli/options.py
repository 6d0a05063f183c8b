"""Options that several commands share, and how a list is read: comma-separated, repeated, or both."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from xviz.cli.application import JSON_WANTED
from xviz.errors import InputError


def _remember_json(ctx: typer.Context, value: bool) -> bool:
    ctx.meta[JSON_WANTED] = value
    return value


Json = Annotated[
    bool,
    typer.Option(
        "--json",
        help="One JSON object on stdout, all else on stderr.",
        callback=_remember_json,
        is_eager=True,
    ),
]
Model = Annotated[
    str, typer.Option("--model", "-m", help="A bundled name, a local folder, or a name on the hub.")
]
Data = Annotated[str, typer.Option("--data", "-d", help="A folder of UD treebanks, or `sample`.")]
Treebanks = Annotated[
    list[str],
    typer.Option("--treebank", "-t", help="Folder names (UD_ optional) or languages; `all` for all there."),
]
Split = Annotated[
    Literal["train", "dev", "test", "all"] | None,
    typer.Option(help="Default: train, else the only one there."),
]
Partition = Annotated[
    str | None,
    typer.Option(help="Own partition by sent_id, as 60,20,20 (train,dev,test), the same in every language."),
]
Multiword = Annotated[
    Literal["syntactic", "surface"],
    typer.Option(help="The words inside a multiword token, or the token itself."),
]
Pooling = Annotated[
    Literal["auto", "first", "last", "mean"],
    typer.Option(help="Which of a word's subwords; auto: first (encoder), last (decoder)."),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")]
DtypeOption = Annotated[
    Literal["auto", "fp32", "bf16"], typer.Option("--dtype", help="Arithmetic; auto: bf16 where it pays.")
]
Layers = Annotated[str, typer.Option(help="all, or layers as 0,3,7 or 0-4; 0 is the embeddings.")]


def _check_where(value: str) -> str:
    from xviz.runs.resources import read_where

    if value:
        read_where(value)
    return value


WhereOption = Annotated[
    str,
    typer.Option(
        "--where",
        metavar="here|local|slurm",
        callback=_check_where,
        help="here: in this terminal; local: a process of its own, which outlives it; slurm: a job on a "
        "cluster. Resources after a colon, as slurm:partition=gpu,time=4:00:00,gpus=2.",
    ),
]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="Write the table there (.parquet or .csv).")]


def items(values: Iterable[str]) -> list[str]:
    """``["A,B", "C"]`` -> ``["A", "B", "C"]``, without repeats."""
    split = (item.strip() for value in values for item in value.split(","))
    return list(dict.fromkeys(item for item in split if item))


def partition_of(text: str | None) -> tuple[int, int, int] | None:
    if text is None:
        return None
    try:
        train, dev, test = (int(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"--partition takes three whole percentages, as 60,20,20, not {text!r}.") from None
    return train, dev, test


def choice(value: str, allowed: Sequence[str], option: str) -> str:
    if value not in allowed:
        raise InputError(f"{option} is one of {', '.join(allowed)}, not {value!r}.")
    return value


def check_out(path: Path | None) -> None:
    """Refuse a place for :func:`write_table` before the work is done and not after it."""
    if path is None:
        return
    choice(path.suffix, (".parquet", ".csv"), "The ending of --out")
    if not path.parent.is_dir():
        raise InputError("This folder does not exist; make it first or choose another.", file=path.parent)


def write_table(table: Any, path: Path) -> None:
    """A pandas table as Parquet or CSV, by the ending of ``path``."""
    check_out(path)
    if path.suffix == ".parquet":
        table.to_parquet(path, index=False)
    else:
        flat = table.copy()
        if "vector" in flat:
            flat["vector"] = [json.dumps([round(float(x), 6) for x in row]) for row in flat["vector"]]
        flat.to_csv(path, index=False)


def show(data: Any) -> None:
    """One JSON value on stdout."""
    typer.echo(json.dumps(data, ensure_ascii=False, indent=1, default=str))
