"""GUARD's weights beside none: what is kept where equally much is forgotten, in three worlds.

``fitted``: the authors of five percent, on ``embedded:lm``. ``taught less``: the same, on a model that has had fewer
lessons. ``mixed``: among the forget records are some whose facts are at hand to be kept, in other words.

python benches/experiments/effects/guard.py --seeds 3
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Any

from along import trained
from observed import Groups, Seen
from seeds import Jobs, Row, fill
from taught import taught

from benign.benchmarks.presets_text import embedded
from benign.data.record import Data, Record
from benign.data.turns import reworded
from benign.engine.recipe import Method, Optim
from benign.methods.guard import GUARD
from benign.models.embedded.text import world
from benign.models.load import load
from benign.parts.weightings.guard import AttributionWeights

LEFT = (0.8, 0.5)
"""Where weights are compared: these shares of the probability of the forget set's answers are left."""
OPTIM = Optim(lr=1e-3, epochs=None, steps=120, schedule="constant")
PLAIN: Any = replace(embedded("grad_diff"), forget_batch=6, retain_batch=10, optim=OPTIM)  # type: ignore[type-var]
METHODS: dict[str, Method] = {
    "grad_diff": PLAIN,
    "guard, dot": GUARD(PLAIN, AttributionWeights(1.0, similarity="dot")),
    "guard, cosine": GUARD(PLAIN, AttributionWeights(1.0, similarity="cosine")),
}
WORLDS = ("fitted", "mixed", "taught less")


def split(mixed: bool) -> tuple[Data, dict[str, Sequence[Record]]]:
    """What is trained on and what is looked at."""
    data = world.splits(5)
    known = {record.id for record in data.few}
    unseen = [record for record in data.retain if record.id not in known]
    looked: dict[str, Sequence[Record]] = {"forget": data.forget[::2], "retain": unseen[::37]}
    if not mixed:
        return data, looked
    shared = data.few[::9]
    again = tuple(replace(reworded(record, record.paraphrases[0]), id=f"{record.id}-again") for record in shared)
    return replace(data, forget=(*data.forget, *again)), {**looked, "shared": shared}


@cache
def look(name: str) -> Groups:
    """What is looked at in one of the worlds."""
    model = taught() if name == "taught less" else load("embedded:lm")
    return Groups(model, *split(name == "mixed"))


@cache
def start(name: str) -> dict[str, float]:
    """What is seen before."""
    return look(name).original()["original"]


def row(method: Method, name: str, seed: int) -> Row:
    """What share is kept at equal forgetting, the cost, and the mean weight of the shared records."""
    before = start(name)
    goals = {left: left * before["forget probability"] for left in LEFT}
    way = trained(look(name), method, seed, every=3, until=lambda now: now["forget probability"] <= min(goals.values()))
    found: Seen = {}
    for left, goal in goals.items():
        there = way.at("forget probability", goal) or {}
        found |= {f"{group} at {left:g}": there[f"{group} probability"] / before[f"{group} probability"]
                  for group in look(name).groups if there and group != "forget"}  # fmt: skip
        found |= {f"steps to {left:g}": there["step"]} if there else {}
    weights = [weight for key, weight in way.weights.get("forget", {}).items() if key.endswith("-again")]
    return {**way.cost, **found} | ({"shared weight": sum(weights) / len(weights)} if weights else {})


def jobs(seed: int) -> Jobs:
    """One row per method and world."""
    return {f"{how}, {name}": partial(row, method, name, seed) for name in WORLDS for how, method in METHODS.items()}


if __name__ == "__main__":
    fill("guard", jobs)
