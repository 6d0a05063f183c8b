"""Tuned networks: ordinary folders, exact resumption, and nothing moved that should not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.learning.tuning.conftest import DECODERS
from tests.learning.tuning.test_data import spec_of
from xviz.errors import Cancelled, InputError
from xviz.journal import Journal
from xviz.learning.spec import TrainingSpec
from xviz.learning.tuning.networks import open_to_tune, write_folder
from xviz.learning.tuning.recipe import checkpoints_of, model_folder, read_facts, tune
from xviz.learning.tuning.spec import LoRASettings
from xviz.models.loading import load
from xviz.models.spec import ModelRef
from xviz.store import Store


class Curve(Journal):
    def __init__(self, until: int | None = None):
        self.lines: list[tuple[int, dict]] = []
        self.until, self.asked = until, 0

    def metrics(self, step, values):
        self.lines.append((step, {k: v for k, v in values.items() if k != "tokens_per_second"}))

    def stop_requested(self):
        self.asked += 1
        return self.asked == self.until


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def few(steps: int) -> TrainingSpec:
    return TrainingSpec(steps=steps, learning_rate=1e-2, precision="fp32", evaluate_every=2, log_every=1)


@pytest.mark.parametrize("lora", [None, LoRASettings(rank=2)])
@pytest.mark.parametrize("family", DECODERS)
def test_every_family_is_tuned_and_is_a_model_like_any_other(
    decoders, pairs_folder: Path, family: str, lora: LoRASettings | None
) -> None:
    spec = spec_of(decoders(family), pairs_folder, "both", lora=lora, training=few(1), dev=0)
    store = Store()
    tune(spec, store=store)
    folder = model_folder(spec, store)
    before, after = weights(decoders(family)), weights(folder)
    assert before.keys() == after.keys()  # tied weights are there once, adapters are merged
    assert any(not torch.equal(before[name], after[name]) for name in before)
    model = load(ModelRef(name=str(folder)), device="cpu", dtype="fp32")
    assert model.family == "decoder"
    network = AutoModelForCausalLM.from_pretrained(folder)
    assert network.get_output_embeddings().weight is network.get_input_embeddings().weight
    facts = read_facts(spec, store)
    assert facts["steps"] == 1
    assert facts["tokens"] > 0
    whole = sum(p.numel() for p in network.parameters())
    assert (facts["learned_parameters"] < whole) == (lora is not None)


def test_contrastive_tuning_moves_only_what_lies_below_its_layer(decoders, pairs_folder: Path) -> None:
    spec = spec_of(decoders("llama"), pairs_folder, "mcl", training=few(8), dev=30, batch_tokens=2000)
    store, curve = Store(), Curve()
    tune(spec, store=store, journal=curve)
    before, after = weights(decoders("llama")), weights(model_folder(spec, store))
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert any("embed" in name for name in moved)
    assert any(".layers.0." in name for name in moved)
    assert not any(".layers.1." in name or name == "model.norm.weight" for name in moved)
    dev = read_facts(spec, store)["dev"]
    assert {"dev_loss", "dev_loss_mcl", "dev_mexa"} <= dev.keys()
    losses = [values["loss"] for _, values in curve.lines if "loss" in values]
    assert losses[-1] < losses[0]


def test_a_stopped_run_goes_on_as_if_nothing_had_happened(
    decoders, pairs_folder: Path, tmp_path: Path
) -> None:
    spec = spec_of(decoders("gpt2"), pairs_folder, "both", training=few(4), keep="best")
    straight, whole = Store(tmp_path / "one"), Curve()
    tune(spec, store=straight, journal=whole)
    stopped, first, second = Store(tmp_path / "other"), Curve(until=3), Curve()
    with pytest.raises(Cancelled):
        tune(spec, store=stopped, journal=first)
    assert checkpoints_of(spec, stopped).is_dir()
    tune(spec, store=stopped, journal=second)
    assert not checkpoints_of(spec, stopped).exists()
    assert first.lines + second.lines == whole.lines
    one, other = (weights(model_folder(spec, store)) for store in (straight, stopped))
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("lora", [None, LoRASettings(rank=2)])
def test_a_written_network_gives_the_same_logits(decoders, tmp_path: Path, lora: LoRASettings | None) -> None:
    tuned = open_to_tune(ModelRef(name=str(decoders("llama"))), lora=lora)
    with torch.no_grad():
        for p in tuned.network.parameters():
            if p.requires_grad:
                p.add_(0.02 * torch.randn(p.shape, generator=torch.Generator().manual_seed(1)))
    ids = torch.tensor([[0, 7, 8, 9]])
    expected = tuned.network.eval()(input_ids=ids).logits
    write_folder(tuned, tmp_path / "written")
    network = AutoModelForCausalLM.from_pretrained(tmp_path / "written")
    assert torch.allclose(network(input_ids=ids).logits, expected, atol=1e-5)
    assert AutoTokenizer.from_pretrained(tmp_path / "written").eos_token_id is not None


def test_gradient_caching_and_checkpointing_change_nothing(decoders, pairs_folder: Path) -> None:
    store, spec = Store(), spec_of(decoders("llama"), pairs_folder, "both", training=few(2), dev=0)
    cached = spec.contrastive.model_copy(update={"cached": 3})
    other = spec.model_copy(update={"contrastive": cached, "checkpointing": True})
    found = []
    for each in (spec, other):
        tune(each, store=store)
        found.append(weights(model_folder(each, store)))
    assert all(torch.allclose(found[0][name], found[1][name], atol=1e-5) for name in found[0])


def test_encoders_are_tuned_by_contrast_alone(tiny_models, pairs_folder: Path) -> None:
    store, spec = Store(), spec_of(tiny_models("bert"), pairs_folder, "mcl", training=few(1))
    tune(spec, store=store)
    assert load(ModelRef(name=str(model_folder(spec, store))), device="cpu").family == "encoder"
    with pytest.raises(InputError, match="encoder"):
        tune(spec_of(tiny_models("bert"), pairs_folder, "cit"), store=store)


def test_a_layer_that_is_not_there_is_said(decoders, pairs_folder: Path) -> None:
    spec = spec_of(decoders("llama"), pairs_folder, "mcl")
    deep = spec.contrastive.model_copy(update={"layer": 9})
    with pytest.raises(InputError, match="hidden layers 0 to 2"):
        tune(spec.model_copy(update={"contrastive": deep}), store=Store())


def test_lora_below_every_adapter_is_said(decoders, pairs_folder: Path) -> None:
    spec = spec_of(decoders("llama"), pairs_folder, "mcl", lora=LoRASettings(rank=2))
    embeddings = spec.contrastive.model_copy(update={"layer": 0})
    with pytest.raises(InputError, match="higher layer"):
        tune(spec.model_copy(update={"contrastive": embeddings}), store=Store())
