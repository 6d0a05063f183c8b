"""From what was typed to specifications: treebanks, their parts for a probe, word vectors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import typer
from pydantic import ValidationError

from xviz.cli.options import items
from xviz.corpora.folder import choose, find_treebanks
from xviz.corpora.languages import display_name, iso639_3
from xviz.corpora.spec import Multiword, Split, TreebankSpec
from xviz.errors import InputError
from xviz.evaluation.card.treebanks import PARALLEL
from xviz.models.devices import choose_dtype
from xviz.models.folder import chosen_layers, describe
from xviz.models.spec import Dtype, ModelRef
from xviz.representations.spec import WordPooling, WordVectorsSpec
from xviz.store import Spec, Store

DEFAULT_PARTITION = (60, 20, 20)
Wanted = TypeVar("Wanted", bound=Spec)


def specification(kind: type[Wanted], **fields: Any) -> Wanted:
    """``kind(**fields)``; what is wrong with the fields is told in a sentence.

    Raises:
        InputError: a field, or their combination, is not valid.
    """
    try:
        return kind(**fields)
    except ValidationError as error:
        first = error.errors()[0]
        ours = first["type"] == "value_error"  # a sentence of the specification, which names the field
        place = "" if ours else ".".join(str(part) for part in first["loc"]) + ": "
        message = first["msg"].removeprefix("Value error, ")
        raise InputError(f"{place}{message}.") from error


def treebank_specs(
    data: str | Path,
    names: Sequence[str],
    *,
    split: Split | None,
    partition: tuple[int, int, int] | None,
    multiword: Multiword,
) -> list[TreebankSpec]:
    """The treebanks that were named; ``all`` names every one that lies there."""
    listed = items(names)
    return choose(
        data, None if listed == ["all"] else listed, split=split, partition=partition, multiword=multiword
    )


def vector_specs(
    model: str,
    treebanks: Sequence[TreebankSpec],
    *,
    layers: str,
    pooling: Literal["auto", "first", "last", "mean"],
    dtype: Literal["auto", "fp32", "bf16"],
    device: str,
) -> list[list[WordVectorsSpec]]:
    """For each treebank the specifications of its layers.

    Raises:
        InputError: no such model, layer or device.
    """
    ref = ModelRef(name=model)
    facts = describe(ref)
    by_family: WordPooling = "first" if facts.family == "encoder" else "last"
    pooled: WordPooling = by_family if pooling == "auto" else pooling
    computed_in: Dtype = choose_dtype(dtype, device=device)
    return [
        [
            WordVectorsSpec(model=ref, treebank=treebank, layer=layer, pooling=pooled, dtype=computed_in)
            for layer in chosen_layers(layers, facts)
        ]
        for treebank in treebanks
    ]


def probe_parts(
    data: str | Path,
    names: Sequence[str],
    *,
    partition: tuple[int, int, int] | None,
    multiword: Multiword,
) -> dict[Split, list[TreebankSpec]]:
    """Train, dev and test of each treebank, as a probe wants them.

    A treebank without train and dev files (a parallel one has a test file alone) is partitioned by
    ``sent_id``, which is told on stderr; ``test`` is then a part of it too, and dev where there is no test.

    Raises:
        InputError: a treebank that is not there, or a part that is.
    """
    known = {bank.name: set(bank.splits) for bank in find_treebanks(data)}
    chosen = treebank_specs(data, names, split="all", partition=None, multiword=multiword)
    whole = [bank.name for bank in chosen if {"train", "dev"} <= known[bank.name]]
    if partition is None and len(whole) < len(chosen):
        rest = [bank.name for bank in chosen if bank.name not in whole]
        some = ", ".join(rest[:3]) + (f" and {len(rest) - 3} more" if len(rest) > 3 else "")
        told = ",".join(map(str, DEFAULT_PARTITION))
        typer.echo(f"No train and dev files: {some}. Partitioned {told} by sent_id for the probe.", err=True)
    parts: dict[Split, list[TreebankSpec]] = {"train": [], "dev": [], "test": []}
    for bank in chosen:
        own = partition if partition is not None or bank.name in whole else DEFAULT_PARTITION
        for part, found in parts.items():
            there = own is not None or part in known[bank.name]
            found += choose(
                data, [bank.name], split=part if there else "dev", partition=own, multiword=multiword
            )
    return parts


def translations(
    parallel: Path | None, data: str | Path, languages: Sequence[str], pivot: str, *, store: Store
) -> tuple[dict[str, Any], int]:
    """Where translations lie (fields of :class:`~xviz.alignability.spec.RetrieveSpec`), and their number.

    ``parallel`` is a folder of line-aligned text or a TSV file; without it, the treebanks under ``data`` that
    translate one another (``*-PUD``, ``*-Sample``) are joined by ``sent_id``. The pivot comes first.

    Raises:
        InputError: a language that is not there, or text that is not aligned.
    """
    from xviz.corpora.parallel import files_by_language, join_treebanks, open_parallel
    from xviz.corpora.tables import open_treebank

    first = iso639_3(pivot)
    named = [iso639_3(language) for language in items(languages) if language != "all"]
    wanted = list(dict.fromkeys([first, *named])) if named else None
    if parallel is not None:
        corpus = open_parallel(parallel, languages=wanted)
        isos = _first(first, corpus.languages, parallel)
        place = parallel.expanduser()
        by_language = files_by_language(place) if place.is_dir() else dict.fromkeys(isos, place)
        files = tuple(str(by_language[iso].absolute()) for iso in isos)
        return {"files": files, "languages": isos, "pivot": first}, len(corpus)
    banks = {bank.language: bank for bank in parallel_treebanks(data)}
    isos = _first(first, wanted or list(banks), data)
    absent = [iso for iso in isos if iso not in banks]
    if absent:
        raise InputError(
            f"No parallel treebank of {display_name(absent[0])} ({absent[0]}) lies here; "
            f"there are {', '.join(banks)}.",
            file=data,
        )
    chosen = tuple(banks[iso] for iso in isos)
    joined = join_treebanks([open_treebank(bank, store=store) for bank in chosen])
    return {"treebanks": chosen, "languages": isos, "pivot": first}, len(joined)


def parallel_treebanks(data: str | Path) -> list[TreebankSpec]:
    """All sentences of the treebanks that translate one another.

    Raises:
        InputError: there are not two.
    """
    known = find_treebanks(data)
    for ending in PARALLEL:
        names = [bank.name for bank in known if bank.name.endswith(ending)]
        if len(names) >= 2:
            return choose(data, names, split="all")
    raise InputError(
        "There are not two treebanks here that translate one another (named *-PUD or *-Sample); "
        "give a folder of line-aligned text with --parallel.",
        file=data,
    )


def _first(pivot: str, languages: Sequence[str], place: str | Path) -> tuple[str, ...]:
    if pivot not in languages:
        raise InputError(
            f"The pivot {display_name(pivot)} ({pivot}) is not there; there are {', '.join(languages)}.",
            file=place,
        )
    return (pivot, *(iso for iso in languages if iso != pivot))
