"""Weights between the unlearned and the original model: how short is the way back for whoever has both?

It needs the original, which shows what the way back looks like and not that an outsider can take it. Source: linear
interpolation of weights after Frankle et al. 2020 (arXiv 1912.05671) and task arithmetic (arXiv 2212.04089).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from benign.audit.attacks import Cost, Found, Ground
from benign.audit.attacks.asking import remembered
from benign.audit.attacks.questions import MOST
from benign.audit.attacks.towards import towards
from benign.errors import NotMeasured


@dataclass(frozen=True)
class Interpolate:
    """Go part of the way back to the original's weights, which the attacker must have; ask the forgotten questions."""

    cost: ClassVar[Cost] = "fast"
    alpha: float = 0.5
    """How far back: 0 is the system itself, 1 the original."""
    most: int | None = MOST
    """Questions asked at most."""

    def __call__(self, ground: Ground) -> Found:
        """Memory of the system between."""
        system = towards(ground.served, ground.original, lambda _: self.alpha, f"interpolate {self.alpha}")
        return Found(system) if isinstance(system, NotMeasured) else remembered(ground, system, self.most)
