"""The training loop. Everything in xviz that trains a network with gradients trains it here.

A step: read ``accumulate`` batches, weigh each batch's mean loss by its share of the step's targets (so that
accumulating, or spreading over processes, changes nothing but rounding), clip the gradient to a norm, set
the learning rate, update with AdamW (Loshchilov & Hutter, 2019). The learning rate rises linearly, then
falls as half a cosine (Loshchilov & Hutter, 2017), as a function of the share of the budget used up.

A run that was stopped goes on exactly where it was:

- batches are a function of their number, so the position in the data is one integer;
- every random generator is seeded anew at each step from (seed, step, process), so there is no state of a
  generator to keep;
- weights and the optimiser's moments are kept as they are, in fp32, as safetensors; the rest is JSON.

A checkpoint is written beside its place and renamed into it; the one before is removed only after that.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast, gather_object, set_seed
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from xviz.errors import Cancelled, InputError, XvizError
from xviz.journal import SILENT, Journal
from xviz.learning.spec import TrainingSpec

KEPT_CHECKPOINTS = 2


@dataclass(frozen=True)
class Batch:
    """What an objective is called with, and how much it is.

    ``inputs`` are the objective's keyword arguments. ``targets`` is the number of things that its mean loss
    is a mean over (masked tokens, pairs); ``tokens`` counts what the network reads, without padding.
    """

    inputs: dict[str, Tensor]
    targets: int
    tokens: int


Batches = Callable[[int], Batch]
"""Batch number i. The same number gives the same batch in any process and any order."""

Evaluate = Callable[[nn.Module], Mapping[str, float]]
"""Measures the objective on dev, in evaluation mode and without gradients."""


@dataclass
class State:
    """Where a run stands. Everything else is weights and the optimiser's moments."""

    step: int = 0
    position: int = 0
    """Number of the next batch."""
    tokens: int = 0
    seconds: float = 0.0
    """Spent in the loop, summed over resumptions."""
    recent: list[float] = field(default_factory=list)
    """Losses of the steps since the last line of the curve."""
    dev: dict[str, float] = field(default_factory=dict)
    """The latest measurements on dev."""


