"""Llama 3.2 Vision: pictures through cross-attention."""

from __future__ import annotations

from benign.models.families.family import DECODER_LINEAR, Family

FAMILY = Family(
    name="mllama",
    model_types=("mllama",),
    language=r"model\.language_model" + DECODER_LINEAR,
    layers="model.language_model.layers",
    vision=r"model\.vision_model\..+",
    projector=r"model\.multi_modal_projector(?:\..+)?",
    # A record without pictures skips the cross-attention layers only when no record of the batch has any, and
    # a token that may see no picture averages over all of them, those that only fill up the batch included.
    mixes=False,
)
