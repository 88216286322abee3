"""What is kept of seen and unseen neighbours by the seven pairing schemes, where equally much is forgotten.

python benches/experiments/effects/melu.py --seeds 3
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from typing import get_args

from along import light, trained
from observed import Groups
from seeds import Jobs, Row, fill

from benign.benchmarks.presets_text import embedded
from benign.data.record import Data, Neighbour, Record
from benign.engine.recipe import Optim
from benign.methods.melu import MELU
from benign.models.embedded.text import world
from benign.models.load import load
from benign.parts.samplers.paired import Paired, Scheme

GOALS = {3.0: 0.5, 30.0: 0.1}
"""Where schemes are compared: the probability of the forget set's answers, by the weight of keeping."""
BASE = replace(light(embedded("npo")), optim=Optim(lr=1e-3, epochs=None, steps=150, schedule="constant"))


def told(records: Sequence[Record], kind: Neighbour) -> tuple[Record, ...]:
    """The records with their neighbour type."""
    return tuple(replace(record, neighbour=kind) for record in records)


def split(ratio: int) -> tuple[Data, dict[str, tuple[Record, ...]]]:
    """To train on: every other neighbour author, 18 other authors and every other general question; the rest is asked.

    Other authors come first in the file, as in TOFU, whose retain set does not begin with anybody's neighbours.
    """
    whole = world.splits(ratio)
    near = list(dict.fromkeys(record.subject for record in whole.neighbour))
    seen = {record.subject for record in whole.few} | set(near)
    entity = {
        part: tuple(r for r in whole.neighbour if r.subject in near[first::2])
        for first, part in enumerate(("seen", "unseen"))
    }
    domain = tuple(r for r in whole.few if r.subject not in near)
    at_hand = (*told(domain, "domain"), *told(entity["seen"], "entity"), *told(whole.general[::2], "general"))
    looked = {
        "forget": whole.forget[::2],
        "neighbours, seen": entity["seen"][::3],
        "neighbours, unseen": entity["unseen"][::2],
        "others, unseen": tuple(r for r in whole.retain if r.subject not in seen)[::47],
        "general, unseen": whole.general[1::5],
    }
    return Data(forget=whole.forget, retain=at_hand), looked


LOOK = Groups(load("embedded:lm"), *split(5))


def row(scheme: Scheme, weight: float, seed: int) -> Row:
    """What is kept at equal forgetting, and the cost."""
    method = MELU(replace(BASE, retain_weight=weight), Paired(scheme), grouped=scheme == "modular")
    goal = GOALS[weight]
    way = trained(LOOK, method, seed, every=6, until=lambda now: now["forget probability"] <= goal)
    return {**way.cost, "steps": way.steps, **way.end("forget probability", goal)}


def jobs(seed: int) -> Jobs:
    """One row per weight and scheme."""
    return {
        f"npo, weight {weight:g}, {scheme}": partial(row, scheme, weight, seed)
        for weight, scheme in product(GOALS, get_args(Scheme))
    }


if __name__ == "__main__":
    fill("melu", jobs, LOOK.original)
