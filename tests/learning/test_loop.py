"""The loop: what it computes, and that stopping it changes nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from torch import nn

from xviz.errors import Cancelled, InputError, XvizError
from xviz.journal import Journal
from xviz.learning.loop import Batch, State, schedule, share_used, train
from xviz.learning.spec import TrainingSpec


class Regression(nn.Module):
    """A small objective with dropout, so that random numbers matter."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.network = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 1))

    def forward(self, x, y):
        return ((self.network(x) - y) ** 2).mean()


def batch(i: int, size: int = 6) -> Batch:
    generator = torch.Generator().manual_seed(i)
    x = torch.randn(size, 4, generator=generator)
    return Batch({"x": x, "y": x.sum(1, keepdim=True)}, targets=size, tokens=size)


def settings(**changes) -> TrainingSpec:
    fields = {"steps": 12, "precision": "fp32", "log_every": 5, "evaluate_every": 4, "learning_rate": 0.05}
    return TrainingSpec(**fields | changes)


class Curve(Journal):
    """Keeps the curve; asks to stop once ``until`` steps are done."""

    def __init__(self, until: int | None = None):
        self.lines: list[tuple[int, dict]] = []
        self.logged: list[str] = []
        self.until, self.asked = until, 0

    def metrics(self, step, values):
        timeless = {name: value for name, value in values.items() if name != "tokens_per_second"}
        self.lines.append((step, timeless))

    def log(self, message):
        self.logged.append(message)

    def stop_requested(self):
        self.asked += 1
        return self.asked == self.until


def dev_loss(objective: nn.Module) -> dict[str, float]:
    torch.rand(3)  # an evaluation may draw random numbers
    return {"dev": objective(**batch(10_000).inputs).item()}


def weights(objective: nn.Module) -> list[torch.Tensor]:
    return [p.detach().clone() for p in objective.parameters()]


