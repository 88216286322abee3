"""The relearning attack: teach the model a few of a person's facts again and see whether the others come back.

Source: Hu et al. 2024 (arXiv 2406.13356); Lynch et al. 2024 (arXiv 2402.16835). What comes back beyond what a
retrained model answers under the very same attack was suppressed and not erased.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from benign.audit.attacks import Cost, Found, Ground
from benign.audit.attacks.asking import best_of
from benign.audit.attacks.questions import as_they_are, facts, known_facts
from benign.audit.attacks.tuned import ADAPTER, CONSTANT, Training
from benign.data.record import Record
from benign.engine.draw import derived_seed
from benign.engine.recipe import Optim
from benign.errors import NotMeasured
from benign.parts.loci.lora import Lora


@dataclass(frozen=True)
class Relearn:
    """Train shortly on a few facts about each forgotten subject, then ask for the others."""

    cost: ClassVar[Cost] = "standard"
    facts: int = 2
    """Facts taught again per subject."""
    steps: int = 15
    """The attack's budget."""
    batch: int = 16
    """Records per step."""
    optim: Optim = CONSTANT
    """Learning rate and schedule; ``steps`` above is the length."""
    locus: Lora = ADAPTER
    """Where the attacker may train."""

    def __call__(self, ground: Ground) -> Found:
        """Memory of the facts that were not taught, after the training."""
        asked = self.asked(ground.data.forget, seed=ground.seed)
        if not asked:
            return Found(NotMeasured("no subject has more facts than the attack teaches"))
        taught = self.taught(ground.data.forget, seed=ground.seed)
        training = Training(self.steps, self.batch, self.optim, self.locus)
        seen = ground.ask(training.later(ground, taught), as_they_are(asked))
        return Found(best_of(seen.asked), seen)

    def taught(self, forget: Sequence[Record], *, seed: int) -> tuple[Record, ...]:
        """The picture questions of the facts that are taught, the same ones whichever model is attacked."""
        chosen: list[Record] = []
        for records in facts(forget).values():
            ordered = sorted(records, key=lambda record: derived_seed(seed, record.id))
            chosen.extend(ordered[: self.facts])
        return tuple(chosen)

    def asked(self, forget: Sequence[Record], *, seed: int) -> tuple[Record, ...]:
        """The picture questions of the facts that were not taught."""
        taught = {record.id for record in self.taught(forget, seed=seed)}
        return tuple(record for record in known_facts(forget) if record.id not in taught)
