"""Which treebanks of a folder a card is measured on, and what to say where something is not there."""

from __future__ import annotations

from pathlib import Path

from xviz.corpora.folder import TreebankFiles, choose, find_treebanks
from xviz.corpora.spec import Split, TreebankSpec
from xviz.errors import InputError
from xviz.evaluation.spec import CardSpec, EnglishTreebank
from xviz.models.folder import describe
from xviz.models.spec import ModelRef

PIVOT = "eng"
USUAL_ENGLISH = "UD_English-EWT"
PARALLEL = ("-PUD", "-Sample")  # treebanks so named translate one another
FEWEST_PARALLEL = 3

NO_ENGLISH = (
    "No English treebank with train, dev and test lies there, so there is no UPOS probe, no zero-shot "
    "transfer and no comparison of concept spaces (their layer is the probe's)."
)
NO_PARALLEL = (
    f"There are not {FEWEST_PARALLEL} parallel treebanks (named *-PUD or *-Sample) with English among them, "
    "so there is no retrieval, no zero-shot transfer and no comparison of concept spaces."
)
NO_HELD_OUT = "No treebank with train and test lies there, so there is no language modelling by language."


def card_spec(
    model: str,
    data: str | Path,
    *,
    english: str | None = None,
    random_weights: int = 3,
    seed: int = 0,
    limit: int | None = None,
) -> CardSpec:
    """The card of a model on the treebanks under ``data``.

    Args:
        english: treebank of the probe; default English-EWT where it is there, else an English one with train,
            dev and test.
        limit: at most this many sentences of each part of each treebank, for a quick look.

    Raises:
        InputError: no such model, folder or English treebank, or one without train, dev and test.
    """
    facts = describe(ModelRef(name=model))
    known = find_treebanks(data)
    probe = english_parts(data, known, english, limit)
    parallel = parallel_treebanks(data, known, limit)
    held_out = held_out_pairs(data, known, limit)
    without = [
        sentence
        for sentence, there in ((NO_HELD_OUT, held_out), (NO_ENGLISH, probe), (NO_PARALLEL, parallel))
        if not there
    ]
    return CardSpec(
        model=ModelRef(name=model),
        layers=facts.layers,
        pooling="first" if facts.family == "encoder" else "last",
        english=probe,
        parallel=parallel,
        held_out=held_out,
        without=tuple(without),
        random_weights=random_weights,
        seed=seed,
        limit=limit,
    )


def english_parts(
    data: str | Path, known: list[TreebankFiles], name: str | None, limit: int | None
) -> EnglishTreebank | None:
    """Train, dev and test of the named treebank, else of EWT, else of the first English one that has them."""
    if name is None:
        whole = [bank.name for bank in known if bank.language == PIVOT and _has(bank, "train", "dev", "test")]
        if not whole:
            return None
        name = USUAL_ENGLISH if USUAL_ENGLISH in whole else whole[0]
    train = _part(data, name, "train", limit)
    if train.language != PIVOT:
        raise InputError(f"{train.name} is not English; the card's probe is trained on English.", file=data)
    return EnglishTreebank(
        train=train,
        dev=_part(data, name, "dev", limit),
        test=_part(data, name, "test", limit),
    )


def parallel_treebanks(
    data: str | Path, known: list[TreebankFiles], limit: int | None
) -> tuple[TreebankSpec, ...]:
    """The treebanks that translate one another, all of their sentences, English first; none without it."""
    for ending in PARALLEL:
        group = [bank for bank in known if bank.name.endswith(ending)]
        pivots = [bank for bank in group if bank.language == PIVOT]
        if len(group) >= FEWEST_PARALLEL and pivots:
            others = [bank for bank in group if bank.language != PIVOT]
            return tuple(_part(data, bank.name, "all", limit) for bank in [pivots[0], *others])
    return ()


def held_out_pairs(
    data: str | Path, known: list[TreebankFiles], limit: int | None
) -> tuple[tuple[TreebankSpec, TreebankSpec], ...]:
    """Train and test of one treebank a language (that with the largest train files), by language."""
    largest: dict[str, TreebankFiles] = {}
    for bank in known:
        if not _has(bank, "train", "test"):
            continue
        other = largest.get(bank.language)
        if other is None or _size(bank) > _size(other):
            largest[bank.language] = bank
    return tuple(
        (_part(data, bank.name, "train", limit), _part(data, bank.name, "test", limit))
        for _, bank in sorted(largest.items())
    )


def _part(data: str | Path, name: str, split: Split, limit: int | None) -> TreebankSpec:
    (spec,) = choose(data, [name], split=split)
    return spec.model_copy(update={"limit": limit})


def _has(bank: TreebankFiles, *splits: Split) -> bool:
    return set(splits) <= set(bank.splits)


def _size(bank: TreebankFiles) -> int:
    return sum(file.stat().st_size for file in bank.files["train"])
