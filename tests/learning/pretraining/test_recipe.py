"""From text to an ordinary Hugging Face folder, stopped or not."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModel, AutoModelForCausalLM, AutoModelForMaskedLM, AutoTokenizer

from xviz.errors import Cancelled, InputError
from xviz.journal import Journal
from xviz.learning.pretraining.recipe import Feed, pretrain
from xviz.learning.pretraining.spec import preset

QUICK = {"log_every": 2, "precision": "fp32", "learning_rate": 5e-3}


def spec_of(family, text, pairs, **changes):
    given = {"steps": 30, "vocabulary": 900, "training": QUICK} | changes
    return preset("nano", family=family, text=text, pairs=pairs if family == "encoder" else None, **given)


class Curve(Journal):
    def __init__(self, until=None):
        self.losses, self.until, self.asked = {}, until, 0

    def metrics(self, step, values):
        self.losses |= {(step, name): value for name, value in values.items() if "loss" in name}

    def stop_requested(self):
        self.asked += 1
        return self.asked == self.until


@pytest.fixture(scope="module", params=["encoder", "decoder"])
def trained(request, text, pairs, store, tmp_path_factory):
    """Family, finished folder, curve of an uninterrupted run."""
    out, curve = tmp_path_factory.mktemp("models") / request.param, Curve()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    pretrain(spec_of(request.param, text, pairs), out, curve, store=store)
    torch.set_num_threads(threads)
    return request.param, out, curve


def test_it_learns(trained):
    _, _, curve = trained
    losses = [value for (_, name), value in curve.losses.items() if name == "loss"]
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0] - 0.5


def test_plain_transformers_reads_the_folder(trained):
    family, out, _ = trained
    head = AutoModelForMaskedLM if family == "encoder" else AutoModelForCausalLM
    tokenizer, network = AutoTokenizer.from_pretrained(out), head.from_pretrained(out, dtype=torch.float32)
    body = AutoModel.from_pretrained(out, dtype=torch.float32)
    inputs = tokenizer(["the dog sees", "собака видит дом и"], return_tensors="pt", padding=True)
    with torch.no_grad():
        states = body(**inputs, output_hidden_states=True).hidden_states
        logits = network(**inputs).logits
    assert len(states) == 3
    assert torch.isfinite(logits).all()
    assert logits.shape[-1] == len(tokenizer)
    assert {p.suffix for p in out.iterdir()} == {".json", ".md", ".safetensors"}
    assert {x.dtype for x in load_file(out / "model.safetensors").values()} == {torch.float16}
    assert "random weights" not in (out / "README.md").read_text("utf-8")
    assert not out.with_name(out.name + ".checkpoints").exists()


def test_the_folder_holds_what_was_trained_within_half_precision(text, pairs, store, tmp_path, monkeypatch):
    kept = {}

    def keep(out, spec, network, *rest):
        ids = torch.arange(5, 45).reshape(2, 20)
        with torch.no_grad():
            kept["logits"] = network.eval()(input_ids=ids).logits
        write(out, spec, network, *rest)

    from xviz.learning.pretraining import recipe

    write = recipe.write_folder
    monkeypatch.setattr(recipe, "write_folder", keep)
    pretrain(spec_of("encoder", text, pairs, steps=5), tmp_path / "m", store=store)
    network = AutoModelForMaskedLM.from_pretrained(tmp_path / "m", dtype=torch.float32).eval()
    with torch.no_grad():
        again = network(input_ids=torch.arange(5, 45).reshape(2, 20)).logits
    torch.testing.assert_close(again, kept["logits"], rtol=1e-2, atol=1e-2)


def test_stopped_and_resumed_is_uninterrupted_bit_by_bit(trained, text, pairs, store, tmp_path):
    family, whole, curve = trained
    spec, out = spec_of(family, text, pairs), tmp_path / "model"
    first, second = Curve(until=13), Curve()
    with pytest.raises(Cancelled):
        pretrain(spec, out, first, store=store)
    assert not out.exists()
    pretrain(spec, out, second, store=store)
    assert first.losses | second.losses == curve.losses
    assert (out / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


def test_a_finished_folder_is_left_as_it_is_and_another_is_not_overwritten(trained, text, pairs, store):
    family, out, _ = trained
    before = (out / "model.safetensors").stat().st_mtime_ns
    pretrain(spec_of(family, text, pairs), out, store=store)
    assert (out / "model.safetensors").stat().st_mtime_ns == before
    with pytest.raises(InputError, match="something else"):
        pretrain(spec_of(family, text, pairs, steps=31), out, store=store)


def test_training_goes_on_from_a_finished_folder(trained, text, pairs, store, tmp_path):
    family, before, curve = trained
    spec = spec_of(family, text, pairs, start=before, steps=4, training=QUICK | {"learning_rate": 1e-4})
    onwards = Curve()
    out = pretrain(spec, tmp_path / "onwards", onwards, store=store)
    assert json.loads((out / "tokenizer.json").read_text("utf-8")) == json.loads(
        (before / "tokenizer.json").read_text("utf-8")
    )
    begun, first = onwards.losses[2, "loss"], curve.losses[2, "loss"]
    assert begun < first - 0.5, "the loss begins where the folder's training had ended"
    assert "Went on from" in (out / "README.md").read_text("utf-8")
    assert spec.key != spec_of(family, text, pairs, steps=4, training=QUICK | {"learning_rate": 1e-4}).key


def test_a_folder_of_another_shape_is_told(trained, text, pairs, store, tmp_path):
    family, before, _ = trained
    spec = spec_of(family, text, pairs, start=before, network={"width": 32, "embedding": 32})
    with pytest.raises(InputError, match="another shape"):
        pretrain(spec, tmp_path / "no", store=store)
    with pytest.raises(InputError, match="no model folder"):
        spec_of(family, text, pairs, start=tmp_path)


def test_batches_are_a_function_of_their_number(text, pairs, store):
    from xviz.learning.pretraining.corpus import obtain_packed
    from xviz.learning.pretraining.spec import PackedSpec
    from xviz.learning.pretraining.tokenizer import obtain_tokenizer

    spec = spec_of("encoder", text, pairs)
    tokenizer = obtain_tokenizer(spec.tokenizer, store=store)
    packed = [
        obtain_packed(PackedSpec(folder=str(f), paired=p, tokenizer=spec.tokenizer), tokenizer, store=store)
        for f, p in ((text, False), (pairs, True))
    ]
    special = {"bos": 2, "eos": 3, "pad": 0, "mask": 4}
    forward, backward = (Feed(spec, *packed, special=special, vocabulary=900) for _ in range(2))
    batches = [forward.batch(i) for i in range(120)]
    for i in reversed(range(0, 120, 7)):
        again = backward.batch(i)
        assert all(torch.equal(x, again.inputs[name]) for name, x in batches[i].inputs.items())
    paired = [
        bool((b.inputs["position_ids"][:, 1:] == 0).sum() > (b.inputs["attention_mask"] == 0).sum())
        for b in batches
    ]
    assert np.mean(paired) == pytest.approx(spec.batches.pairs, abs=0.12)


def test_bad_input_is_one_sentence(text, pairs, tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        preset("nano", family="encoder", text=tmp_path / "nowhere")
    with pytest.raises(InputError, match="text alone"):
        preset("nano", family="decoder", text=text, pairs=pairs)
    with pytest.raises(InputError, match="no preset 'maxi'; there are mini, nano"):
        preset("maxi", family="decoder", text=text)


def test_the_specification_is_free_of_torch_and_knows_the_text_by_content(text, tmp_path):
    code = "import sys; import xviz.learning.pretraining.spec; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in text.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    assert spec_of("decoder", copy, None).key == spec_of("decoder", text, None).key
    (copy / "eng.txt").write_text("other text\n", "utf-8")
    assert spec_of("decoder", copy, None).key != spec_of("decoder", text, None).key


def test_a_run_killed_from_outside_resumes(text, pairs, tmp_path):
    command = [sys.executable, "-m", "xviz.learning.pretraining", "--text", str(text), "--family", "decoder"]
    command += ["--preset", "nano", "--steps", "8", "--vocabulary", "900", "--out", str(tmp_path / "m")]
    command += ["--training", json.dumps(QUICK | {"checkpoint_minutes": 0})]
    killed = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    for line in killed.stderr:
        if "step       4" in line:
            killed.kill()
            break
    killed.communicate()
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "Resumed from step" in ended.stderr or "already holds" in ended.stderr
    assert (tmp_path / "m" / "model.safetensors").is_file()
