"""Saving a whole model: what is written is what plain transformers and benign read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import peft
import pytest
import torch
from transformers import AutoModelForCausalLM

from benign.errors import UserError
from benign.models.delta import Delta
from benign.models.load import Model, load
from benign.models.save import save

NAME = "model.norm.weight"


@pytest.mark.parametrize("name", ["llama", "qwen2", "mixtral", "llava", "qwen2_vl"])
def test_saved_and_loaded_again(model_of: Callable[[str], Model], tmp_path: Path, name: str) -> None:
    model = model_of(name)
    digest = save(model, tmp_path / "m")
    again = load(str(tmp_path / "m"), device="cpu")
    assert again.digest == digest
    ours = dict(model.module.named_parameters())
    assert all(torch.equal(ours[key], value) for key, value in again.module.named_parameters())
    text = model.processor.tokens("Hello <|im_end|>")
    assert again.processor.tokens("Hello <|im_end|>") == text
    if model.processor.folder is not None:
        for path in (tmp_path / "m").glob("*processor_config.json"):
            assert path.read_bytes() == (model.processor.folder / path.name).read_bytes()


def test_a_delta_is_merged_into_the_file_alone(model_of: Callable[[str], Model], tmp_path: Path) -> None:
    model = model_of("llama")
    before = model.module.get_parameter(NAME).detach().clone()
    save(model, tmp_path / "m", delta=Delta({NAME: torch.full((32,), 0.25)}))
    assert torch.equal(model.module.get_parameter(NAME), before)
    assert torch.equal(AutoModelForCausalLM.from_pretrained(tmp_path / "m").get_parameter(NAME), before + 0.25)


def test_refuses_an_injected_adapter_and_a_foreign_folder(model_of: Callable[[str], Model], tmp_path: Path) -> None:
    model = model_of("llama")
    tuner = peft.LoraModel(model.module, peft.LoraConfig(r=2, target_modules=model.family.language), "default")
    try:
        with pytest.raises(UserError, match="adapter is injected"):
            save(model, tmp_path / "m")
    finally:
        tuner.unload()
        model.module.requires_grad_(True)
    (tmp_path / "letters.txt").write_text("dear")
    with pytest.raises(UserError, match="something else"):
        save(model, tmp_path)
    assert (tmp_path / "letters.txt").exists()
