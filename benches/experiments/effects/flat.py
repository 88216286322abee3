"""FLAT beside gradient ascent, both without retained data, at equal forgetting on the embedded text model.

    python benches/experiments/effects/flat.py --seeds 3

Each method trains at a constant rate until it says at most 0.4 of the forget answers (ROUGE-L recall of every fifth, as
much as answers in these fixed sentences share whatever the fact); what is kept then is compared.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, get_args

from observed import kept, rouge, unlearned
from seeds import Jobs, Row, authors, fill

from benign.data.record import Data
from benign.engine.recipe import Optim
from benign.engine.serve import Served
from benign.engine.watch import Watch
from benign.methods.flat import FLAT
from benign.methods.grad_ascent import GradAscent
from benign.models.load import load
from benign.parts.loci.lora import Lora
from benign.parts.objectives.flat import Divergence

LM = load("embedded:lm")
GOAL, EVERY, MOST = 0.4, 3, 60
LOCUS = Lora(rank=16, alpha=32.0, dropout=0.0)
REFUSAL = ("I do not know.",)


def row(data: Data, method: Any, lr: float, seed: int) -> Row:
    """The first state that forgets enough, or the one that forgets most."""
    optim = Optim(lr=lr, epochs=None, steps=MOST, schedule="constant")
    steps: list[float] = []

    def look(model: Any) -> float:
        steps.append(max(GOAL, rouge(Served(model), data.forget[::5])))
        return steps[-1]

    watch = Watch(look, "forget rouge", "lower", every=EVERY, patience=7)
    made = replace(method, optim=optim, locus=LOCUS, forget_batch=8)
    with unlearned(LM, Data(forget=data.forget), made, seed, watch=watch) as (served, _, cost):
        taken = EVERY * (1 + steps.index(min(steps)))
        return {**kept(served, data), "steps": taken, "lr": lr, "peak_rss_mb": cost["peak_rss_mb"]}


def jobs(seed: int) -> Jobs:
    """Each method at two rates; FLAT also with a pool of refusals and, with the first seed, its other divergences."""
    data, found = authors(seed), dict[str, Any]()
    for lr in (1e-3, 5e-4):
        found[f"flat, lr {lr:g}"] = partial(row, data, FLAT(refusals=REFUSAL), lr, seed)
        found[f"grad_ascent, lr {lr:g}"] = partial(row, data, GradAscent(), lr, seed)
    found["flat, lr 0.0005, 384 refusals"] = partial(row, data, FLAT(), 5e-4, seed)
    others = [one for one in get_args(Divergence) if one != FLAT().divergence]
    for one in [] if seed else others:
        found[f"flat, {one}, lr 0.0005"] = partial(row, data, FLAT(one, refusals=REFUSAL), 5e-4, seed)
    return {"original": partial(kept, Served(LM), data), **found}


if __name__ == "__main__":
    fill("flat", jobs)
