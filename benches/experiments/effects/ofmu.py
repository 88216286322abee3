"""OFMU beside NPO: what is kept where equally much is forgotten, how alike the gradients are there, what a step costs.

python benches/experiments/effects/ofmu.py --seeds 3
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from along import trained
from observed import Drift
from seeds import Jobs, Row, fill, two_authors

from benign.benchmarks.presets_text import embedded
from benign.engine.compose import compose
from benign.engine.importance import mean_loss
from benign.engine.recipe import Method
from benign.methods.npo import NPO
from benign.models.load import load
from benign.models.pack import packed_rows
from benign.parts.updates import Gradient, State, Step, Update

LM = load("embedded:lm")
GOAL = 0.1
"""The forget answers' probability at which the runs are compared."""
TUNED: Any = embedded("ofmu")
STEPS = replace(TUNED.optim, lr=2e-3, steps=60)
BATCHES: dict[str, Any] = {name: getattr(TUNED, name) for name in ("forget_batch", "retain_batch", "locus")}
FEW = 58
"""Retained records looked at."""
METHODS: dict[str, Method] = {
    "npo, retain weight 1": NPO(optim=STEPS, **BATCHES),
    "npo, retain weight 30": NPO(retain_weight=30.0, optim=STEPS, **BATCHES),
    "npo, retain weight 100": NPO(retain_weight=100.0, optim=STEPS, **BATCHES),
    "ofmu, cosine": TUNED,
    "ofmu, squared cosine": replace(TUNED, similarity="squared"),
    "ofmu, beta 0": replace(TUNED, beta=0.0),
}


@dataclass(frozen=True)
class Noted:
    """An update before whose first step the gradients are compared."""

    update: Update
    drift: Drift
    start: list[float] = field(default_factory=list)
    """The cosine, and the processor seconds that finding it took."""

    def init(self, parameters: Gradient) -> State:
        """The update's own."""
        return self.update.init(parameters)

    def __call__(self, step: Step, state: State) -> tuple[Gradient, State]:
        """The update's own."""
        if not self.start:
            began = time.process_time()
            self.start.extend((cosine(self.drift), time.process_time() - began))
        return self.update(step, state)


def cosine(drift: Drift) -> float:
    """Of the loss' gradients on the forgotten and on the retained records looked at, in what moves now."""
    moving = [weight for weight in drift.model.module.parameters() if weight.requires_grad]
    drift.model.module.eval()
    ways = []
    for records in (drift.data.forget, drift.retained):
        loss = mean_loss(packed_rows(drift.model, [drift.model.encoder.full(record) for record in records]))
        ways.append(torch.cat([way.flatten() for way in torch.autograd.grad(loss, moving)]))
    return float(torch.cosine_similarity(*ways, dim=0))


def row(drift: Drift, method: Any, seed: int) -> Row:
    """What is left at the goal, how alike the gradients were before and where it was reached, and the cost."""
    noted, there = Noted(method.recipe().stages[0].update, drift), []

    def enough(now: dict[str, float]) -> bool:
        if now["forget"] < GOAL:
            there.append(cosine(drift))
        return bool(there)

    way = trained(drift, compose(method, update=noted), seed, until=enough)
    seconds = way.cpu_seconds - noted.start[1]
    cost = {"cpu_seconds": seconds, "cpu_seconds_per_step": seconds / way.steps, "peak_rss_mb": way.peak_rss_mb}
    told = {"cosine_before": noted.start[0], "cosine_after": there[0] if there else None}
    return {**way.end("forget", GOAL), **told, **cost}


def jobs(seed: int) -> Jobs:
    """One row per method."""
    drift = Drift(LM, two_authors(seed), few=FEW)
    return {name: partial(row, drift, method, seed) for name, method in METHODS.items()}


if __name__ == "__main__":
    fill("ofmu", jobs)
