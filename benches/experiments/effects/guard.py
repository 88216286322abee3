"""GUARD's weights beside none, on methods that forget: what is kept where equally much is forgotten.

python benches/experiments/effects/guard.py --only "grad_diff*" --seeds 3
"""

from __future__ import annotations

from functools import partial
from typing import Any

from along import light, trained
from observed import Groups
from seeds import Jobs, Row, fill

from benign.benchmarks.presets_text import embedded
from benign.engine.recipe import Method
from benign.methods.guard import GUARD
from benign.models.embedded.text import world
from benign.models.load import load
from benign.parts.weightings.guard import AttributionWeights

FORGOTTEN = 0.5
"""Where weights are compared: the probability of the forget set's answers."""
PLAIN: dict[str, Any] = {
    "grad_diff": light(embedded("grad_diff"), lr=2e-3, steps=40),
    "npo": light(embedded("npo"), lr=2e-3, steps=30),
    "grad_ascent": light(embedded("grad_ascent"), lr=1e-3, steps=15),
}
METHODS: dict[str, Method] = {
    **PLAIN,
    **{
        f"{name}, dot, temperature 1": GUARD(plain, AttributionWeights(1.0, similarity="dot"))
        for name, plain in PLAIN.items()
    },
}
DATA = world.splits(5)
SEEN = {record.id for record in DATA.few}
LOOKED = {"forget": DATA.forget[::2], "retain": [record for record in DATA.retain if record.id not in SEEN][::37]}
LOOK = Groups(load("embedded:lm"), DATA, LOOKED)


def row(method: Method, seed: int) -> Row:
    """What is kept at equal forgetting and at the end, and the cost."""
    way = trained(LOOK, method, seed, every=3)
    there = way.at("forget probability", FORGOTTEN) or {}
    equal = {"retain at equal forgetting": there.get("retain probability"), "steps": there.get("step")}
    return {**way.cost, **way.seen[-1], **equal}


def jobs(seed: int) -> Jobs:
    """One row per method, with the weights and without."""
    return {name: partial(row, method, seed) for name, method in METHODS.items()}


if __name__ == "__main__":
    fill("guard", jobs, LOOK.original)
