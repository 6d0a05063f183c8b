"""Fill the store with experiments, and read them back.

The entry of a :class:`~xviz.learning.meta.spec.MetaSpec` holds

- ``predictions.safetensors``: for each judged treebank ``T`` an int16 block ``T`` of trials x test words, and
  ``T/codes`` (the true concept; -1 unseen in the source, -2 without annotation) and ``T/sentence``;
- ``trials.parquet``: treebank, language, row (of the block), method, shots, draw, seed;
- ``sentences.parquet``: treebank, sentence, sent_id of the test words;
- ``maps.safetensors``: the maps and the source's probe;
- ``facts.json``: concepts, what dev chose, accuracies on dev, the hash of the frozen Φ.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Int

from xviz.errors import XvizError
from xviz.journal import SILENT, Journal
from xviz.learning.meta.experiment import Outcome, run_experiment
from xviz.learning.meta.languages import Languages, open_languages
from xviz.learning.meta.spec import MetaSpec
from xviz.models.devices import choose_device
from xviz.store import Entry, Store

PREDICTIONS, TRIALS, SENTENCES = "predictions.safetensors", "trials.parquet", "sentences.parquet"
MAPS, FACTS = "maps.safetensors", "facts.json"


@dataclass(frozen=True)
class Judged:
    """The test words of one treebank with every trial's predictions.

    ``trials``: a row for each row of ``predicted``: method, shots, draw, seed (-1: there is but one).
    """

    treebank: str
    language: str
    trials: pd.DataFrame
    predicted: Int[np.ndarray, "trials rows"]
    codes: Int[np.ndarray, " rows"]
    sentence: Int[np.ndarray, " rows"]
    sent_ids: tuple[str, ...]


@dataclass(frozen=True)
class Predictions:
    """A finished experiment; the first treebank is the source's."""

    concepts: tuple[str, ...]
    judged: tuple[Judged, ...]
    facts: Mapping[str, Any]


def compute_metas(
    specs: Sequence[MetaSpec],
    *,
    store: Store,
    journal: Journal = SILENT,
    load: Callable[..., Any] | None = None,
    device: str = "auto",
) -> None:
    """One experiment after the other; the vectors that they need are in the store."""
    for spec in specs:
        compute_meta(spec, store=store, journal=journal, device=device)


def compute_meta(spec: MetaSpec, *, store: Store, journal: Journal = SILENT, device: str = "auto") -> Entry:
    """The experiment of ``spec``, from the store or run now.

    Raises:
        InputError: a treebank has too few sentences.
        Cancelled: the journal asked to stop.
    """

    def write(folder: Path) -> dict[str, Any]:
        place = "cuda" if choose_device(device).startswith("cuda") else "cpu"
        journal.stage("Reading stored vectors")
        languages = open_languages(spec, store=store)
        outcome = run_experiment(
            languages, spec.design, concepts=spec.concepts, device=place, journal=journal
        )
        write_outcome(languages, outcome, folder)
        return {"device": place, "trials": sum(len(found) for found in outcome.predictions.values())}

    return store.obtain(spec, write, journal=journal)


def read_predictions(spec: MetaSpec, store: Store) -> Predictions:
    """The predictions of ``spec``.

    Raises:
        XvizError: they have not been computed.
    """
    entry = store.find(spec)
    if entry is None:
        raise XvizError("This experiment is not in the store (any more); ask for it again to make it.")
    return read_outcome(entry.folder)


def write_outcome(languages: Languages, outcome: Outcome, folder: Path) -> None:
    """Write the files that are described above."""
    from safetensors.numpy import save_file

    tensors: dict[str, np.ndarray] = {}
    trials, sentences = [], []
    for language in languages.judged:
        found = outcome.predictions[language.name]
        order = sorted(found)
        tensors[language.name] = np.stack([found[trial] for trial in order]).astype(np.int16)
        tensors[f"{language.name}/codes"] = language.test.codes.astype(np.int16)
        tensors[f"{language.name}/sentence"] = language.test.sentence.astype(np.int32)
        where = {"treebank": language.name, "language": language.language}
        trials += [where | {"row": row} | vars(trial) for row, trial in enumerate(order)]
        sentences += [
            {"treebank": language.name, "sentence": i, "sent_id": name}
            for i, name in enumerate(language.test.sent_ids)
        ]
    save_file(tensors, folder / PREDICTIONS)
    pd.DataFrame(trials).to_parquet(folder / TRIALS, index=False)
    pd.DataFrame(sentences).to_parquet(folder / SENTENCES, index=False)
    save_file(_maps(outcome), folder / MAPS)
    facts = dict(outcome.facts) | {"dev": outcome.dev}
    (folder / FACTS).write_text(json.dumps(facts, indent=1), encoding="utf-8")


def read_outcome(folder: Path) -> Predictions:
    """What :func:`write_outcome` wrote."""
    from safetensors.numpy import load_file

    tensors = load_file(folder / PREDICTIONS)
    trials, sentences = pd.read_parquet(folder / TRIALS), pd.read_parquet(folder / SENTENCES)
    facts = json.loads((folder / FACTS).read_text("utf-8"))
    judged = []
    for (name, language), rows in trials.groupby(["treebank", "language"], sort=False):
        names = sentences.loc[sentences["treebank"] == name, "sent_id"]
        judged.append(
            Judged(
                treebank=str(name),
                language=str(language),
                trials=rows[["method", "shots", "draw", "seed"]].reset_index(drop=True),
                predicted=tensors[str(name)],
                codes=tensors[f"{name}/codes"],
                sentence=tensors[f"{name}/sentence"],
                sent_ids=tuple(names),
            )
        )
    return Predictions(tuple(facts["concepts"]), tuple(judged), facts)


def _maps(outcome: Outcome) -> dict[str, np.ndarray]:
    tensors = {"probe/A": np.ascontiguousarray(outcome.probe.A), "probe/prototypes": outcome.probe.prototypes}
    for name, trained in (("zero_shot", outcome.zero_shot), ("few_shot", outcome.few_shot)):
        if trained is not None:
            state: dict[str, torch.Tensor] = dict(trained.phi.state_dict())
            if trained.U is not None:
                state["U"] = trained.U
            tensors |= {f"{name}/{key}": value.cpu().contiguous().numpy() for key, value in state.items()}
    return tensors
