"""MEOW beside methods that push answers away, all without any retained record: forgetting, keeping, plain language.

python benches/experiments/effects/meow.py --only meow grad_ascent npo --seeds 3
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from along import light, trained
from observed import Groups
from seeds import Jobs, Row, fill

from benign.benchmarks.presets_text import embedded
from benign.data.record import Record
from benign.engine.recipe import Method
from benign.engine.serve import Served
from benign.models.embedded.text import world
from benign.models.load import load
from benign.parts.targets.inverted import InvertedFacts

FORGOTTEN = 0.7
"""Where methods are compared: the probability of the forget set's answers. Most words of an answer are its frame."""
STEPS = 80
MEOW: Any = light(embedded("meow"), steps=STEPS)
METHODS: dict[str, Any] = {
    "meow": MEOW,
    "smallest": replace(MEOW, inverted=InvertedFacts(choose="smallest")),
    "random": replace(MEOW, inverted=InvertedFacts(choose="random")),
    "grad_ascent": light(embedded("grad_ascent"), steps=STEPS // 4),
    "npo": replace(light(embedded("npo"), steps=STEPS), retain_weight=0.0),
}
LM, DATA = load("embedded:lm"), world.splits(5)
LOOKED = {
    "forget": DATA.forget[::2],
    "wrong": tuple(replace(r, answer=r.perturbed[0]) for r in DATA.forget[::4]),
    "retain": DATA.retain[::47],
    "general": DATA.general[::8],
}
LOOK = Groups(LM, DATA, LOOKED)
_SAID: dict[str, str] = {}


def said(records: Sequence[Record]) -> list[str]:
    """What the original answers; it does so once for all seeds."""
    missing = list({r.digest: r for r in records if r.digest not in _SAID}.values())
    if missing:
        answers = Served(LM).generate(missing, max_new_tokens=24)
        _SAID.update({record.digest: answer for record, answer in zip(missing, answers, strict=True)})
    return [_SAID[record.digest] for record in records]


def row(method: Method, seed: int) -> Row:
    """What is kept at equal forgetting and at the end, and the cost."""
    way = trained(LOOK, method, seed, every=8, original=said)
    there = way.at("forget probability", FORGOTTEN) or {}
    equal = {f"{name} at equal forgetting": there.get(f"{name} probability") for name in LOOK.groups}
    return {**way.cost, **way.seen[-1], **equal}


def jobs(seed: int) -> Jobs:
    """One row per method."""
    return {name: partial(row, method, seed) for name, method in METHODS.items()}


if __name__ == "__main__":
    fill("meow", jobs, LOOK.original)
