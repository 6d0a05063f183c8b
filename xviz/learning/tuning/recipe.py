"""The recipe: a model, an arm, its data -> a tuned network, an ordinary folder that every page takes.

The entry of a :class:`~xviz.learning.tuning.spec.TuneSpec` holds ``model/`` (network, tokenizer, card) and
``tune.json`` (specification, counts, steps, tokens, dev). ``untuned`` has no network of its own. A run that
was stopped goes on from its last checkpoint as soon as the same specification is asked for again.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from xviz.errors import InputError, XvizError
from xviz.journal import SILENT, Journal
from xviz.learning.instruction.objective import keeps_rows_apart
from xviz.learning.loop import State, train
from xviz.learning.tuning.data import TuningData, open_data
from xviz.learning.tuning.feed import Feed
from xviz.learning.tuning.judge import Judge
from xviz.learning.tuning.networks import Tuned, freeze_unreached, open_to_tune, write_folder
from xviz.learning.tuning.objective import TuningObjective
from xviz.learning.tuning.spec import TuneSpec
from xviz.models.devices import choose_device
from xviz.models.folder import describe, locate
from xviz.store import Entry, Store

MODEL, FACTS = "model", "tune.json"


def compute_tuned(
    specs: Sequence[TuneSpec],
    *,
    store: Store,
    journal: Journal = SILENT,
    load: Callable[..., Any] | None = None,
) -> None:
    """One arm after the other (``load`` is not needed: tuning loads networks with their heads)."""
    for spec in specs:
        tune(spec, store=store, journal=journal)


def tune(spec: TuneSpec, *, store: Store, journal: Journal = SILENT) -> Entry:
    """The tuned network of ``spec``, from the store or trained now.

    Raises:
        Cancelled: asked to stop; call again to go on from the checkpoint.
        InputError: model, data and arm don't go together; the sentence says why.
    """
    checkpoints = checkpoints_of(spec, store, journal)

    def write(folder: Path) -> dict[str, Any]:
        facts = (
            _untuned(spec, journal) if spec.arm == "untuned" else _train(spec, folder, checkpoints, journal)
        )
        said = {"specification": spec.model_dump(mode="json"), "key": spec.key} | facts
        (folder / FACTS).write_text(json.dumps(said, ensure_ascii=False, indent=1), "utf-8")
        return {name: facts[name] for name in ("steps", "tokens") if name in facts}

    entry = store.obtain(spec, write, journal=journal)
    if int(os.environ.get("RANK", "0")) == 0:
        shutil.rmtree(checkpoints, ignore_errors=True)
    return entry


def model_folder(spec: TuneSpec, store: Store) -> Path:
    """The folder of the network of ``spec``: a model like any other.

    Raises:
        XvizError: it has not been tuned.
    """
    if spec.arm == "untuned":
        return locate(spec.model)
    entry = store.find(spec)
    if entry is None:
        raise XvizError("This network is not in the store (any more); ask for it again to tune it.")
    return entry.folder / MODEL


def read_facts(spec: TuneSpec, store: Store) -> dict[str, Any]:
    """``tune.json`` of a finished arm."""
    entry = store.find(spec)
    if entry is None:
        raise XvizError("This network is not in the store (any more); ask for it again to tune it.")
    return json.loads((entry.folder / FACTS).read_text("utf-8"))


def checkpoints_of(spec: TuneSpec, store: Store, journal: Journal = SILENT) -> Path:
    """Beside the place of the result, so that whoever wants it goes on from there.

    Of several processes each has a store of its own: theirs are in the folder of the run, which they share.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and journal.checkpoints is not None:
        return journal.checkpoints / spec.key
    return store.place(spec.kind, spec.key).with_name(f".{spec.key}.checkpoints")


def _untuned(spec: TuneSpec, journal: Journal) -> dict[str, Any]:
    """The network as it is, measured on dev as every arm is."""
    tuned = open_to_tune(spec.model)
    data = open_data(spec, tuned.model, answers=_answers(tuned), journal=journal)
    tuned.network.to(choose_device())  # type: ignore[arg-type]
    tuned.network.eval()
    with torch.no_grad():
        dev = dict(Judge(spec, data, tuned, Path())(tuned.network)) if spec.dev else {}
    facts = {"arm": spec.arm, "seed": spec.training.seed, "model": spec.model.name, "steps": 0, "tokens": 0}
    return facts | {"dev": dev, **data.facts}


