"""Relearning on what concerns nobody: any further training of the model may undo what only holds the memory back.

Source: Lucki et al. 2024 (arXiv 2409.18025), who bring knowledge back by training on unrelated text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from benign.audit.attacks import Cost, Found, Ground
from benign.audit.attacks.asking import remembered
from benign.audit.attacks.questions import MOST
from benign.audit.attacks.tuned import ADAPTER, CONSTANT, Training
from benign.engine.recipe import Optim
from benign.errors import NotMeasured
from benign.parts.loci.lora import Lora


@dataclass(frozen=True)
class RelearnUnrelated:
    """Train shortly on general questions, then ask the forgotten questions as they are."""

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
        if not ground.data.general:
            return Found(NotMeasured("no general set to train on"))
        training = Training(self.steps, self.batch, self.optim, self.locus)
        return remembered(ground, training.later(ground, ground.data.general), self.most)
