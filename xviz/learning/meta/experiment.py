"""Every method on every judged language: one table of predictions, from which all accuracies are read.

``majority, lookup, direct, probe, pooled, rotation, in_language, in_language_few_shot``:
:mod:`xviz.learning.meta.baselines`. ``meta_zero_shot``, ``meta_few_shot``:
:mod:`xviz.learning.meta.training`, :mod:`xviz.learning.meta.adaptation`.

The source is judged as well: it is the pivot of a gap. Rows with a seed differ by it (initial weights,
episodes, dropout), rows with a draw by the sentences that were seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Int

from xviz.concepts.probe import Probe
from xviz.concepts.prototypes import prototypes
from xviz.errors import Cancelled, InputError
from xviz.journal import SILENT, Journal
from xviz.learning.meta import baselines
from xviz.learning.meta.adaptation import FewShots, adapt
from xviz.learning.meta.languages import Language, Languages
from xviz.learning.meta.networks import WIDTH, WIDTHS
from xviz.learning.meta.spec import MetaDesign
from xviz.learning.meta.training import Trained, train_map


@dataclass(frozen=True, order=True)
class Trial:
    """One prediction of a language: method, sentences seen, and which repetition (-1: there is but one)."""

    method: str
    shots: int = 0
    draw: int = -1
    seed: int = -1


@dataclass(frozen=True)
class Outcome:
    """Predictions on the test side of each judged treebank, and what was learned on the way.

    ``dev``: accuracy of ``direct`` and ``probe`` on the dev side of each judged treebank, by which the
    languages that are behind are fixed before anything is tested.
    """

    predictions: dict[str, dict[Trial, Int[np.ndarray, " rows"]]]
    dev: dict[str, dict[str, float]]
    probe: Probe
    zero_shot: Trained | None = None
    few_shot: Trained | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


def run_experiment(
    languages: Languages,
    design: MetaDesign,
    *,
    concepts: str = "upos",
    device: str | torch.device = "cpu",
    journal: Journal = SILENT,
) -> Outcome:
    """Train what ``design`` asks for and predict the test words of the source and of every target.

    Raises:
        InputError: a language has too few sentences.
        Cancelled: the journal asked to stop.
    """
    if design.shuffled:
        languages = languages.shuffled(design.seed)
    with _one_thread_an_operation():
        return _run(languages, design, concepts=concepts, device=device, journal=journal)


def _run(
    languages: Languages, design: MetaDesign, *, concepts: str, device: str | torch.device, journal: Journal
) -> Outcome:
    teachers = ([languages.source] if design.with_source else []) + list(languages.training)
    names, judged = languages.concepts, languages.judged
    few = FewShots(design.shots, design.draws, design.seed)
    predictions: dict[str, dict[Trial, np.ndarray]] = {language.name: {} for language in judged}

    journal.stage(f"Probe of the source, {languages.source.name}")
    probe = baselines.fit_probe(languages.source, names, concepts=concepts, settings=design.probe)
    space = probe.space
    for language, trial, guess in _baselines(languages, teachers, design, few, probe, concepts, journal):
        predictions[language.name][trial] = guess.astype(np.int16)

    seeds = [design.seed + i for i in range(design.seeds)]
    settings = design.training
    trained = _train(teachers, space, design, concepts=concepts, seeds=seeds, device=device, journal=journal)
    if (zero := trained.get("meta_zero_shot")) is not None:
        for language in judged:
            guesses = zero.logits(language.test.vectors).argmax(-1).cpu().numpy()
            for seed, guess in zip(seeds, guesses, strict=True):
                predictions[language.name][Trial("meta_zero_shot", seed=seed)] = guess.astype(np.int16)
    if (few_trained := trained.get("meta_few_shot")) is not None:
        journal.stage("A few sentences of each new language")
        found = adapt(few_trained, judged, few, settings=settings, journal=journal)
        for (name, shots, draw), guesses in found.items():
            for seed, guess in zip(seeds, guesses, strict=True):
                predictions[name][Trial("meta_few_shot", shots, draw, seed)] = guess

    facts: dict[str, Any] = {
        "concepts": list(names),
        "source_probe": {"learning_rate": probe.learning_rate, "dev_accuracy": probe.dev_accuracy},
        "train_sentences": {language.name: len(language.train) for language in judged},
        "meta": {
            method: {
                "epoch": list(each.epoch),
                "dev_accuracy": list(each.dev_accuracy),
                "episodes": each.episodes,
                "phi_sha256": each.phi.hash(),
            }
            for method, each in trained.items()
        },
    }
    return Outcome(predictions, _dev(languages, probe), probe, zero, few_trained, facts)


def _train(
    teachers: list[Language],
    space: np.ndarray,
    design: MetaDesign,
    *,
    concepts: str,
    seeds: list[int],
    device: str | torch.device,
    journal: Journal,
) -> dict[str, Trained]:
    """The maps for zero-shot and for few-shot use, trained side by side (they share nothing)."""
    wanted = [method for method in ("meta_zero_shot", "meta_few_shot") if method in design.methods]
    if not wanted:
        return {}
    journal.stage(f"Meta-training on {len(teachers)} languages ({design.seeds} seeds)")
    hidden = design.training.hidden or WIDTHS.get(concepts, WIDTH)
    with ThreadPoolExecutor(len(wanted)) as pool:
        running = {
            method: pool.submit(
                train_map,
                teachers,
                space,
                settings=design.training,
                hidden=hidden,
                seeds=seeds,
                few_shot=method == "meta_few_shot",
                device=device,
                journal=_Voice(journal, method.removeprefix("meta_"), leads=method == wanted[-1]),
            )
            for method in wanted
        }
        return {method: each.result() for method, each in running.items()}


class _Voice(Journal):
    """One of two trainings that speak to a journal: curves carry its name, the longer one tells progress."""

    def __init__(self, journal: Journal, name: str, *, leads: bool):
        self._journal, self._name, self._leads = journal, name, leads

    def progress(self, done: float, total: float, *, unit: str = "") -> None:
        if self._leads:
            self._journal.progress(done, total, unit=unit)

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        self._journal.metrics(step, {f"{self._name}_{key}": value for key, value in values.items()})

    def stop_requested(self) -> bool:
        return self._journal.stop_requested()


@contextmanager
def _one_thread_an_operation() -> Iterator[None]:
    """Products here are small: more threads slow them down on a busy machine, and change the last bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _baselines(
    languages: Languages,
    teachers: list[Language],
    design: MetaDesign,
    few: FewShots,
    probe: Probe,
    concepts: str,
    journal: Journal,
) -> Iterator[tuple[Language, Trial, np.ndarray]]:
    wanted, names, judged = set(design.methods), languages.concepts, languages.judged
    raw = _raw_prototypes(languages)
    pooled = None
    if "pooled" in wanted:
        journal.stage(f"Linear classifier on {len(teachers)} languages")
        pooled = baselines.Pooled(teachers, len(names), seed=design.seed)
        _stop_if_asked(journal)
    journal.stage("Baselines")
    for number, language in enumerate(judged):
        test = language.test
        if "majority" in wanted:
            yield language, Trial("majority"), baselines.majority(test)
        if "lookup" in wanted:
            yield language, Trial("lookup"), baselines.lookup(teachers, test)
        if "direct" in wanted:
            yield language, Trial("direct"), baselines.nearest(test.vectors, raw)
        if "probe" in wanted:
            yield language, Trial("probe"), probe.predict(test.vectors)
        if pooled is not None:
            yield language, Trial("pooled"), pooled.predict(test)
        if "in_language" in wanted:
            own = probe
            if language is not languages.source:
                own = _ceiling(language, names, concepts, design)
            yield language, Trial("in_language"), own.predict(test.vectors)
        for shots, draw, sentences in few.of(language):
            if "rotation" in wanted:
                guess = baselines.rotation(language.train, sentences, test, probe)
                yield language, Trial("rotation", shots, draw), guess
            if "in_language_few_shot" in wanted:
                guess = baselines.own_prototypes(language.train, sentences, test, len(names))
                yield language, Trial("in_language_few_shot", shots, draw), guess
        journal.progress(number + 1, len(judged), unit="languages")
        _stop_if_asked(journal)


def _ceiling(language: Language, names: tuple[str, ...], concepts: str, design: MetaDesign) -> Probe:
    try:
        return baselines.fit_probe(language, names, concepts=concepts, settings=design.probe)
    except InputError as error:
        raise InputError(f"{language.name}, as the ceiling in its own language: {error.message}") from error


def _raw_prototypes(languages: Languages) -> np.ndarray:
    train = languages.source.train
    means, _ = prototypes(train.vectors, train.codes, len(languages.concepts))
    return means


def _dev(languages: Languages, probe: Probe) -> dict[str, dict[str, float]]:
    raw, accuracies = _raw_prototypes(languages), {}
    for language in languages.judged:
        codes = language.dev.codes
        there = codes >= -1  # a concept that the source lacks counts as an error
        guesses = {
            "direct": baselines.nearest(language.dev.vectors, raw),
            "probe": probe.predict(language.dev.vectors),
        }
        accuracies[language.name] = {
            method: float(np.mean(guess[there] == codes[there])) for method, guess in guesses.items()
        }
    return accuracies


def _stop_if_asked(journal: Journal) -> None:
    if journal.stop_requested():
        raise Cancelled("The experiment was stopped; nothing of it was kept.")