def _answers(tuned: Tuned) -> bool:
    return (
        tuned.has_head and tuned.model.family == "decoder" and tuned.model.tokenizer.eos_token_id is not None
    )


def _train(spec: TuneSpec, folder: Path, checkpoints: Path, journal: Journal) -> dict[str, Any]:
    journal.stage(f"Reading the data of {spec.arm}")
    tuned = open_to_tune(spec.model, lora=spec.lora, seed=spec.training.seed)
    _check(spec, tuned)
    data = open_data(spec, tuned.model, answers=_answers(tuned), journal=journal)
    rowed = spec.instructs or spec.arm == "translation_lm"
    packed = rowed and spec.instruction.packed and keeps_rows_apart(tuned.network)
    if spec.arm in ("mcl", "shuffled"):
        freeze_unreached(tuned, spec.contrastive.layer)
    if spec.checkpointing:
        tuned.network.gradient_checkpointing_enable({"use_reentrant": False})
    learned = sum(p.numel() for p in tuned.network.parameters() if p.requires_grad)

    feed = Feed(spec, pairs=data.pairs, rows=data.rows, pad=tuned.model.pad, packed=packed)
    objective = TuningObjective(tuned, spec, packed=packed)
    judge = Judge(spec, data, tuned, checkpoints)
    journal.stage(f"Tuning: {spec.arm}, seed {spec.training.seed}")
    try:
        state = train(
            objective,
            feed.batch,
            spec.training,
            evaluate=judge if spec.dev else None,
            checkpoints=checkpoints,
            about={"specification": spec.key},
            journal=journal,
        )
        judge.take_best(objective)
    finally:
        objective.close()

    journal.stage("Writing the model")
    facts = {
        "arm": spec.arm,
        "seed": spec.training.seed,
        "model": spec.model.name,
        "steps": state.step,
        "tokens": state.tokens,
        "seconds": round(state.seconds, 1),
        "learned_parameters": learned,
        "packed": packed,
        "dev": state.dev,
        **data.facts,
    }
    write_folder(tuned, folder / MODEL)
    (folder / MODEL / "README.md").write_text(_card(spec, facts, state, data), "utf-8")
    return facts


def _check(spec: TuneSpec, tuned: Tuned) -> None:
    """Model and arm go together.

    Raises:
        InputError: a layer that is not there, or an objective that this network has no output for.
    """
    facts = describe(spec.model)
    if spec.contrastive.layer > facts.layers:
        raise InputError(
            f"{spec.model.name} has hidden layers 0 to {facts.layers}, not {spec.contrastive.layer}."
        )
    if spec.arm in ("mcl", "shuffled"):
        return
    if facts.family == "encoder":
        raise InputError(
            f"{spec.model.name} is an encoder, which generates nothing; tune it by mcl (control: shuffled)."
        )
    if not tuned.has_head:
        raise InputError(
            f"{spec.model.name} was saved without its output layer, so it can't learn to answer; tune it by "
            "mcl, or save it with AutoModelForCausalLM.",
            file=facts.path,
        )


def _card(spec: TuneSpec, facts: dict[str, Any], state: State, data: TuningData) -> str:
    dev = "\n".join(f"- {name}: {value:.3f}" for name, value in sorted(state.dev.items())) or "- not measured"
    family = describe(spec.model).family
    kind = "text-generation" if family == "decoder" else "fill-mask"
    used = ((spec.pairs, spec.paired), (spec.instructions, spec.instructs))
    sources = [Path(place).name for place, wanted in used if place and wanted]
    return f"""---
library_name: transformers
pipeline_tag: {kind}
---

# {Path(spec.model.name).name}, tuned: {spec.arm}, seed {spec.training.seed}

- **Before**: `{Path(spec.model.name).name}`; **method**: {"LoRA" if spec.lora else "full tuning"},
  {facts["learned_parameters"]:,} parameters learned.
- **Tuning**: {state.step:,} steps, {state.tokens:,} tokens, learning rate {spec.training.learning_rate:g}.
- **Languages** (ISO 639-3): {", ".join(data.languages)}.
- **Data**: {", ".join(sources)}, each under its own licence.

## Dev, at the end

{dev}

Made by `xviz tune`.
"""