def equal(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("stop_at", [1, 5, 7, 11])
def test_stopped_and_resumed_is_uninterrupted_bit_by_bit(tmp_path, stop_at):
    whole, curve = Regression(), Curve()
    train(whole, batch, settings(), evaluate=dev_loss, journal=curve)

    first = Curve(until=stop_at)
    with pytest.raises(Cancelled, match=f"step {stop_at}"):
        train(Regression(), batch, settings(), evaluate=dev_loss, checkpoints=tmp_path, journal=first)
    second, resumed = Curve(), Regression()
    end = train(resumed, batch, settings(), evaluate=dev_loss, checkpoints=tmp_path, journal=second)

    assert equal(weights(whole), weights(resumed))
    assert first.lines + second.lines == curve.lines
    assert (end.step, end.position, end.tokens) == (12, 12, 72)


def test_killed_and_resumed_in_another_process_is_uninterrupted_bit_by_bit(tmp_path):
    script = tmp_path / "killed.py"
    script.write_text(
        textwrap.dedent(f"""
        import os, signal, sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_loop import Regression, batch, settings
        from pathlib import Path
        import torch
        torch.set_num_threads(1)

        def batches(i):
            if i == 8:
                os.kill(os.getpid(), signal.SIGKILL)
            return batch(i)

        from xviz.learning.loop import train
        train(Regression(), batches, settings(checkpoint_minutes=0), checkpoints=Path({str(tmp_path)!r}))
        """),
        "utf-8",
    )
    ended = subprocess.run(
        [sys.executable, str(script)], env=os.environ | {"OMP_NUM_THREADS": "1"}, check=False
    )
    assert ended.returncode == -signal.SIGKILL
    whole, resumed = Regression(), Regression()
    train(whole, batch, settings(checkpoint_minutes=0))
    read: list[int] = []

    def batches(i: int) -> Batch:
        read.append(i)
        return batch(i)

    train(resumed, batches, settings(checkpoint_minutes=0), checkpoints=tmp_path)
    assert read == [8, 9, 10, 11]
    assert equal(weights(whole), weights(resumed))


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    one, two, other = Regression(), Regression(), Regression()
    train(one, batch, settings())
    train(two, batch, settings())
    train(other, batch, settings(seed=1))
    assert equal(weights(one), weights(two))
    assert not equal(weights(one), weights(other))  # by dropout alone


def test_accumulating_batches_of_unequal_size_is_one_large_batch():
    small, large = Regression().eval(), Regression()
    for objective in (small, large):
        objective.network[2].p = 0.0

    def halves(i: int) -> Batch:
        whole, part = batch(i // 2, 6), slice(0, 4) if i % 2 == 0 else slice(4, 6)
        inputs = {name: x[part] for name, x in whole.inputs.items()}
        return Batch(inputs, targets=len(inputs["x"]), tokens=1)

    train(small, halves, settings(accumulate=2))
    train(large, batch, settings())
    for a, b in zip(weights(small), weights(large), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_frozen_parameters_stay_and_are_not_kept(tmp_path):
    objective = Regression()
    objective.network[0].requires_grad_(False)
    before = objective.network[0].weight.clone()
    train(objective, batch, settings(), checkpoints=tmp_path)
    assert torch.equal(objective.network[0].weight, before)
    assert not torch.equal(objective.network[3].weight, Regression().network[3].weight)
    from safetensors.torch import load_file

    assert set(load_file(tmp_path / "step-00000012" / "weights.safetensors")) == {
        "network.3.weight",
        "network.3.bias",
    }


def test_an_interrupted_write_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    with pytest.raises(Cancelled):
        train(Regression(), batch, settings(), checkpoints=tmp_path, journal=Curve(until=3))

    def no_space(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("xviz.learning.loop.os.replace", no_space)
    with pytest.raises(XvizError, match="No space left"):
        train(Regression(), batch, settings(), checkpoints=tmp_path, journal=Curve(until=2))
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == ["step-00000003"]


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(tmp_path):
    whole = Regression()
    train(whole, batch, settings(checkpoint_minutes=0), checkpoints=tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step-00000011", "step-00000012"]
    (tmp_path / "step-00000012" / "weights.safetensors").write_bytes(b"cut off")
    resumed, curve = Regression(), Curve()
    train(resumed, batch, settings(checkpoint_minutes=0), checkpoints=tmp_path, journal=curve)
    assert any("can't be read" in line for line in curve.logged)
    assert equal(weights(whole), weights(resumed))


def test_checkpoints_are_safetensors_and_json(tmp_path):
    train(Regression(), batch, settings(), checkpoints=tmp_path)
    names = {p.name for p in (tmp_path / "step-00000012").iterdir()}
    assert names == {"weights.safetensors", "optimiser.safetensors", "state.json"}
    assert json.loads((tmp_path / "step-00000012" / "state.json").read_text("utf-8"))["state"]["step"] == 12


def test_checkpoints_of_other_settings_are_refused(tmp_path):
    train(Regression(), batch, settings(), checkpoints=tmp_path, about={"text": "one"})
    with pytest.raises(InputError, match=r"learning_rate 0\.05, now 0\.1"):
        train(Regression(), batch, settings(learning_rate=0.1), checkpoints=tmp_path, about={"text": "one"})
    with pytest.raises(InputError, match="text"):
        train(Regression(), batch, settings(), checkpoints=tmp_path, about={"text": "another"})


def test_a_loss_that_is_no_number_ends_in_a_sentence(tmp_path):
    def broken(i: int) -> Batch:
        good = batch(i)
        return good if i < 3 else Batch(good.inputs | {"y": torch.full((6, 1), float("nan"))}, 6, 6)

    with pytest.raises(XvizError, match=r"no longer a number at step 4; a lower learning rate"):
        train(Regression(), broken, settings(checkpoint_minutes=0), checkpoints=tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir())[-1] == "step-00000003"


def test_the_learning_rate_rises_and_falls_as_half_a_cosine():
    chosen = settings(warmup=0.1, floor=0.2)
    assert schedule(0.05, chosen) == pytest.approx(0.5)
    assert schedule(0.1, chosen) == pytest.approx(1.0)
    assert schedule(0.55, chosen) == pytest.approx(0.6)
    assert schedule(1.0, chosen) == pytest.approx(0.2)
    assert 0 < schedule(0.0, chosen) < 0.01
    assert schedule(0.0, settings(warmup=0)) == 1.0


def test_a_budget_is_steps_tokens_or_minutes():
    state = State(step=3, tokens=600, seconds=30)
    assert share_used(settings(steps=4), state) == 0.75
    assert share_used(settings(steps=None, tokens=1200), state) == 0.5
    assert share_used(settings(steps=None, minutes=2), state) == 0.25
    with pytest.raises(ValueError, match="exactly one"):
        settings(minutes=1)
    with pytest.raises(ValueError, match="exactly one"):
        settings(steps=None)


def test_minutes_end_the_training_with_the_learning_rate_at_its_floor():
    curve = Curve()
    state = train(Regression(), batch, settings(steps=None, minutes=0.01, floor=0.0), journal=curve)
    assert state.seconds >= 0.6
    assert curve.lines[-1][1]["learning_rate"] < 0.05 * 0.05


def test_evaluation_at_the_end_sees_the_final_weights():
    objective = Regression()
    state = train(objective, batch, settings(), evaluate=dev_loss)
    objective.eval()
    assert state.dev == dev_loss(objective)
