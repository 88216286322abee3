"""BLUR against the weighted sum on NPO: what is kept where equally much is forgotten.

PYTHONPATH=benches/experiments/effects python benches/experiments/effects/blur.py --seeds 3
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

from along import Looks, at, run, trained

from benign.benchmarks.presets_text import LOCUS
from benign.engine.compose import compose
from benign.engine.recipe import Optim
from benign.methods.npo import NPO
from benign.parts.updates.blur import ForgetFirst
from benign.parts.updates.weighted_sum import WeightedSum

GOAL = 0.1
"""The forget answers' probability at which the runs are compared."""
OPTIM = Optim(lr=1e-3, epochs=None, steps=30, schedule="constant")
METHODS: dict[str, Any] = {
    "npo": NPO(forget_batch=8, retain_batch=8, optim=OPTIM, locus=LOCUS),
}
UPDATES = {"sum": WeightedSum(), "blur": ForgetFirst()}
WEIGHTS = (1.0, 100.0)
"""Of the retain term, with both updates; a weight of 100 is a gamma of 0.01 up to scale."""


def measure(looks: Looks, seed: int) -> Iterator[dict[str, Any]]:
    """One row per objective and update."""
    for name, method in METHODS.items():
        for weight, (how, update) in product(WEIGHTS, UPDATES.items()):
            heavy = compose(replace(method, retain_weight=weight), update=update)
            way = trained(looks, heavy, seed, until=lambda now: now["forget"] < GOAL)
            found = at(way, "forget", GOAL) or {"step": None, **way.seen[-1]}
            cost = {"cpu_seconds_per_step": way.cpu_seconds / way.steps, "peak_rss_mb": way.peak_rss_mb}
            yield {"row": f"{name} {how}, retain weight {weight:g}", **found, **cost}


if __name__ == "__main__":
    run("blur", measure, ("retain", "retain_kl", "forget", "step", "cpu_seconds_per_step", "peak_rss_mb"))
