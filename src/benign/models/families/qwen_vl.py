"""Qwen2-VL, Qwen2.5-VL and Qwen3-VL."""

from __future__ import annotations

from benign.models.families.family import DECODER_LINEAR, Family

FAMILY = Family(
    name="qwen_vl",
    model_types=("qwen2_vl", "qwen2_5_vl", "qwen3_vl"),
    language=r"model\.language_model" + DECODER_LINEAR,
    layers="model.language_model.layers",
    vision=r"model\.visual\.(?!(?:deepstack_)?merger).+",
    projector=r"model\.visual\.(?:deepstack_)?merger.+",
)
