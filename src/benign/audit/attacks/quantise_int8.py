"""Quantisation to eight bits, as a deployment would do it: what it brings back was hidden in the last digits.

Source: Zhang et al. 2025 (arXiv 2410.16454).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from benign.audit.attacks import Cost, Found, Ground
from benign.audit.attacks.asking import remembered
from benign.audit.attacks.questions import MOST
from benign.audit.attacks.rounding import rounded
from benign.audit.attacks.tampered import Tampered


@dataclass(frozen=True)
class QuantiseInt8:
    """Merge the adapter, round the decoder's matrices to eight bits, and ask the forgotten questions as they are."""

    cost: ClassVar[Cost] = "fast"
    group: int | None = None
    """Inputs that share a step; None is a whole row, as in LLM.int8 (arXiv 2208.07339)."""
    most: int | None = MOST
    """Questions asked at most."""

    def __call__(self, ground: Ground) -> Found:
        """Memory of the quantised system."""
        system = Tampered(ground.served, lambda _, weight: rounded(weight, 8, self.group), f"int8 {self.group}")
        return remembered(ground, system, self.most)
