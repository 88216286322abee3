"""Quantisation to four bits, as a deployment would do it: what it brings back was hidden in the last digits.

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
class QuantiseInt4:
    """Merge the adapter, round the decoder's matrices to four bits, and ask the forgotten questions as they are."""

    cost: ClassVar[Cost] = "fast"
    group: int | None = 64
    """Inputs that share a step, as in QLoRA (arXiv 2305.14314); None is a whole row."""
    most: int | None = MOST
    """Questions asked at most."""

    def __call__(self, ground: Ground) -> Found:
        """Memory of the quantised system."""
        system = Tampered(ground.served, lambda _, weight: rounded(weight, 4, self.group), f"int4 {self.group}")
        return remembered(ground, system, self.most)
