"""Networks in memory: what is loaded, in which arithmetic, and which folders cannot be."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from tokenizers import models as tokenizer_models
from transformers import AlbertConfig, AlbertModel, BertForMaskedLM, PreTrainedTokenizerFast

from benchmarks.networks import ENCODERS, FAMILIES
from xviz.errors import InputError
from xviz.models import devices
from xviz.models.devices import choose_device, choose_dtype
from xviz.models.loading import load
from xviz.models.spec import ModelRef


@pytest.fixture
def copy_of(tiny_models, tmp_path: Path):
    def copy(family: str) -> Path:
        return Path(shutil.copytree(tiny_models(family), tmp_path / family))

    return copy


def on_cpu(folder: Path, **options):
    return load(ModelRef(name=str(folder), **options), device="cpu", dtype="fp32")


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family(tiny_models, family: str):
    model = on_cpu(tiny_models(family))
    assert model.family == ("encoder" if family in ENCODERS else "decoder")
    assert (model.layers, model.width, model.device, model.dtype) == (2, 32, "cpu", "fp32")
    assert not model.network.training
    assert not any(p.requires_grad for p in model.network.parameters())
    assert getattr(model.network, "pooler", None) is None
    assert model.tokenizer.pad_token_id is not None
    assert 0 <= model.pad < model.vocabulary
    if model.family == "encoder":
        assert model.start is None
    else:
        opening = {"gpt2": "<|endoftext|>", "xglm": "</s>", "bloom": "<s>", "llama": "<|begin_of_text|>"}
        opening |= {"qwen2": "<|endoftext|>", "qwen3": "<|endoftext|>", "gemma3": "<bos>"}
        assert model.tokenizer.convert_ids_to_tokens(model.start) == opening[family]


def test_weights_of_a_model_with_a_head(tiny_models, tmp_path: Path):
    source = on_cpu(tiny_models("bert"))
    with_head = BertForMaskedLM(source.network.config)
    with_head.save_pretrained(tmp_path)
    source.tokenizer.save_pretrained(tmp_path)
    loaded = on_cpu(tmp_path)
    expected = with_head.bert.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in loaded.network.state_dict().items())


def test_random_weights_are_those_of_their_seed(tiny_models):
    folder = tiny_models("gpt2")
    torch.manual_seed(5)
    expected_next = torch.rand(1)
    torch.manual_seed(5)
    one, again, other = (on_cpu(folder, random_weights=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.rand(1), expected_next)  # the caller's random numbers are left alone
    weight = lambda model: model.network.h[0].mlp.c_fc.weight  # noqa: E731
    assert torch.equal(weight(one), weight(again))
    assert not torch.equal(weight(one), weight(other))
    assert not torch.equal(weight(one), weight(on_cpu(folder)))
    assert one.fingerprint["random_weights"] == "1"
    assert "model.safetensors" not in one.fingerprint


def test_bf16_on_the_cpu_keeps_fp32_weights_and_computes_in_bf16(tiny_models):
    model = load(str(tiny_models("bert")), device="cpu", dtype="bf16")
    assert model.network.dtype == torch.float32
    ids = torch.arange(10)[None]
    with model.arithmetic():
        coarse = model.network(input_ids=ids).last_hidden_state
        assert model.network.encoder.layer[0].attention.self.query(coarse).dtype == torch.bfloat16
    with torch.inference_mode():
        fine = model.network(input_ids=ids).last_hidden_state
    assert 0 < ((coarse - fine).norm() / fine.norm()).item() < 0.05


def test_weights_of_another_configuration(copy_of):
    folder = copy_of("bert")
    tensors = load_file(folder / "model.safetensors")
    some = {name: value for name, value in tensors.items() if "layer.1.output" not in name}
    save_file(some, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"lack \d+ of the network's tensors"):
        on_cpu(folder)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    config = folder / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"intermediate_size": 64}))
    with pytest.raises(InputError) as raised:
        on_cpu(folder)
    assert "\n" not in raised.value.message


@pytest.mark.parametrize(("network", "tokenizer"), [("llama", "xlmr"), ("xlmr", "llama")])
def test_another_models_tokenizer(copy_of, tiny_models, network: str, tokenizer: str):
    folder = copy_of(network)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tiny_models(tokenizer) / name, folder / name)
    with pytest.raises(InputError, match="another model's"):
        on_cpu(folder)


def test_a_tokenizer_without_offsets(copy_of):
    folder = copy_of("gpt2")
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.json").write_text(json.dumps({"<unk>": 0, "a</w>": 1, "b</w>": 2}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "CTRLTokenizer"}))
    with pytest.raises(InputError, match="no character offsets"):
        on_cpu(folder)


def test_a_broken_tokenizer(copy_of):
    folder = copy_of("gpt2")
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError) as raised:
        on_cpu(folder)
    assert "tokenizer cannot be read" in raised.value.message
    assert "\n" not in raised.value.message


def test_a_decoder_without_any_token_to_open_with(copy_of):
    folder = copy_of("gpt2")
    (folder / "tokenizer_config.json").unlink()
    bare = Tokenizer(tokenizer_models.WordLevel({str(i): i for i in range(700)}, unk_token="0"))
    PreTrainedTokenizerFast(tokenizer_object=bare, pad_token="1").save_pretrained(folder)
    with pytest.raises(InputError, match="neither a BOS nor an EOS"):
        on_cpu(folder)


def test_an_unlisted_family_is_told_by_its_architecture(tiny_models, tmp_path: Path):
    source = on_cpu(tiny_models("bert"))
    config = AlbertConfig(
        vocab_size=source.vocabulary,
        embedding_size=16,
        hidden_size=32,
        num_attention_heads=4,
        intermediate_size=64,
        num_hidden_layers=3,
    )
    AlbertModel(config).save_pretrained(tmp_path)
    source.tokenizer.save_pretrained(tmp_path)
    assert (on_cpu(tmp_path).family, on_cpu(tmp_path).layers) == ("encoder", 3)


def test_devices_and_arithmetic(monkeypatch):
    assert choose_device("cpu") == "cpu"
    assert choose_dtype("bf16") == "bf16"
    for nonsense in ("gpu", "cuda:x", "tpu"):
        with pytest.raises(InputError, match="is no device"):
            choose_device(nonsense)
    with pytest.raises(InputError, match="is no arithmetic"):
        choose_dtype("fp16")  # type: ignore[arg-type]
    monkeypatch.setattr(devices, "bf16_pays_on_cpu", lambda: True)
    assert choose_dtype("auto", device="cpu") == "bf16"
    monkeypatch.setattr(devices, "bf16_pays_on_cpu", lambda: False)
    assert choose_dtype("auto", device="cpu") == "fp32"
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="no device 'cuda:3'"):
            choose_device("cuda:3")
