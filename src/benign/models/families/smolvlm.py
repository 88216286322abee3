"""SmolVLM and SmolVLM2: the layout of Idefics3."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from benign.models.families.idefics3 import FAMILY as IDEFICS3


@contextmanager
def _spelling_numbers() -> Iterator[None]:
    """The processor refuses to be built without num2words, which only its video prompts use."""
    from transformers.models.smolvlm import processing_smolvlm

    present = processing_smolvlm.num2words
    processing_smolvlm.num2words = present or str
    try:
        yield
    finally:
        processing_smolvlm.num2words = present


FAMILY = replace(IDEFICS3, name="smolvlm", model_types=("smolvlm",), composing=_spelling_numbers)
