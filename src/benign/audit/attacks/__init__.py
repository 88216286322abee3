"""Attempts to bring a memory back: one file per attack, each with a budget, a seed and a cost.

An attack is found by its file name; the file's class of the same name (``prefix_injection.py``: ``PrefixInjection``)
can be made without arguments, and its fields are its budget.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

from benign.audit.observation import Observations
from benign.audit.plan import Ask
from benign.audit.score import Score
from benign.data.record import Data
from benign.engine.serve import Served, System
from benign.engine.train import Report
from benign.errors import NotMeasured

Cost = Literal["fast", "standard", "all"]
"""The smallest group that holds the attack: asking again is fast, training or hundreds of samples is not."""


@dataclass(frozen=True)
class Ground:
    """What an attacker has: the system as it is deployed, the original model, the records, and a way to ask."""

    served: Served
    """The system under attack."""
    original: Served
    """The model before unlearning, for attacks that borrow from it."""
    data: Data
    """All splits; attacks are after ``forget``'s memory and may use the others."""
    ask: Callable[[System, Sequence[Ask]], Observations]
    """Observes a system; answers are cached by the system's digest and the asks."""
    report: Report
    """Called as (what, done, total) as long work goes on."""
    seed: int = 0


@dataclass(frozen=True)
class Found:
    """How much of the forgotten an attack brought back, 0 to 1, and the answers that show it."""

    score: Score | NotMeasured
    evidence: Observations = Observations()


class Attack(Protocol):
    """One attempt; it is made in the same way on the unlearned, the retrained and the original model."""

    cost: ClassVar[Cost]

    def __call__(self, ground: Ground) -> Found:
        """Attack the system; the system is afterwards as it was."""
        ...
