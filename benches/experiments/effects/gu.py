"""GU against the weighted sum on three objectives: what is kept where equally much is forgotten.

PYTHONPATH=benches/experiments/effects python benches/experiments/effects/gu.py --seeds 3
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from along import Looks, at, run, trained

from benign.benchmarks.presets_text import LOCUS
from benign.engine.compose import compose
from benign.engine.recipe import Optim
from benign.methods.grad_diff import GradDiff
from benign.methods.npo import NPO
from benign.methods.simnpo import SimNPO
from benign.parts.updates.gu import GeometricDisentanglement
from benign.parts.updates.weighted_sum import WeightedSum

GOAL = {"ga": 0.1, "npo": 0.1, "simnpo": 0.3}
"""The forget answers' probability at which the runs are compared; SimNPO's bounded loss hardly gets below 0.15."""
OPTIM = Optim(lr=1e-3, epochs=None, steps=24, schedule="constant", betas=(0.0, 0.999))
METHODS: dict[str, Any] = {
    "ga": GradDiff(forget_batch=8, retain_batch=8, optim=OPTIM, locus=LOCUS),
    "npo": NPO(forget_batch=8, retain_batch=8, optim=OPTIM, locus=LOCUS),
    "simnpo": SimNPO(forget_batch=8, retain_batch=8, forget_weight=1.0, optim=OPTIM, locus=LOCUS),
}
UPDATES = {"sum": WeightedSum(), "gu": GeometricDisentanglement(), "gu plain": GeometricDisentanglement("plain")}


def reached(goal: float, now: Mapping[str, float]) -> bool:
    """Whether enough is forgotten."""
    return now["forget"] < goal


def measure(looks: Looks, seed: int) -> Iterator[dict[str, Any]]:
    """One row per objective and update."""
    for name, method in METHODS.items():
        goal = GOAL[name]
        for how, update in UPDATES.items():
            if how == "gu plain" and name != "ga":
                continue
            way = trained(looks, compose(method, update=update), seed, until=partial(reached, goal))
            found = at(way, "forget", goal) or {"step": None, **way.seen[-1]}
            cost = {"cpu_seconds_per_step": way.cpu_seconds / way.steps, "peak_rss_mb": way.peak_rss_mb}
            yield {"row": f"{name} {how}", **found, **cost}


if __name__ == "__main__":
    run("gu", measure, ("retain", "retain_kl", "forget", "step", "cpu_seconds_per_step", "peak_rss_mb"))
