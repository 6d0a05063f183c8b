"""A model as files: facts from configuration and headers, fingerprints, and every folder that is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel

from benchmarks.networks import ENCODERS, FAMILIES
from xviz.errors import InputError, NotHere
from xviz.models.folder import chosen_layers, describe, fingerprint, locate
from xviz.models.listing import list_models
from xviz.models.spec import ModelRef
from xviz.models.weights import count_parameters, read_header, weight_files


@pytest.fixture
def bert(tiny_models, tmp_path: Path) -> Path:
    """A copy that a test may break."""
    return Path(shutil.copytree(tiny_models("bert"), tmp_path / "bert"))


def edit_config(folder: Path, **changes) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize("family", FAMILIES)
def test_facts_without_torch(tiny_models, family: str):
    folder = tiny_models(family)
    facts = describe(str(folder))
    network = AutoModel.from_pretrained(folder)
    network.pooler = None
    assert facts.family == ("encoder" if family in ENCODERS else "decoder")
    assert (facts.layers, facts.width) == (2, 32)
    assert facts.vocabulary == network.get_input_embeddings().weight.shape[0]
    assert facts.max_length == (None if family == "bloom" else 256)
    assert facts.parameters == sum(p.numel() for p in network.parameters())


def test_the_sequence_length_of_bloom_and_the_text_part_of_a_composed_model(tiny_models, tmp_path: Path):
    bloom = Path(shutil.copytree(tiny_models("bloom"), tmp_path / "bloom"))
    edit_config(bloom, seq_length=2048)
    assert describe(str(bloom)).max_length == 2048
    gemma = Path(shutil.copytree(tiny_models("gemma3"), tmp_path / "gemma"))
    text = json.loads((gemma / "config.json").read_text())
    (gemma / "config.json").write_text(json.dumps({"model_type": "gemma3", "text_config": text}))
    assert (describe(str(gemma)).layers, describe(str(gemma)).family) == (2, "decoder")


def test_shards_are_read_through_their_index(bert: Path):
    whole = describe(str(bert)).parameters
    tensors = load_file(bert / "model.safetensors")
    names = sorted(tensors)
    parts = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for file, part in parts.items():
        save_file({name: tensors[name] for name in part}, bert / file, metadata={"format": "pt"})
    weight_map = {name: file for file, part in parts.items() for name in part}
    (bert / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    (bert / "model.safetensors").unlink()
    assert [path.name for path in weight_files(bert)] == sorted(parts)
    assert describe(str(bert)).parameters == whole
    assert set(fingerprint(str(bert))) >= {"config.json", "tokenizer.json", *parts}
    (bert / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(InputError, match="files that are not there: model-00002-of-00002"):
        describe(str(bert))


def test_the_fingerprint_follows_the_content_and_not_the_place(bert: Path, tmp_path: Path):
    before = fingerprint(str(bert))
    moved = shutil.copytree(bert, tmp_path / "elsewhere")
    (moved / "README.md").write_text("A model card.")
    assert fingerprint(str(moved)) == before
    tensors = load_file(moved / "model.safetensors")
    name = sorted(tensors)[0]
    tensors[name].view(-1)[0] += 1
    save_file(tensors, moved / "model.safetensors", metadata={"format": "pt"})
    changed = fingerprint(str(moved))
    assert {key for key in before if before[key] != changed[key]} == {"model.safetensors"}
    (moved / "tokenizer_config.json").write_text("{}")
    assert fingerprint(str(moved))["tokenizer_config.json"] != before["tokenizer_config.json"]


def test_random_weights_need_no_weights(bert: Path):
    (bert / "model.safetensors").unlink()
    ref = ModelRef(name=str(bert), random_weights=3)
    assert "model.safetensors" not in fingerprint(ref)
    assert describe(ref).parameters is None
    assert ref.identity() != ModelRef(name=str(bert), random_weights=4).identity()


def test_a_name_that_is_nowhere(tmp_path: Path):
    with pytest.raises(NotHere, match="hf download bigscience/bloom-560m`; without one, copy its folder"):
        locate("bigscience/bloom-560m")
    with pytest.raises(NotHere, match="accept its licence"):
        locate("meta-llama/Llama-3.2-1B")
    with pytest.raises(InputError, match="no folder"):
        locate(str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="neither a folder nor a possible name"):
        locate("a model")
    file = tmp_path / "model.safetensors"
    file.touch()
    with pytest.raises(InputError, match="not a single file"):
        locate(str(file))


def test_a_snapshot_in_the_cache_of_the_hub_is_found_under_both_names(bert, tmp_path, monkeypatch):
    cache = tmp_path / "hub"
    snapshot = cache / "models--google-bert--bert-base-multilingual-cased" / "snapshots" / "abc"
    shutil.copytree(bert, snapshot)
    refs = snapshot.parents[1] / "refs"
    refs.mkdir()
    (refs / "main").write_text("abc")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    monkeypatch.setattr("huggingface_hub.file_download.constants.HF_HUB_CACHE", str(cache))
    assert locate("bert-base-multilingual-cased") == snapshot
    assert locate("google-bert/bert-base-multilingual-cased") == snapshot
    with pytest.raises(NotHere):
        locate(ModelRef(name="bert-base-multilingual-cased", revision="other"))
    rows = {row["name"]: row for row in list_models()}
    assert rows["bert-base-multilingual-cased"]["available"]
    assert rows["bert-base-multilingual-cased"]["layers"] == 2  # what lies there, not what is known
    other = cache / "models--someone--a-model" / "snapshots" / "def"
    shutil.copytree(bert, other)
    (other.parents[1] / "refs").mkdir()
    (other.parents[1] / "refs" / "main").write_text("def")
    assert {row["name"]: row["available"] for row in list_models()}["someone/a-model"]


@pytest.mark.parametrize(
    ("remove", "add", "message"),
    [
        ("model.safetensors", None, "has no weights: model.safetensors is missing"),
        ("model.safetensors", "pytorch_model.bin", "pickled (pytorch_model.bin)"),
        ("model.safetensors", "pytorch_model-00001-of-00002.bin", "pickled"),
        ("model.safetensors", "flax_model.msgpack", "flax_model.msgpack, which xviz does not read"),
        ("model.safetensors", "adapter_model.safetensors", "an adapter, not a model"),
        ("tokenizer.json", None, "has no tokenizer"),
        ("config.json", None, "has no config.json"),
    ],
)
def test_folders_that_lack_something(bert: Path, remove: str, add: str | None, message: str):
    (bert / remove).unlink()
    if add:
        (bert / add).write_bytes(b"\x80\x04.")
    with pytest.raises(InputError) as raised:
        describe(str(bert))
    assert message in raised.value.message
    assert raised.value.file == str(bert)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "t5", "is_encoder_decoder": True}, "encoder-decoder"),
        ({"model_type": "my_own", "auto_map": {"AutoModel": "own.py"}}, "code of its own"),
        ({"model_type": "my_own"}, "not part of transformers"),
        ({"model_type": None}, "does not name a model_type"),
        ({"model_type": "bit", "architectures": ["BitModel"]}, "encoder or a decoder"),
    ],
)
def test_configurations_that_are_refused(bert: Path, changes: dict, message: str):
    edit_config(bert, **changes)
    with pytest.raises(InputError, match=message):
        describe(str(bert))


def test_code_in_the_folder_of_a_known_architecture_is_simply_not_run(bert: Path):
    edit_config(bert, auto_map={"AutoModel": "own.BertModel"})
    assert describe(str(bert)).family == "encoder"


def test_a_broken_configuration_names_the_line(bert: Path):
    (bert / "config.json").write_text('{"model_type": "bert",\n "hidden_size": }')
    with pytest.raises(InputError, match="not valid JSON") as raised:
        describe(str(bert))
    assert (raised.value.file, raised.value.line) == (str(bert / "config.json"), 2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no safetensors file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"\x10\x00\x00\x00\x00\x00\x00\x00not json at all!", "no safetensors file"),
    ],
)
def test_weights_that_are_something_else(bert: Path, content: bytes, message: str):
    (bert / "model.safetensors").write_bytes(content)
    with pytest.raises(InputError, match=message):
        describe(str(bert))


def test_weights_that_are_cut_off(bert: Path):
    path = bert / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(InputError, match="cut off"):
        describe(str(bert))


def test_heads_and_tables_are_not_counted(tmp_path: Path):
    path = tmp_path / "model.safetensors"
    tensors = {
        "bert.embeddings.word_embeddings.weight": torch.zeros(7, 4),
        "bert.embeddings.position_ids": torch.zeros(1, 5),
        "cls.predictions.decoder.weight": torch.zeros(7, 4),
        "bert.pooler.dense.weight": torch.zeros(4, 4),
        "lm_head.weight": torch.zeros(7, 4),
    }
    save_file(tensors, path)
    assert set(read_header(path)) == set(tensors)
    assert count_parameters([path]) == 28


def test_layers_by_name(bert: Path):
    facts = describe(str(bert))
    assert chosen_layers("all", facts) == (0, 1, 2)
    assert chosen_layers("2, 0", facts) == (0, 2)
    assert chosen_layers("0-1", facts) == (0, 1)
    assert chosen_layers([1, 1], facts) == (1,)
    with pytest.raises(InputError, match=r"no layer 3: .* has layers 0 .the embeddings. to 2"):
        chosen_layers("0,3", facts)
    for nonsense in ("-1", "a", "1-", ""):
        with pytest.raises(InputError):
            chosen_layers(nonsense, facts)
    with pytest.raises(InputError, match="No layer"):
        chosen_layers([], facts)


def test_the_list_of_models_names_what_is_not_here():
    rows = {row["name"]: row for row in list_models()}
    assert {"mini-encoder", "mini-decoder", "xlm-roberta-base", "facebook/xglm-564M"} <= set(rows)
    row = rows["bigscience/bloom-7b1"]
    assert (row["family"], row["layers"], row["width"]) == ("decoder", 30, 4096)
    assert (row["gigabytes_bf16"], row["gigabytes_fp32"]) == (14.1, 28.3)
    if not row["available"]:
        assert row["path"] is None
        assert "hf download" in row["reason"]


def test_looking_at_a_model_loads_neither_torch_nor_transformers(bert: Path):
    code = (
        "import sys; from xviz.models.folder import describe, fingerprint; from xviz.models.listing import "
        "list_models; from xviz.models.devices import choose_dtype, bf16_pays_on_cpu; "
        f"describe({str(bert)!r}); fingerprint({str(bert)!r}); list_models(); bf16_pays_on_cpu(); "
        "sys.exit(bool({'torch', 'transformers', 'streamlit'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
