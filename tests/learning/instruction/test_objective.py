"""The loss of answers: what carries loss, that packed rows don't meet, and how batches are weighed."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy

from tests.learning.tuning.conftest import DECODERS, decoders, one_thread  # noqa: F401
from xviz.learning.instruction.objective import IGNORED, keeps_rows_apart, pack, row_tensors, summed_loss
from xviz.learning.tuning.networks import open_to_tune
from xviz.learning.tuning.tokens import read_rows
from xviz.models.loading import load
from xviz.models.spec import ModelRef

PROMPTS = ["What is it? Answer in German:", "Name it. The old house stands by the river. Answer in Thai:", ""]
OUTPUTS = ["Das alte Haus.", "บ้านหลังเก่า", "El perro duerme."]
NAMES = ("ids", "segments", "positions", "labels")


@pytest.mark.parametrize("family", DECODERS)
def test_the_prompt_carries_no_loss_and_the_labels_are_output_and_end(tiny_models, family: str) -> None:
    model = load(ModelRef(name=str(tiny_models(family))), device="cpu", dtype="fp32")
    rows = read_rows(PROMPTS, OUTPUTS, model)
    for row, prompt, output in zip(rows, PROMPTS, OUTPUTS, strict=True):
        labels = row_tensors([row], pad=model.pad, width=8, packed=False)["labels"][0]
        kept = labels[labels != IGNORED].tolist()
        assert kept[-1] == model.tokenizer.eos_token_id
        assert model.tokenizer.decode(kept[:-1]).strip() == output
        before = [int(i) for i, own in zip(row.ids[1:], row.own[1:], strict=True) if not own]
        if model.tokenizer.unk_token_id not in before:  # XGLM's tiny tokenizer lacks some capital letters
            assert model.tokenizer.decode(before).strip() == prompt
        assert row.ids[0] == model.start


def test_rows_are_packed_without_loss_or_overlap() -> None:
    lengths = [5, 3, 8, 2, 2, 7]
    dealt = pack(lengths, 10)
    assert sorted(row for sequence in dealt for row in sequence) == list(range(6))
    assert all(sum(lengths[row] for row in sequence) <= 10 for sequence in dealt)
    assert len(dealt) == 3


@pytest.mark.parametrize("family", DECODERS)
def test_packed_rows_have_the_loss_and_gradients_that_each_has_alone(decoders, family: str) -> None:  # noqa: F811
    tuned = open_to_tune(ModelRef(name=str(decoders(family))))
    network = tuned.network.eval()
    rows = read_rows(PROMPTS, OUTPUTS, tuned.model)
    parameters = [p for p in network.parameters() if p.requires_grad]

    reference = torch.zeros(())
    for row in rows:  # the network's own loss-free forward pass, a row at a time
        ids = torch.from_numpy(row.ids)[None]
        logits = network(input_ids=ids).logits[0, :-1]
        own = torch.from_numpy(row.own[1:])
        reference = reference + cross_entropy(logits[own], ids[0, 1:][own], reduction="sum")
    expected = torch.autograd.grad(reference, parameters, allow_unused=True)

    apart = keeps_rows_apart(network)
    assert apart == (family != "bloom")
    width = sum(map(len, rows))
    for packed in {apart, False}:
        tensors = row_tensors(rows, pad=tuned.model.pad, width=width, packed=packed)
        assert len(tensors["ids"]) == (1 if packed else 3)
        loss = summed_loss(network, *(tensors[name] for name in NAMES), packed=packed)
        found = torch.autograd.grad(loss, parameters, allow_unused=True)
        assert loss.item() == pytest.approx(reference.item(), rel=1e-5)
        for a, b in zip(found, expected, strict=True):
            assert (a is None) == (b is None)
            assert a is None or torch.allclose(a, b, atol=1e-4, rtol=1e-4)


def test_a_row_in_front_changes_nothing_behind_it(decoders) -> None:  # noqa: F811
    tuned = open_to_tune(ModelRef(name=str(decoders("llama"))))
    one, other = read_rows(PROMPTS[:2], OUTPUTS[:2], tuned.model)
    width = len(one) + len(other)
    tensors = row_tensors([one, other], pad=tuned.model.pad, width=width, packed=True)
    changed = {name: tensor.clone() for name, tensor in tensors.items()}
    first = tensors["segments"] == 1
    changed["ids"][first] = changed["ids"][first].flip(0)
    only_second = torch.where(tensors["segments"] == 2, tensors["labels"], IGNORED)
    losses = [
        summed_loss(
            tuned.network.eval(), t["ids"], t["segments"], t["positions"], only_second, packed=True
        ).item()
        for t in (tensors, changed)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
