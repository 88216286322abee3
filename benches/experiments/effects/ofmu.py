"""OFMU against NPO and the weighted sum: how alike the gradients are, what is kept, and what a step costs.

python benches/experiments/effects/ofmu.py --seeds 3
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from along import trained
from observed import Drift
from seeds import Jobs, Row, fill, two_authors

from benign.benchmarks.presets_text import LOCUS
from benign.engine.compose import compose
from benign.engine.recipe import Optim
from benign.methods.npo import NPO
from benign.methods.ofmu import OFMU
from benign.models.load import load
from benign.parts.updates import Gradient, State, Step, Update
from benign.parts.updates.gradient import dot, norm

LM = load("embedded:lm")
GOAL = 0.1
"""The forget answers' probability at which the runs are compared."""
OPTIM = Optim(lr=2e-3, epochs=None, steps=24, schedule="constant")
METHODS: dict[str, Any] = {
    "npo": NPO(forget_batch=4, retain_batch=4, optim=OPTIM, locus=LOCUS),
    "ofmu": OFMU(beta=1.0, forget_batch=4, retain_batch=4, optim=OPTIM, locus=LOCUS),
    "ofmu without similarity": OFMU(beta=0.0, forget_batch=4, retain_batch=4, optim=OPTIM, locus=LOCUS),
}


@dataclass(frozen=True)
class Noted:
    """An update beside which the similarity of the two gradients is written down."""

    update: Update
    cosines: list[float] = field(default_factory=list)
    aside: list[float] = field(default_factory=list)

    def init(self, parameters: Gradient) -> State:
        """The update's own."""
        return self.update.init(parameters)

    def __call__(self, step: Step, state: State) -> tuple[Gradient, State]:
        """The update's own."""
        start = time.process_time()
        forget, keep = step.gradients(["forget", "retain"]).values()
        self.cosines.append(dot(forget, keep) / max(1e-30, norm(forget) * norm(keep)))
        self.aside.append(time.process_time() - start)
        return self.update(step, state)


def row(drift: Drift, method: Any, seed: int) -> Row:
    """What is left at the goal, how alike the gradients of the last steps were, and the cost without asking that."""
    noted = Noted(method.recipe().stages[0].update)
    way = trained(drift, compose(method, update=noted), seed, until=lambda now: now["forget"] < GOAL)
    found = way.end("forget", GOAL)
    last = noted.cosines[-4:]
    told = {"cosine": sum(last) / len(last), "absolute_cosine": sum(map(abs, last)) / len(last)}
    seconds = way.cpu_seconds - sum(noted.aside)
    cost = {"cpu_seconds": seconds, "cpu_seconds_per_step": seconds / way.steps, "peak_rss_mb": way.peak_rss_mb}
    return {**found, **told, **cost}


def jobs(seed: int) -> Jobs:
    """One row per method."""
    drift = Drift(LM, two_authors(seed))
    return {name: partial(row, drift, method, seed) for name, method in METHODS.items()}


if __name__ == "__main__":
    fill("ofmu", jobs)
