"""Loading: each mistake is one clear line, and the digest notices every byte."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, BertConfig, BertLMHeadModel

from benign.errors import UserError
from benign.models.digest import folder_digest
from benign.models.families.family import linear_modules
from benign.models.load import load

from .words import SIZES, tokenizer

WEIGHTS = "model.safetensors"


@pytest.fixture
def folder(folder_of: Callable[[str], Path], tmp_path: Path) -> Path:
    """A copy of the tiny Llama that a test may spoil."""
    return Path(shutil.copytree(folder_of("llama"), tmp_path / "llama"))


def refused(source: Path | str, *words: str) -> str:
    with pytest.raises(UserError) as caught:
        load(source, device="cpu")
    line = caught.value.line()
    assert "\n" not in line
    for word in words:
        assert word in line, line
    return line


def change(folder: Path, name: str, **values: object) -> None:
    path = folder / name
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def rewrite(folder: Path, edit: Callable[[dict[str, torch.Tensor]], object]) -> None:
    tensors = load_file(folder / WEIGHTS)
    edit(tensors)
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})


def test_wrong_path() -> None:
    refused("/no/such/folder", "no such folder", "embedded:NAME")
    refused("nowhere", "no such folder")


def test_unknown_hub_id_without_network() -> None:
    refused("nobody/nothing-of-the-sort", "neither a folder nor a model")


def test_a_file_and_a_folder_without_a_model(tmp_path: Path) -> None:
    refused(tmp_path, "no config.json")
    (tmp_path / "x.txt").write_text("x")
    refused(tmp_path / "x.txt", "not a folder")
    (tmp_path / "adapter_config.json").write_text("{}")
    refused(tmp_path, "load its base model")


def test_adapter_beside_a_model(folder: Path) -> None:
    (folder / "adapter_config.json").write_text("{}")
    refused(folder, "a model and an adapter in one folder")


@pytest.mark.parametrize("model_type", ["no-such-thing", "t5", "paligemma"])
def test_unsupported_architecture_names_the_known_ones(folder: Path, model_type: str) -> None:
    change(folder, "config.json", model_type=model_type)
    line = refused(folder, "unsupported architecture", model_type)
    assert "llava_next" in line and "qwen2_5_vl" in line


def test_an_encoder_is_no_causal_language_model(tmp_path: Path) -> None:
    sizes = {key: value for key, value in SIZES.items() if key not in ("num_key_value_heads",)}
    BertLMHeadModel(BertConfig(**sizes)).save_pretrained(tmp_path)
    tokenizer().save_pretrained(tmp_path)
    refused(tmp_path, "bert looks ahead")


def test_config_without_model_type(folder: Path) -> None:
    (folder / "config.json").write_text("{}")
    refused(folder, "names no model_type")
    (folder / "config.json").write_text("{")
    refused(folder, "not valid JSON")


def test_only_pickled_weights(folder: Path) -> None:
    (folder / WEIGHTS).rename(folder / "pytorch_model.bin")
    refused(folder, "only pickled weights (pytorch_model.bin)", "safetensors")


def test_no_weights_and_a_missing_shard(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    refused(folder, "no model.safetensors")
    index = {"metadata": {}, "weight_map": {"lm_head.weight": "model-00001-of-00001.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    refused(folder, "missing weight files: model-00001-of-00001.safetensors")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", {"auto_map": {"AutoModel": "x.Y"}}),
        ("config.json", {"_attn_implementation_internal": "evil/kernel"}),
        ("config.json", {"nested": [{"_attn_implementation": "evil/kernel"}]}),
        ("config.json", {"attn_implementation": "kernels-community/flash-attn"}),
        ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["x.Y", None]}}),
        ("generation_config.json", {"auto_map": {"AutoModel": "x.Y"}}),
    ],
)
def test_code_of_its_own(folder: Path, name: str, content: dict[str, object]) -> None:
    change(folder, name, **content)
    refused(folder, name, "run code of its own", "trust_remote_code")


def test_private_number_is_harmless(folder: Path) -> None:
    change(folder, "config.json", _sliding_window_pattern=6, _name_or_path="somewhere/else")
    assert load(folder, device="cpu").family.name == "llama"


def test_missing_and_renamed_weights(folder: Path) -> None:
    name = "model.layers.0.self_attn.q_proj.weight"
    rewrite(folder, lambda tensors: tensors.update(other=tensors.pop(name)))
    refused(folder, f"missing weights: {name}", "instead other")
    rewrite(folder, lambda tensors: tensors.pop("other"))
    refused(folder, f"missing weights: {name}")


def test_tied_head_may_be_missing(folder_of: Callable[[str], Path]) -> None:
    folder = folder_of("qwen2")
    assert "lm_head.weight" not in load_file(folder / WEIGHTS)
    module = load(folder, device="cpu").module
    assert module.lm_head.weight is module.model.embed_tokens.weight


def test_weights_of_another_shape(folder: Path) -> None:
    rewrite(folder, lambda tensors: tensors.update({"model.norm.weight": torch.ones(7)}))
    refused(folder, "weights")


def test_nan_weights(folder: Path) -> None:
    rewrite(folder, lambda tensors: tensors["model.norm.weight"][3:4].fill_(float("nan")))
    refused(folder, "weights that are not numbers: model.norm.weight")


@pytest.mark.parametrize("keep", [0, 4, 5000])
def test_truncated_weights(folder: Path, keep: int) -> None:
    path = folder / WEIGHTS
    path.write_bytes(path.read_bytes()[:keep])
    refused(folder, "damaged", WEIGHTS)


def test_broken_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{")
    refused(folder, "processor cannot be loaded")


def test_loads_quietly_to_the_asked_type(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model = load(folder, device="cpu")
    assert model.module.dtype == torch.float32 and not model.module.training
    assert load(folder, dtype="bfloat16", device="cpu").module.dtype == torch.bfloat16
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""
    with pytest.raises(UserError, match="unknown dtype 'int9'"):
        load(folder, dtype="int9", device="cpu")


def test_weights_arrive_bit_for_bit(folder: Path) -> None:
    stored, module = load_file(folder / WEIGHTS), load(folder, device="cpu").module
    assert all(torch.equal(stored[name], parameter) for name, parameter in module.named_parameters())
    assert type(module) is type(AutoModelForCausalLM.from_pretrained(folder))


def test_digest_is_stable_and_notices_one_bit_anywhere(folder: Path, tmp_path: Path) -> None:
    before = load(folder, device="cpu").digest
    assert folder_digest(Path(shutil.copytree(folder, tmp_path / "copy"))) == before
    for name in (WEIGHTS, "config.json", "tokenizer.json", "chat_template.jinja", "generation_config.json"):
        path = folder / name
        good = path.read_bytes()
        path.write_bytes(good[:-9] + bytes([good[-9] ^ 1]) + good[-8:])
        assert folder_digest(folder) != before, name
        path.write_bytes(good)
    (folder / "README.md").write_text("not part of the model")
    assert folder_digest(folder) == before


def test_digest_covers_every_shard(folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS)
    (folder / WEIGHTS).unlink()
    names = sorted(tensors)
    weight_map = {name: f"model-0000{1 + (place % 2)}-of-00002.safetensors" for place, name in enumerate(names)}
    for shard in set(weight_map.values()):
        save_file(
            {n: t for n, t in tensors.items() if weight_map[n] == shard},
            folder / shard,
            metadata={"format": "pt"},
        )
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    first = load(folder, device="cpu").digest
    for shard in set(weight_map.values()):
        good = (folder / shard).read_bytes()
        (folder / shard).write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
        assert folder_digest(folder) != first
        (folder / shard).write_bytes(good)
    assert folder_digest(folder) == first


def test_a_pattern_that_matches_nothing_lists_the_nearest_names(folder: Path) -> None:
    module = load(folder, device="cpu").module
    with pytest.raises(UserError, match=r"nearest names: model\.layers\.0\.self_attn\.q_proj"):
        linear_modules(module, r"model\.layers\.\d+\.attention\.q_proj")
    with pytest.raises(UserError, match="not a regular expression"):
        linear_modules(module, "(")


def test_the_window_is_what_the_text_configuration_says(folder: Path) -> None:
    model = load(folder)
    assert model.window == SIZES["max_position_embeddings"]
    config = model.module.config.get_text_config()
    config.max_position_embeddings = -1  # what a configuration that has none writes
    assert model.window is None
