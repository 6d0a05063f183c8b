"""Two processes that share a batch are one process with the whole of it: gradients, curve, result."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from safetensors.torch import load_file

from tests.runs.conftest import TOYS, wait_for
from xviz.runs.curves import read_curve
from xviz.runs.launch import launch
from xviz.runs.local import accelerate_options
from xviz.runs.record import create_run
from xviz.runs.resources import Resources
from xviz.runs.steps import STEPS, Step
from xviz.store import Store

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SCRIPT = """
    import json, sys
    from pathlib import Path
    import torch
    from accelerate import Accelerator
    from safetensors.torch import save_file
    from torch import nn
    from xviz.journal import Journal
    from xviz.learning.loop import Batch, train
    from xviz.learning.spec import TrainingSpec

    torch.set_num_threads(1)
    out, accumulate = Path(sys.argv[1]), int(sys.argv[2])
    curve = []

    class Curve(Journal):
        def metrics(self, step, values):
            curve.append([step, values["loss"], values["gradient_norm"], values["tokens"]])

    class Objective(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(1)
            self.network = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 1))

        def forward(self, x, y):
            return ((self.network(x) - y) ** 2).mean()

    def batch(i):
        size = 3 + i % 4  # unequal parts of the global batch
        x = torch.randn(size, 4, generator=torch.Generator().manual_seed(i))
        return Batch({"x": x, "y": x.sum(1, keepdim=True)}, targets=size, tokens=size)

    gradients = {}

    class Remembering(torch.optim.AdamW):
        def step(self, *arguments, **options):
            for i, p in enumerate(p for group in self.param_groups for p in group["params"]):
                gradients[f"{len(gradients)} {i}"] = p.grad.detach().clone()
            return super().step(*arguments, **options)

    torch.optim.AdamW = Remembering
    settings = TrainingSpec(
        steps=8, precision="fp32", log_every=1, learning_rate=0.05, clip=1e6, accumulate=accumulate
    )
    train(Objective(), batch, settings, journal=Curve())
    accelerator = Accelerator()
    if accelerator.is_main_process:
        save_file(gradients, out / "gradients.safetensors")
        facts = {"curve": curve, "processes": accelerator.num_processes}
        (out / "facts.json").write_text(json.dumps(facts))
    accelerator.wait_for_everyone()
    accelerator.end_training()
"""
TWO = ["-m", "accelerate.commands.launch", *accelerate_options(Resources(processes=2, cpus=2))]


def trained(place: Path, launcher: list[str], accumulate: int) -> tuple[dict, dict]:
    place.mkdir()
    script = place / "script.py"
    script.write_text(textwrap.dedent(SCRIPT), "utf-8")
    done = subprocess.run(
        [sys.executable, *launcher, str(script), str(place), str(accumulate)],
        env=os.environ | {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((place / "facts.json").read_text()), load_file(place / "gradients.safetensors")


def test_two_processes_give_the_gradients_and_the_curve_of_one(tmp_path) -> None:
    alone, gradients_alone = trained(tmp_path / "one", [], accumulate=2)
    both, gradients_both = trained(tmp_path / "two", TWO, accumulate=1)
    assert (alone["processes"], both["processes"]) == (1, 2)
    assert len(gradients_alone) == len(gradients_both) == 8 * 4
    for name, gradient in gradients_alone.items():
        assert (gradient - gradients_both[name]).abs().max() <= 1e-5, name
    assert len(alone["curve"]) == 8
    for one, two in zip(alone["curve"], both["curve"], strict=True):
        assert one == pytest.approx(two, abs=1e-5)


def test_a_run_of_two_processes_keeps_one_record(tmp_path, monkeypatch) -> None:
    """``local:processes=2``: launched, queued for the device, recorded by the first, equal on both."""
    monkeypatch.syspath_prepend(str(TOYS))
    monkeypatch.setenv("PYTHONPATH", str(TOYS))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setitem(STEPS, "trained", Step("toy_steps:Trained", "toy_steps:train_toys", together=True))
    monkeypatch.setitem(STEPS, "slow", Step("toy_steps:Slow", "toy_steps:count_slowly"))
    from toy_steps import Slow, Trained

    wanted = [Slow(steps=3), Trained(steps=6)]
    run = create_run(wanted, title="Two processes")
    launch([run], "local", resources=Resources(processes=2))
    now = wait_for(run, "succeeded", seconds=300)
    assert now.known["attempt"] == 1
    curve = read_curve(run.folder).query("name == 'loss'")
    assert curve["step"].tolist() == [1, 2, 3, 4, 5, 6]
    tokens = read_curve(run.folder).query("name == 'tokens'")["value"].tolist()
    assert tokens == [12, 24, 36, 48, 60, 72], "both processes read a batch of six at every step"
    assert all(Store().find(spec) is not None for spec in wanted)
    checkpoint = json.loads((run.folder / "checkpoints" / "step-00000006" / "state.json").read_text())
    assert checkpoint["state"]["position"] == 12
