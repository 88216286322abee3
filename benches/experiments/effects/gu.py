"""GU against the weighted sum on three objectives: what is kept where equally much is forgotten.

python benches/experiments/effects/gu.py --seeds 3
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from along import trained
from observed import Drift
from seeds import Jobs, Row, fill, two_authors

from benign.benchmarks.presets_text import LOCUS
from benign.engine.compose import compose
from benign.engine.recipe import Method, Optim
from benign.methods.grad_diff import GradDiff
from benign.methods.npo import NPO
from benign.methods.simnpo import SimNPO
from benign.models.load import load
from benign.parts.updates import Update
from benign.parts.updates.gu import GeometricDisentanglement
from benign.parts.updates.weighted_sum import WeightedSum

LM = load("embedded:lm")
GOAL = {"ga": 0.1, "npo": 0.1, "simnpo": 0.3}
"""The forget answers' probability at which the runs are compared; SimNPO's bounded loss hardly gets below 0.15."""
OPTIM = Optim(lr=1e-3, epochs=None, steps=40, schedule="constant", betas=(0.0, 0.999))
METHODS: dict[str, Any] = {
    "ga": GradDiff(forget_batch=8, retain_batch=8, optim=OPTIM, locus=LOCUS),
    "npo": NPO(forget_batch=8, retain_batch=8, optim=OPTIM, locus=LOCUS),
    "simnpo": SimNPO(forget_batch=8, retain_batch=8, forget_weight=1.0, optim=OPTIM, locus=LOCUS),
}
UPDATES: dict[str, Update] = {
    "sum": WeightedSum(),
    "gu": GeometricDisentanglement(),
    "gu plain": GeometricDisentanglement("plain"),
}
RATES = {"": 1e-3, ", smaller rate": 3e-4}
"""The claim is one of first order: the smaller the steps, the better it should hold."""


def row(drift: Drift, method: Method, goal: float, seed: int) -> Row:
    """What is left at the goal, or where the run ended before it."""
    way = trained(drift, method, seed, until=lambda now: now["forget"] < goal)
    found = way.end("forget", goal)
    return {**found, "cpu_seconds_per_step": way.cpu_seconds / way.steps, "peak_rss_mb": way.peak_rss_mb}


def jobs(seed: int) -> Jobs:
    """One row per objective, update and rate."""
    drift = Drift(LM, two_authors(seed))
    found: dict[str, Any] = {}
    for kind, rate in RATES.items():
        for name, method in METHODS.items():
            slow = replace(method, optim=replace(OPTIM, lr=rate))
            for how, update in UPDATES.items():
                found[f"{name} {how}{kind}"] = partial(row, drift, compose(slow, update=update), GOAL[name], seed)
    return found


if __name__ == "__main__":
    fill("gu", jobs)
