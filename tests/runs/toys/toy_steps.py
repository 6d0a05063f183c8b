"""Results that are made slowly, badly or by training, for tests in processes of their own."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import ClassVar

from xviz.errors import Cancelled
from xviz.store import Spec


class Slow(Spec):
    """Counts to ``steps``; then, or at ``fault``, does what it is told."""

    kind: ClassVar[str] = "slow"
    version: ClassVar[int] = 1
    steps: int = 3
    seconds: float = 0.05
    fault: str = ""
    seed: int = 0


def count_slowly(specs, *, store, journal, load):
    for spec in specs:
        journal.stage("Counting")

        def write(folder: Path, spec=spec):
            import pandas as pd

            for i in range(spec.steps):
                if journal.stop_requested():
                    raise Cancelled(f"Stopped at {i}.")
                time.sleep(spec.seconds)
                journal.metrics(i, {"count": i * (spec.seed + 1)})
                journal.progress(i + 1, spec.steps, unit="steps")
            if spec.fault == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if spec.fault == "memory":
                bytearray(1 << 50)
            if spec.fault == "disk":
                (folder / "large").write_bytes(b"0" * 2_000_000)
            pd.DataFrame({"seed": [spec.seed], "total": [sum(range(spec.steps))]}).to_parquet(
                folder / "table.parquet"
            )

        store.obtain(spec, write, journal=journal)


class Trained(Spec):
    """The toy objective of the training loop; killed at a batch, or while a checkpoint is written."""

    kind: ClassVar[str] = "trained"
    version: ClassVar[int] = 1
    steps: int = 12
    seed: int = 0
    pause: float = 0.0


def train_toys(specs, *, store, journal, load):
    import torch
    from torch import nn

    from xviz.learning import loop
    from xviz.learning.loop import Batch, train
    from xviz.learning.spec import TrainingSpec

    torch.set_num_threads(1)
    killing = os.environ.get("XVIZ_TEST_KILL", "")

    class Regression(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(1)
            self.network = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 1))

        def forward(self, x, y):
            return ((self.network(x) - y) ** 2).mean()

    if killing.startswith("checkpoint"):
        loop.save_file = _kill_while_writing(int(killing.split()[1]), loop.save_file)
    for spec in specs:
        journal.stage("Training")
        objective = Regression()

        def batches(i: int, spec=spec) -> Batch:
            time.sleep(spec.pause)
            if killing == f"batch {i}":
                os.kill(os.getpid(), signal.SIGKILL)
            x = torch.randn(6, 4, generator=torch.Generator().manual_seed(i))
            return Batch({"x": x, "y": x.sum(1, keepdim=True)}, targets=6, tokens=6)

        settings = TrainingSpec(
            steps=spec.steps, seed=spec.seed, precision="fp32", log_every=1, checkpoint_minutes=0
        )

        def result(folder: Path, spec=spec, objective=objective, settings=settings):
            train(objective, batches, settings, checkpoints=journal.checkpoints, journal=journal)
            weights = {name: p.tolist() for name, p in objective.named_parameters()}
            (folder / "weights.json").write_text(json.dumps(weights), "utf-8")

        store.obtain(spec, result, journal=journal)


def _kill_while_writing(number: int, write):
    """A ``save_file`` that is killed in the second file (the optimiser's) of checkpoint ``number``."""
    written = []

    def save_file(tensors, path):
        written.append(path)
        if len(written) == 2 * number:
            Path(path).write_bytes(b"half")
            os.kill(os.getpid(), signal.SIGKILL)
        write(tensors, path)

    return save_file
