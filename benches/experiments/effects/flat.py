"""FLAT's eight divergences beside gradient ascent, all without retained data, where equally much is forgotten.

    python benches/experiments/effects/flat.py --seeds 3

On the embedded text model, and (``refusing``) on the same one after it learned to refuse what is asked about strangers.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, get_args

from along import trained
from observed import Groups, held
from seeds import Jobs, Row, authors, fill
from taught import REFUSAL, refusing

from benign.benchmarks.presets_text import LOCUS
from benign.data.record import Data
from benign.engine.recipe import Optim
from benign.methods.flat import FLAT
from benign.methods.grad_ascent import GradAscent
from benign.models.load import load
from benign.parts.objectives.flat import Divergence

MODELS = {"": load("embedded:lm"), "refusing: ": refusing()}
GOAL = 0.1
"""The forget answers' probability at which the runs are compared."""
OPTIM = Optim(lr=5e-4, epochs=None, steps=80, schedule="constant")
METHODS: dict[str, Any] = {
    "grad_ascent": GradAscent(),
    **{f"flat, {one}": FLAT(one, refusals=(REFUSAL,)) for one in get_args(Divergence)},
    "flat, 384 refusals": FLAT(),
}
UNSTOPPED = ("grad_ascent", "flat, kl", "flat, total_variation")


def row(look: Groups, method: Any, seed: int) -> Row:
    """What is kept at the goal, or where the run ended before it."""
    made = replace(method, optim=OPTIM, locus=LOCUS, forget_batch=8)
    way = trained(look, made, seed, until=lambda now: now["forget probability"] <= GOAL)
    found = way.end("forget probability", GOAL)
    return {**found, "cpu_seconds_per_step": way.cpu_seconds / way.steps, "peak_rss_mb": way.peak_rss_mb}


def end(look: Groups, method: Any, seed: int) -> Row:
    """What is kept where nobody stops the run."""
    made = replace(method, optim=OPTIM, locus=LOCUS, forget_batch=8)
    return trained(look, made, seed, every=OPTIM.steps or 1).seen[-1]


def jobs(seed: int) -> Jobs:
    """Each method on both models."""
    data, found = authors(seed), dict[str, Any]()
    groups = {"forget": data.forget[::2], "others": held(data, 100), "general": data.general[::2]}
    for world, model in MODELS.items():
        look = Groups(model, Data(forget=data.forget), groups)
        found[f"{world}original"] = partial(look, None, False)
        found |= {f"{world}{name}": partial(row, look, method, seed) for name, method in METHODS.items()}
        found |= {f"{world}{name}, to the end": partial(end, look, METHODS[name], seed) for name in UNSTOPPED}
    return found


if __name__ == "__main__":
    fill("flat", jobs)
