"""Drawn records to encoded examples."""

from __future__ import annotations

from benign.data.batch import Batch
from benign.engine.draw import Drawn
from benign.models.encode import Encoder


def encoded(encoder: Encoder, item: Drawn) -> Batch:
    """One drawn record as a batch of one."""
    return encoder.full(item.record, answer=item.answer, text_only=item.text_only, variant=item.variant)