def train(
    objective: nn.Module,
    batches: Batches,
    settings: TrainingSpec,
    *,
    evaluate: Evaluate | None = None,
    checkpoints: Path | None = None,
    about: Mapping[str, Any] | None = None,
    journal: Journal = SILENT,
) -> State:
    """Train the parameters of ``objective`` that require gradients, in place.

    Args:
        objective: a module that holds the network; called with a batch's ``inputs``, it returns
            the mean loss.
        batches: batch number i; with several processes each reads its own numbers.
        settings: budget, schedule, precision, seed.
        evaluate: called every ``settings.evaluate_every`` steps and at the end.
        checkpoints: folder to keep checkpoints in, and to resume from if there are any.
        about: whatever else a checkpoint must agree with to be resumed (JSON).
        journal: is told loss, learning rate, norm of the gradient, tokens a second, and dev measurements.

    Returns:
        Where the run ended.

    Raises:
        Cancelled: the journal asked to stop; the checkpoint has been written.
        InputError: the checkpoints are of a run with other settings.
        XvizError: the loss is no longer a number, or no checkpoint can be written.
    """
    accelerator = Accelerator()
    rank, world = accelerator.process_index, accelerator.num_processes
    precision = torch.bfloat16 if uses_bf16(settings.precision, accelerator.device) else torch.float32
    identity = {"settings": settings.model_dump(mode="json"), "about": dict(about or {})}

    objective = objective.to(accelerator.device)
    learned = {name: p for name, p in objective.named_parameters() if p.requires_grad}
    optimiser = torch.optim.AdamW(
        [
            {"params": [p for p in learned.values() if p.ndim >= 2], "weight_decay": settings.weight_decay},
            {"params": [p for p in learned.values() if p.ndim < 2], "weight_decay": 0.0},
        ],
        lr=settings.learning_rate,
        betas=(settings.beta1, settings.beta2),
        fused=True,
    )
    state = State()
    if checkpoints is not None:
        state = _resume(checkpoints, learned, optimiser, identity, journal) or state
    model = accelerator.prepare_model(objective)
    model.train()

    resumed_at = time.monotonic() - state.seconds
    saved_at, logged_at, logged_tokens = time.monotonic(), time.monotonic(), state.tokens

    while (used := _same_everywhere(share_used(settings, state), accelerator)) < 1:
        set_seed(_seed_of(settings.seed, state.step, rank))
        mine = [batches(state.position + a * world + rank) for a in range(settings.accumulate)]
        counts = gather_object([(sum(b.targets for b in mine), sum(b.tokens for b in mine))])
        targets, tokens = (sum(column) for column in zip(*counts, strict=True))

        loss = torch.zeros((), device=accelerator.device)
        for batch in mine:
            inputs = {name: x.to(accelerator.device, non_blocking=True) for name, x in batch.inputs.items()}
            with torch.autocast(accelerator.device.type, precision, enabled=precision != torch.float32):
                mean = model(**inputs)
            part = mean.float() * (batch.targets / max(1, targets))
            accelerator.backward(part * world)  # gradients are averaged over processes
            loss += part.detach()

        norm = accelerator.clip_grad_norm_(learned.values(), settings.clip)
        for group in optimiser.param_groups:
            group["lr"] = settings.learning_rate * schedule(used, settings)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)

        state.step += 1
        state.position += settings.accumulate * world
        state.tokens += tokens
        state.seconds = time.monotonic() - resumed_at
        state.recent.append(float(accelerator.reduce(loss)))
        if not math.isfinite(state.recent[-1]):
            raise XvizError(
                f"The loss is no longer a number at step {state.step}; a lower learning rate than "
                f"{settings.learning_rate:g} or a longer warm-up may help."
            )

        over = _same_everywhere(share_used(settings, state), accelerator) >= 1
        if state.step % settings.log_every == 0 or over:
            now = time.monotonic()
            curve = {
                "loss": sum(state.recent) / len(state.recent),
                "learning_rate": optimiser.param_groups[0]["lr"],
                "gradient_norm": float(norm),
                "tokens": float(state.tokens),
                "tokens_per_second": (state.tokens - logged_tokens) / max(now - logged_at, 1e-9),
            }
            logged_at, logged_tokens, state.recent = now, state.tokens, []
            journal.metrics(state.step, curve)
            _tell_progress(journal, settings, state)
        if evaluate is not None and (state.step % settings.evaluate_every == 0 or over):
            model.eval()
            with (
                torch.no_grad(),
                torch.autocast(accelerator.device.type, precision, enabled=precision != torch.float32),
            ):
                state.dev = dict(evaluate(accelerator.unwrap_model(model)))
            model.train()
            journal.metrics(state.step, state.dev)

        asked = bool(_same_everywhere(float(journal.stop_requested()), accelerator))
        due = time.monotonic() - saved_at >= 60 * settings.checkpoint_minutes
        if checkpoints is not None and (over or asked or _same_everywhere(float(due), accelerator)):
            state.seconds = time.monotonic() - resumed_at
            if accelerator.is_main_process:
                _save(checkpoints, learned, optimiser, state, identity)
            accelerator.wait_for_everyone()
            saved_at = time.monotonic()
        if asked and not over:
            kept = f"; it resumes from step {state.step}" if checkpoints is not None else ""
            raise Cancelled(f"Stopped at step {state.step}{kept}.")

    return state


def share_used(settings: TrainingSpec, state: State) -> float:
    """Share of the budget that is used up; 1 or more ends the training."""
    if settings.steps is not None:
        return state.step / settings.steps
    if settings.tokens is not None:
        return state.tokens / settings.tokens
    assert settings.minutes is not None
    return state.seconds / (60 * settings.minutes)


def schedule(used: float, settings: TrainingSpec) -> float:
    """Learning rate at the share ``used`` of the budget, as a share of its peak."""
    if used < settings.warmup:
        return max(used, 1e-3 * settings.warmup) / settings.warmup  # never an idle first step
    through = (min(used, 1.0) - settings.warmup) / (1 - settings.warmup)
    return settings.floor + (1 - settings.floor) * 0.5 * (1 + math.cos(math.pi * through))


def uses_bf16(precision: str, device: torch.device) -> bool:
    """Whether bf16 arithmetic is wanted and, for ``auto``, pays on this device."""
    if precision != "auto":
        return precision == "bf16"
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        able = torch.cpu.get_capabilities()
        return bool(able.get("amx_bf16") or able.get("avx512_bf16"))
    return False


