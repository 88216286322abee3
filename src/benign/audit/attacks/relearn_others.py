"""Relearning on other people's facts: training that touches no forgotten record and may still wake the memory.

Source: Hu et al. 2024 (arXiv 2406.13356) and Lucki et al. 2024 (arXiv 2409.18025), who bring knowledge back by training
on data that hold none of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from benign.audit.attacks import Cost, Found, Ground
from benign.audit.attacks.asking import remembered
from benign.audit.attacks.questions import MOST, known_facts
from benign.audit.attacks.tuned import ADAPTER, CONSTANT, Training
from benign.engine.recipe import Optim
from benign.errors import NotMeasured
from benign.parts.loci.lora import Lora


@dataclass(frozen=True)
class RelearnOthers:
    """Train shortly on facts about the kept subjects, then ask the forgotten questions as they are."""

    cost: ClassVar[Cost] = "standard"
    steps: int = 15
    """The attack's budget."""
    batch: int = 16
    """Records per step."""
    optim: Optim = CONSTANT
    """Learning rate and schedule; ``steps`` above is the length."""
    locus: Lora = ADAPTER
    """Where the attacker may train."""
    most: int | None = MOST
    """Questions asked at most."""

    def __call__(self, ground: Ground) -> Found:
        """Memory of the forgotten after the training."""
        taught = known_facts(ground.data.retain)
        if not taught:
            return Found(NotMeasured("no memory questions in the retain set to train on"))
        training = Training(self.steps, self.batch, self.optim, self.locus)
        return remembered(ground, training.later(ground, taught), self.most)
