"""The relearning attack: teach the model a few of a person's facts again and see whether the others come back.

Source: Hu et al. 2024 (arXiv 2406.13356); Lynch et al. 2024 (arXiv 2402.16835). What comes back beyond what a
retrained model answers under the very same attack was suppressed and not erased.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from benign.audit.attacks import Cost, Found, Ground
from benign.audit.attacks.attacked import Attacked
from benign.audit.metrics.rouge import rouge_l
from benign.audit.plan import Ask
from benign.data.record import Data, Record
from benign.engine.draw import derived_seed, drawn
from benign.engine.log import Log
from benign.engine.recipe import Optim, Term, Train
from benign.engine.serve import Served, stacked
from benign.engine.train import Job, Report, train
from benign.errors import NotMeasured
from benign.parts.loci.lora import Lora
from benign.parts.objectives.cross_entropy import CrossEntropy
from benign.parts.targets import Context


@dataclass(frozen=True)
class Relearn:
    """A short training on ``facts`` facts about each forgotten subject, then questions about the others."""

    cost: ClassVar[Cost] = "standard"
    facts: int = 2
    """Facts taught again per subject."""
    steps: int = 15
    """The attack's budget."""
    batch: int = 16
    """Records per step."""
    optim: Optim = Optim(lr=2e-3, epochs=None, schedule="constant")
    """Learning rate and schedule; ``steps`` above is the length."""
    locus: Lora = Lora(rank=16, alpha=16.0, dropout=0.0)
    """Where the attacker may train."""

    def __call__(self, ground: Ground) -> Found:
        """Memory of the facts that were not taught, after the training."""
        forget, seed = ground.data.forget, ground.seed
        asked = self.asked(forget, seed=seed)
        if not asked:
            return Found(NotMeasured("no subject has more facts than the attack teaches"))
        identity = json.dumps([ground.served.digest, repr(self), seed, [r.digest for r in forget]])
        system = Attacked(lambda: self.attack(ground.served, forget, seed=seed, report=ground.report), identity)
        seen = ground.ask(system, [Ask("forget", "as_is", record) for record in asked])
        return Found(rouge_l(seen, variant="recall"), seen)

    def taught(self, forget: Sequence[Record], *, seed: int) -> tuple[Record, ...]:
        """The picture questions of the facts that are taught, the same ones whichever model is attacked."""
        chosen: list[Record] = []
        for records in _facts(forget).values():
            ordered = sorted(records, key=lambda record: derived_seed(seed, record.id))
            chosen.extend(ordered[: self.facts])
        return tuple(chosen)

    def asked(self, forget: Sequence[Record], *, seed: int) -> tuple[Record, ...]:
        """The picture questions of the facts that were not taught."""
        taught = {record.id for record in self.taught(forget, seed=seed)}
        return tuple(r for records in _facts(forget).values() for r in records if r.id not in taught)

    def attack(self, served: Served, forget: Sequence[Record], *, seed: int, report: Report) -> Served:
        """The system after the attack; the attacked one stays as it was."""
        data = Data(forget=self.taught(forget, seed=seed))
        optim = Optim(self.optim.lr, None, self.steps, self.optim.schedule)
        terms = (Term("relearn", CrossEntropy(), on="forget", batch=self.batch),)
        stage = Train("relearn", terms, optim, self.locus)
        steps = drawn(stage, Context(data, seed, lambda records: [r.gold for r in records]))
        with tempfile.TemporaryDirectory() as scratch, stacked(served.model, served.deltas):
            place = Path(scratch)
            job = Job(served.model, stage, steps, seed, "relearn", place, Log(place / "log.jsonl"), report)
            learned, _ = train(job)
        return Served(served.model, (*served.deltas, learned), served.batch)


def _facts(forget: Sequence[Record]) -> dict[str, list[Record]]:
    """Each subject's memory questions: those about pictures where there are any, else those in words."""
    subjects: dict[str, list[Record]] = {}
    for record in forget:
        if record.kind == "memory":
            subjects.setdefault(record.subject, []).append(record)
    return {s: [r for r in records if r.images] or records for s, records in subjects.items()}
