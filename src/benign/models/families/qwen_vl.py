"""Qwen2-VL, Qwen2.5-VL and Qwen3-VL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from benign.models.families.family import DECODER_LINEAR, Family


def _positions(module: nn.Module, inputs: Mapping[str, Tensor]) -> Tensor:
    """Time, height and width [3, 1, T] of each token; the three are equal in text."""
    grid = inputs.get("image_grid_thw")
    if grid is None:
        return torch.arange(inputs["input_ids"].shape[1]).expand(3, 1, -1)
    backbone: Any = module.get_submodule("model")
    found: Tensor = backbone.get_rope_index(
        inputs["input_ids"], mm_token_type_ids=inputs["mm_token_type_ids"], image_grid_thw=grid
    )[0]
    return found


FAMILY = Family(
    name="qwen_vl",
    model_types=("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe"),
    language=r"model\.language_model" + DECODER_LINEAR,
    layers="model.language_model.layers",
    vision=r"model\.visual\.(?!(?:deepstack_)?merger).+",
    projector=r"model\.visual\.(?:deepstack_)?merger.+",
    packs=True,
    positions=_positions,
)
