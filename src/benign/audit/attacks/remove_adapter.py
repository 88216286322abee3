"""The adapter is taken off, or the filter switched off: what whoever is handed the base model and the rest as files of
their own can do at once.

It is no discovery about the method but about the delivery: an adapter beside untouched weights is the original model
with a switch, and so is a filter at inference time. Only merged weights, and the original destroyed, are an erasure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from benign.audit.attacks import Cost, Found, Ground
from benign.audit.attacks.asking import remembered
from benign.audit.attacks.questions import MOST
from benign.engine.serve import Served
from benign.errors import NotMeasured


@dataclass(frozen=True)
class RemoveAdapter:
    """Take the adapter off the base model, as any user can who is handed both files and not the merged weights."""

    cost: ClassVar[Cost] = "fast"
    most: int | None = MOST
    """Questions asked at most."""

    def __call__(self, ground: Ground) -> Found:
        """Memory of the base model."""
        served = ground.served
        if not served.deltas and not served.guard:
            return Found(NotMeasured("there is no adapter to take off: the weights are whole"))
        return remembered(ground, Served(served.model, (), served.batch), self.most)
