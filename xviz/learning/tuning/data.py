"""The data of an arm: opened, kept apart from what is measured, cut into train and dev, made tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from xviz.corpora.parallel import ParallelCorpus
from xviz.corpora.partition import side_of
from xviz.errors import InputError
from xviz.journal import SILENT, Journal
from xviz.learning.contrastive.pairs import draw_pairs, open_pairs, pivot_first, shuffle_pairs
from xviz.learning.instruction.crosslingual import build, counts, translation_prompt
from xviz.learning.instruction.rows import Instructions, open_instructions
from xviz.learning.tuning.apart import Apartness, sentences_in, shared_instructions, shared_pairs, without
from xviz.learning.tuning.feed import PairItems, text_key
from xviz.learning.tuning.spec import TuneSpec
from xviz.learning.tuning.tokens import Tokens, read_rows, read_sentences
from xviz.models.loading import LanguageModel


@dataclass
class TuningData:
    """What one arm is trained on, and what every arm is judged on.

    ``facts`` are the counts that are shown: sentences and pairs, rows a direction, what was left out and why.
    ``dev_pairs``, ``dev_rows``, ``dev_texts`` (the dev sentences of every language of the pairs, pivot first,
    the left-out ones included) are the same in all arms, wherever there are such data; ``dev_lm`` is of
    ``translation_lm`` alone.
    """

    languages: tuple[str, ...]
    pairs: PairItems | None = None
    rows: list[Tokens] = field(default_factory=list)
    dev_pairs: PairItems | None = None
    dev_rows: list[Tokens] = field(default_factory=list)
    dev_lm: list[Tokens] = field(default_factory=list)
    dev_texts: dict[str, list[str]] = field(default_factory=dict)
    facts: dict[str, object] = field(default_factory=dict)


def open_data(
    spec: TuneSpec, model: LanguageModel, *, answers: bool = True, journal: Journal = SILENT
) -> TuningData:
    """Everything that the arm of ``spec`` reads.

    Args:
        answers: whether the network can answer at all (it generates, and has its output layer); else
            instructions are not read.

    Raises:
        InputError: languages that the data lack, or nothing left to tune on.
    """
    corpus = open_pairs(spec.pairs) if spec.pairs is not None else None
    instructions = open_instructions(spec.instructions) if answers and spec.instructions is not None else None
    if spec.arm == "untuned":  # measured on whatever of its languages there is
        measured = (corpus, None) if corpus is not None else (None, instructions)
        languages = spec.languages or tuned_languages(spec, *measured)
    else:
        languages = tuned_languages(
            spec, corpus if spec.paired else None, instructions if spec.instructs else None
        )
    evaluation = set().union(*map(sentences_in, spec.apart_from)) if spec.apart_from else set()
    apart = Apartness(len(evaluation))
    data = TuningData(languages)
    limit = min(spec.length, model.max_length or spec.length)

    if corpus is not None:
        shared = shared_pairs(corpus, evaluation)
        apart = Apartness(len(evaluation), len(corpus), shared)
        _pairs(data, without(corpus, shared), spec, model, limit)
    if instructions is not None:
        there = {iso: instructions.rows[iso] for iso in languages if iso in instructions.rows}
        chosen = Instructions(instructions.name, there)
        if there:
            found = shared_instructions(chosen, evaluation)
            apart = Apartness(len(evaluation), apart.pairs, apart.shared_pairs, len(chosen.ids), found)
            kept = chosen.only([id for id in chosen.ids if id not in set(found)])
            _rows(data, kept, spec, model, limit)
    if spec.instructs and spec.instruction.translations and corpus is not None:
        _translations(data, corpus, spec, model, limit)
    data.facts |= {
        "languages": list(languages),
        "left_out_languages": list(spec.leave_out),
        "apart_from_sentences": apart.evaluation,
        "shared_pairs_removed": len(apart.shared_pairs),
        "shared_instructions_removed": len(apart.shared_instructions),
    }
    if evaluation:
        journal.log(apart.sentence)
    for name in ("too_long_sentences", "too_long_rows"):
        if data.facts.get(name):
            journal.log(f"{data.facts[name]} {name.split('_')[-1]} of over {limit} tokens were left out.")
    return data


def tuned_languages(
    spec: TuneSpec, corpus: ParallelCorpus | None, instructions: Instructions | None
) -> tuple[str, ...]:
    """The languages that are tuned on, the pivot first.

    Raises:
        InputError: one that is asked for is not there, or none is left.
    """
    sides = [set(each.languages) for each in (corpus, instructions) if each is not None]
    there = set.intersection(*sides) if sides else set()
    for iso in spec.languages:
        if iso not in there:
            raise InputError(f"{iso} is not in the data to tune on; there are {', '.join(sorted(there))}.")
    chosen = spec.languages or pivot_first(sorted(there - set(spec.leave_out)))
    if corpus is not None and len(chosen) < 2:
        raise InputError("Translation pairs want at least two languages to tune on.")
    if not chosen:
        raise InputError("No language is left to tune on; look at --languages and --leave-out.")
    return chosen


def _pairs(
    data: TuningData, corpus: ParallelCorpus, spec: TuneSpec, model: LanguageModel, limit: int
) -> None:
    languages = [iso for iso in data.languages if iso in corpus.languages]
    if len(languages) < 2:
        return
    texts = {iso: corpus.texts(iso) for iso in languages}
    ids = corpus.ids()
    sides = [_side(id, spec.dev) for id in ids]
    tokens = [read_sentences(texts[iso], model) for iso in languages]
    keys = np.array([[text_key(text) for text in texts[iso]] for iso in languages], dtype=np.int64)
    readable = [all(of[s].own.any() and len(of[s]) <= limit for of in tokens) for s in range(len(ids))]

    def drawn(side: str) -> PairItems:
        chosen = [s for s in range(len(ids)) if readable[s] and sides[s] == side]
        pairs = draw_pairs(len(languages), chosen, pairing=spec.contrastive.pairing)
        return PairItems(pairs, tokens, keys)

    data.dev_pairs = drawn("dev")
    there = [*languages, *(iso for iso in corpus.languages if iso in spec.leave_out)]
    on_dev = [s for s, side in enumerate(sides) if side == "dev" and readable[s]]
    data.dev_texts = {iso: [corpus.texts(iso)[s] for s in on_dev] for iso in there}
    if not spec.paired:
        return
    data.pairs = drawn("train")
    if spec.arm == "shuffled":
        data.pairs = PairItems(shuffle_pairs(data.pairs.pairs, seed=spec.training.seed), tokens, keys)
    data.facts |= {
        "sentences": sides.count("train"),
        "dev_sentences": len(on_dev),
        "pairs": len(data.pairs.pairs),
        "too_long_sentences": readable.count(False),
    }
    if spec.arm == "translation_lm":
        for items, rows in ((data.pairs, data.rows), (data.dev_pairs, data.dev_lm)):
            both = [f"{texts[languages[a]][s]} {texts[languages[b]][t]}" for a, s, b, t in items.pairs]
            rows += _short(data, read_rows([""] * len(both), both, model), limit)


def _rows(
    data: TuningData, instructions: Instructions, spec: TuneSpec, model: LanguageModel, limit: int
) -> None:
    for side in ("train", "dev") if spec.instructs else ("dev",):
        ids = [id for id in instructions.ids if _side(id, spec.dev) == side]
        if not ids:
            continue
        # every arm is judged on the same dev rows, also the one that learns in one language at a time
        crossing = spec.crossing if side == "train" else spec.instruction.crossing
        built = build(
            instructions.only(ids),
            crossing=crossing if len(instructions.languages) > 1 else 0.0,
            seed=spec.training.seed if side == "train" else 0,
        )
        read = _short(data, read_rows([r.prompt for r in built], [r.output for r in built], model), limit)
        if side == "train":
            data.rows += read
            data.facts |= {"instructions": len(ids), "rows": len(built), "directions": counts(built)}
        else:
            data.dev_rows += read


def _translations(
    data: TuningData, corpus: ParallelCorpus, spec: TuneSpec, model: LanguageModel, limit: int
) -> None:
    """Rows that ask for a translation, from or into the pivot, as many as their share asks for."""
    if data.dev_pairs is None:
        raise InputError("Translation rows want translation pairs in at least two of the tuned languages.")
    languages = [iso for iso in data.languages if iso in corpus.languages]
    texts, ids = {iso: corpus.texts(iso) for iso in languages}, corpus.ids()
    train = [s for s, id in enumerate(ids) if _side(id, spec.dev) == "train"]
    share, rng = spec.instruction.translations, np.random.default_rng([spec.training.seed, 23])
    prompts, outputs = [], []
    for number in range(round(len(data.rows) * share / (1 - share))):
        sentence = train[int(rng.integers(len(train)))]
        sides = [languages[0], languages[1 + int(rng.integers(len(languages) - 1))]]
        source, target = sides if number % 2 else sides[::-1]
        prompts.append(translation_prompt(texts[source][sentence], target))
        outputs.append(texts[target][sentence])
    rows = _short(data, read_rows(prompts, outputs, model), limit)
    data.rows += rows
    data.facts["translation_rows"] = len(rows)


def _short(data: TuningData, rows: Sequence[Tokens], limit: int) -> list[Tokens]:
    short = [row for row in rows if len(row) <= limit]
    before = data.facts.get("too_long_rows", 0)
    data.facts["too_long_rows"] = int(str(before)) + len(rows) - len(short)
    return short


def _side(id: str, dev: int) -> str:
    """``train`` or ``dev``, by the id alone: the same in every language, arm and seed."""
    return side_of(id, (100 - dev, dev, 0))
