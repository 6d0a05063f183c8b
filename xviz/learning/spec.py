"""How long, how fast and in which precision a network is trained. Torch-free."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class TrainingSpec(BaseModel):
    """The settings of :func:`xviz.learning.loop.train`.

    Exactly one of ``steps``, ``tokens`` and ``minutes`` says how much is trained; the learning rate is a
    function of the share of it that is used up. With ``minutes`` (of wall-clock time spent in the loop,
    summed over resumptions) the schedule ends on time however busy the machine is, at the price that two
    runs are no longer equal bit by bit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int | None = Field(default=None, ge=1)
    tokens: int | None = Field(default=None, ge=1)
    minutes: float | None = Field(default=None, gt=0)

    learning_rate: float = Field(default=1e-3, gt=0)
    """The peak, reached at the end of the warm-up."""
    warmup: float = Field(default=0.03, ge=0, lt=1)
    """Share of the training in which the learning rate rises linearly from 0."""
    floor: float = Field(default=0.0, ge=0, le=1)
    """Learning rate at the end of the cosine, as a share of the peak."""
    weight_decay: float = Field(default=0.01, ge=0)
    """Of matrices; vectors (biases, norms) are never decayed."""
    beta1: float = Field(default=0.9, ge=0, lt=1)
    beta2: float = Field(default=0.98, ge=0, lt=1)
    clip: float = Field(default=1.0, gt=0)
    """Largest norm of the gradient."""
    accumulate: int = Field(default=1, ge=1)
    """Batches a step and a process."""
    seed: int = Field(default=0, ge=0)
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    """Of the arithmetic; weights are always fp32. ``auto``: bf16 where the processor has it in hardware."""

    log_every: int = Field(default=50, ge=1)
    evaluate_every: int = Field(default=1000, ge=1)
    checkpoint_minutes: float = Field(default=10.0, ge=0)
    """A checkpoint whenever this many minutes have passed since the last (0: at every step)."""

    @model_validator(mode="after")
    def _one_budget(self) -> TrainingSpec:
        given = [name for name in ("steps", "tokens", "minutes") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of steps, tokens and minutes (given: {given or 'none'})")
        return self