def _seed_of(seed: int, step: int, rank: int) -> int:
    """One seed out of three numbers (32 bits, as numpy takes)."""
    return int.from_bytes(hashlib.sha256(f"{seed} {step} {rank}".encode()).digest()[:4], "big")


def _same_everywhere(value: float, accelerator: Accelerator) -> float:
    """The main process's value: clocks and signals differ between processes, decisions must not."""
    if accelerator.num_processes == 1:
        return value
    return float(broadcast(torch.tensor(value, dtype=torch.float64, device=accelerator.device)))


def _tell_progress(journal: Journal, settings: TrainingSpec, state: State) -> None:
    if settings.steps is not None:
        journal.progress(state.step, settings.steps, unit="steps")
    elif settings.tokens is not None:
        journal.progress(state.tokens, settings.tokens, unit="tokens")
    else:
        assert settings.minutes is not None
        journal.progress(state.seconds / 60, settings.minutes, unit="minutes")


def _save(
    folder: Path,
    learned: dict[str, nn.Parameter],
    optimiser: torch.optim.Optimizer,
    state: State,
    identity: dict[str, Any],
) -> None:
    place = folder / f"step-{state.step:08d}"
    partial = folder / f".{place.name}.partial-{uuid.uuid4().hex[:8]}"
    try:
        partial.mkdir(parents=True)
        save_file(
            {name: p.detach().contiguous() for name, p in learned.items()}, partial / "weights.safetensors"
        )
        moments = {
            f"{name}:{what}": value.contiguous()
            for name, p in learned.items()
            for what, value in optimiser.state[p].items()
        }
        save_file(moments, partial / "optimiser.safetensors")
        (partial / "state.json").write_text(
            json.dumps({"state": asdict(state), **identity}, indent=1), "utf-8"
        )
        for file in partial.iterdir():
            with file.open("rb") as written:
                os.fsync(written.fileno())
        if place.exists():
            shutil.rmtree(place)
        os.replace(partial, place)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise XvizError(
            f"The checkpoint of step {state.step} can't be written: {error}.", file=folder
        ) from error
    for older in _checkpoints_in(folder)[KEPT_CHECKPOINTS:]:
        shutil.rmtree(older, ignore_errors=True)
    for abandoned in folder.glob(".step-*.partial-*"):
        shutil.rmtree(abandoned, ignore_errors=True)


def _checkpoints_in(folder: Path) -> list[Path]:
    """Complete checkpoints, newest first (an interrupted write never got its name)."""
    return sorted(folder.glob("step-*"), reverse=True)


def _resume(
    folder: Path,
    learned: dict[str, nn.Parameter],
    optimiser: torch.optim.Optimizer,
    identity: dict[str, Any],
    journal: Journal,
) -> State | None:
    """Put the newest readable checkpoint into the parameters and the optimiser."""
    for place in _checkpoints_in(folder):
        try:
            kept = json.loads((place / "state.json").read_text("utf-8"))
            weights = load_file(place / "weights.safetensors")
            moments = load_file(place / "optimiser.safetensors")
        except (OSError, ValueError, SafetensorError) as error:
            journal.log(f"The checkpoint {place} can't be read ({error}); trying the one before.")
            continue
        _same_run(kept, identity, place)
        with torch.no_grad():
            for name, p in learned.items():
                p.copy_(weights[name])
                optimiser.state[p] = {
                    what: moments[f"{name}:{what}"].to(p.device) for what in ("step", "exp_avg", "exp_avg_sq")
                }
        state = State(**kept["state"])
        journal.log(f"Resumed from step {state.step} ({state.tokens:,} tokens).")
        return state
    return None


def _same_run(kept: dict[str, Any], identity: dict[str, Any], place: Path) -> None:
    before, now = ({**k["settings"], **k["about"]} for k in (kept, json.loads(json.dumps(identity))))
    other = [f"{name} {was!r}, now {now.get(name)!r}" for name, was in before.items() if was != now.get(name)]
    if other:
        raise InputError(
            f"The checkpoint is of a run with other settings ({'; '.join(other)[:300]}); choose another "
            "folder for the output, or remove this one.",
            file=place,
        )
