"""BLUR against the weighted sum on NPO: what is kept where equally much is forgotten, over weights of keeping.

python benches/experiments/effects/blur.py --seeds 3
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

from along import trained
from observed import Drift
from seeds import Jobs, Row, fill, two_authors

from benign.benchmarks.presets_text import LOCUS
from benign.engine.compose import compose
from benign.engine.recipe import Method, Optim
from benign.methods.npo import NPO
from benign.models.load import load
from benign.parts.updates import Update
from benign.parts.updates.blur import ForgetFirst
from benign.parts.updates.weighted_sum import WeightedSum

LM = load("embedded:lm")
GOAL = 0.1
"""The forget answers' probability at which the runs are compared."""
OPTIM = Optim(lr=2e-3, epochs=None, steps=240, schedule="constant")
PLAIN: Any = NPO(forget_batch=8, retain_batch=8, optim=OPTIM, locus=LOCUS)
UPDATES: dict[str, Update] = {"sum": WeightedSum(), "blur": ForgetFirst()}
WEIGHTS = (1.0, 30.0, 100.0, 300.0, 1000.0)
"""Of the retain term, with both updates; 100 is a gamma of 1/100 up to scale (official script on WMDP: 1/800)."""


def row(drift: Drift, method: Method, seed: int) -> Row:
    """What is left at the goal, or where the run ended before it."""
    way = trained(drift, method, seed, until=lambda now: now["forget"] < GOAL)
    found = way.end("forget", GOAL)
    return {**found, "cpu_seconds_per_step": way.cpu_seconds / way.steps, "peak_rss_mb": way.peak_rss_mb}


def jobs(seed: int) -> Jobs:
    """One row per update and weight."""
    drift = Drift(LM, two_authors(seed), few=58)
    return {
        f"npo {how}, retain weight {weight:g}": partial(
            row, drift, compose(replace(PLAIN, retain_weight=weight), update=update), seed
        )
        for weight, (how, update) in product(WEIGHTS, UPDATES.items())
    }


if __name__ == "__main__":
    fill("blur", jobs)
