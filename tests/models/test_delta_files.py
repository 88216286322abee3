"""Deltas on disk: plain peft and plain torch as readers, and every kind of damage."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import peft
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoModelForImageTextToText

from benign.errors import UserError
from benign.models.delta import Delta, LowRank, applied, load_delta, save_delta
from benign.models.families.family import linear_modules
from benign.models.load import Model, load
from benign.models.save import save

from .changes import FIRST, Models, dense, logits, low_rank, plain_logits


def refused(folder: Path, model: Model, *words: str) -> None:
    with pytest.raises(UserError) as caught:
        load_delta(folder, model)
    for word in words:
        assert word in caught.value.line(), caught.value.line()


@pytest.mark.parametrize("name", ["llama", "mixtral", "qwen2", "llava", "gemma3", "idefics3", "mllama", "qwen2_5_vl"])
def test_plain_peft_reads_the_adapter(
    model_of: Models, folder_of: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    model = model_of(name)
    delta = low_rank(model, rank=3, scale=0.7)
    save_delta(delta, model, tmp_path / "adapter", base="the/base")
    with applied(model, delta):
        ours = logits(model)
    auto = AutoModelForImageTextToText if model.family.multimodal else AutoModelForCausalLM
    module = auto.from_pretrained(folder_of(name))
    assert not torch.allclose(plain_logits(model, module), ours, atol=1e-3)
    with warnings.catch_warnings():
        # peft calls a deprecated alias of transformers; a missing key is a UserWarning and stays an error.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        wrapped = peft.PeftModel.from_pretrained(module, tmp_path / "adapter")
    assert torch.allclose(plain_logits(model, wrapped.base_model.model), ours, atol=1e-6)
    assert torch.allclose(plain_logits(model, wrapped.merge_and_unload()), ours, atol=1e-6)
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "the/base" and config["lora_alpha"] == pytest.approx(2.1)


def test_a_dense_delta_needs_five_lines_and_no_benign(
    model_of: Models, folder_of: Callable[[str], Path], tmp_path: Path
) -> None:
    model = model_of("llama")
    delta = Delta({**low_rank(model).tensors, **dense(model, ("model.norm.weight",)).tensors})
    save_delta(delta, model, tmp_path / "d", base="base")
    module = AutoModelForCausalLM.from_pretrained(folder_of("llama"))
    parameters = dict(module.named_parameters())
    for name, change in load_file(tmp_path / "d" / "delta.safetensors").items():
        parameters[name].data += change
    with applied(model, delta):
        assert torch.allclose(plain_logits(model, module), logits(model), atol=1e-6)


@pytest.mark.parametrize("make", [low_rank, dense])
def test_written_and_read_back(model_of: Models, tmp_path: Path, make: Callable[[Model], Delta]) -> None:
    model = model_of("llama")
    delta = make(model)
    save_delta(delta, model, tmp_path / "d", base="base")
    again = load_delta(tmp_path / "d", model)
    assert again.digest == delta.digest and again.is_low_rank == delta.is_low_rank
    assert set(again.tensors) == set(delta.tensors)
    save_delta(again, model, tmp_path / "d", base="base")
    assert load_delta(tmp_path / "d", model).digest == delta.digest


def test_different_ranks_are_stored_in_full(model_of: Models, tmp_path: Path) -> None:
    model = model_of("llama")
    names = linear_modules(model.module, model.family.language)
    mixed = Delta(
        {
            **low_rank(model, rank=2, names=names[:1]).tensors,
            **low_rank(model, rank=3, names=names[1:2]).tensors,
        }
    )
    save_delta(mixed, model, tmp_path / "d", base="base")
    assert not (tmp_path / "d" / "adapter_config.json").exists()
    again = load_delta(tmp_path / "d", model)
    for name, change in mixed.tensors.items():
        assert isinstance(change, LowRank) and torch.equal(again.tensors[name], change.dense())  # type: ignore[arg-type]


@pytest.mark.parametrize("make", [low_rank, dense])
def test_a_flipped_bit_in_any_file_is_found(model_of: Models, tmp_path: Path, make: Callable[[Model], Delta]) -> None:
    model, folder = model_of("llama"), tmp_path / "d"
    save_delta(make(model), model, folder, base="base")
    chance = random.Random(0)
    for path in sorted(folder.iterdir()):
        good = path.read_bytes()
        for place in [chance.randrange(len(good)) for _ in range(20)] + [len(good) - 2]:
            path.write_bytes(good[:place] + bytes([good[place] ^ (1 << chance.randrange(7))]) + good[place + 1 :])
            with pytest.raises(UserError):
                load_delta(folder, model)
        path.write_bytes(good)
    assert load_delta(folder, model)


def edited(path: Path, edit: Callable[[dict[str, Tensor]], object]) -> None:
    tensors = load_file(path)
    edit(tensors)
    save_file(tensors, path, metadata={"format": "pt"})


def test_renamed_missing_and_extra_keys(model_of: Models, tmp_path: Path) -> None:
    model, folder = model_of("llama"), tmp_path / "d"
    path, key = (
        folder / "adapter_model.safetensors",
        f"base_model.model.{FIRST.replace('.weight', '.lora_A.weight')}",
    )
    edits: list[tuple[Callable[[dict[str, Tensor]], object], str]] = [
        (lambda t: t.update({key.replace("q_proj", "x_proj"): t.pop(key)}), f"missing {key}"),
        (lambda t: t.pop(key), f"missing {key}"),
        (lambda t: t.update(more=torch.zeros(1)), "extra more"),
    ]
    for edit, word in edits:
        save_delta(low_rank(model), model, folder, base="base")
        edited(path, edit)
        refused(folder, model, word)


def test_damaged_missing_and_foreign_files(model_of: Models, tmp_path: Path) -> None:
    model, folder = model_of("llama"), tmp_path / "d"
    save_delta(low_rank(model), model, folder, base="base")
    path = folder / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-3])
    refused(folder, model, "damaged", path.name)
    path.unlink()
    refused(folder, model, "missing", path.name)
    (folder / "benign.json").unlink()
    refused(folder, model, "no benign.json")
    (folder / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(UserError, match=r"holds other files: holiday\.jpg"):
        save_delta(low_rank(model), model, folder, base="base")
    assert (folder / "holiday.jpg").exists()


def test_swapped_base(model_of: Models, tmp_path: Path) -> None:
    model = model_of("llama")
    save_delta(low_rank(model), model, tmp_path / "d", base="the/base")
    twin = load(model.source, device="cpu")
    twin.module.model.norm.weight.data += 1
    save(twin, tmp_path / "twin")
    refused(tmp_path / "d", load(str(tmp_path / "twin"), device="cpu"), "another model", "the/base")


def test_a_delta_that_does_not_fit(model_of: Models, tmp_path: Path) -> None:
    model = model_of("llama")
    for tensors, word in (
        ({"model.nothing.weight": torch.ones(2)}, "no parameter"),
        ({"model.norm.weight": torch.ones(2)}, r"shape \(2,\)"),
        ({}, "changes nothing"),
    ):
        with pytest.raises(UserError, match=word):
            save_delta(Delta(tensors), model, tmp_path / "d", base="base")
    assert not (tmp_path / "d").exists()


SCRIPT = """
import sys
from pathlib import Path
from types import SimpleNamespace
import torch
from benign.models.delta import Delta, LowRank, save_delta
model = SimpleNamespace(module=torch.nn.Sequential(*[torch.nn.Linear(4, 3) for _ in range(8)]), digest="base")
names = {f"{n}.weight" for n in range(8)}
changes = {name: LowRank(torch.full((1, 4), float(name[0])), torch.ones(3, 1), 2.0) for name in names}
save_delta(Delta(changes), model, Path(sys.argv[1]), base="base")
assert "transformers" not in sys.modules
"""


def test_bytes_do_not_depend_on_the_hash_seed(tmp_path: Path) -> None:
    found = []
    for seed in ("1", "2"):
        command = [sys.executable, "-c", SCRIPT, str(tmp_path / seed)]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": seed})
        found.append({path.name: path.read_bytes() for path in (tmp_path / seed).iterdir()})
    assert found[0] == found[1] and len(found[0]) == 3
