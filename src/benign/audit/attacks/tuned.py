"""A short training by an attacker: a low-rank adapter on top of whatever is deployed."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benign.audit.attacks import Ground
from benign.audit.attacks.attacked import Attacked
from benign.data.record import Data, Record
from benign.engine.draw import drawn
from benign.engine.log import Log
from benign.engine.recipe import Optim, Term, Train
from benign.engine.serve import Served, stacked
from benign.engine.train import Job, Report, train
from benign.parts.loci import Locus
from benign.parts.loci.lora import Lora
from benign.parts.objectives.cross_entropy import CrossEntropy
from benign.parts.targets import Context

CONSTANT = Optim(lr=2e-3, epochs=None, schedule="constant")
ADAPTER = Lora(rank=16, alpha=16.0, dropout=0.0)


@dataclass(frozen=True)
class Training:
    """A training's budget."""

    steps: int
    """Steps of the optimiser."""
    batch: int
    """Records per step."""
    optim: Optim = CONSTANT
    """Learning rate and schedule; ``steps`` above is the length."""
    locus: Locus = ADAPTER
    """Where the attacker may train."""

    def __call__(self, served: Served, records: Sequence[Record], *, seed: int, report: Report) -> Served:
        """The system after training on the records' own answers; the given one stays as it was.

        Args:
            served: The system under attack.
            records: What the attacker has.
            seed: Seeds the draws and the adapter.
            report: Called as training goes on.
        """
        length = Optim(self.optim.lr, None, self.steps, self.optim.schedule)
        terms = (Term("relearn", CrossEntropy(), on="forget", batch=self.batch),)
        stage = Train("relearn", terms, length, self.locus)
        context = Context(Data(forget=tuple(records)), seed, lambda those: [record.gold for record in those])
        planned = drawn(stage, context)
        with tempfile.TemporaryDirectory() as scratch, stacked(served.model, served.deltas):
            place = Path(scratch)
            log = Log(place / "log.jsonl")
            learned, _ = train(Job(served.model, stage, planned, seed, "relearn", place, log, report))
        return Served(served.model, (*served.deltas, learned), served.batch)

    def later(self, ground: Ground, records: Sequence[Record]) -> Attacked:
        """The system after the training, which runs only if the system is asked what is not cached."""
        content = [ground.served.digest, repr(self), ground.seed, [record.digest for record in records]]

        def run() -> Served:
            return self(ground.served, records, seed=ground.seed, report=ground.report)

        return Attacked(run, json.dumps(content))
