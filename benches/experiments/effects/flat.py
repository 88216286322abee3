"""FLAT beside gradient ascent, both without retained data, at equal forgetting on the embedded text model.

    python benches/experiments/effects/flat.py --seeds 3

Each method trains at a constant rate until it says at most 0.4 of the forget answers (ROUGE-L recall of every fifth, as
much as answers in these fixed sentences share whatever the fact); what is kept then is compared.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import recall

from benign.data.record import Data
from benign.engine.recipe import Optim
from benign.engine.serve import Served
from benign.engine.watch import Watch
from benign.methods.flat import FLAT
from benign.methods.grad_ascent import GradAscent
from benign.models.load import load
from benign.parts.loci.lora import Lora

LM = load("embedded:lm")
GOAL, EVERY, MOST = 0.4, 3, 60
LOCUS = Lora(rank=16, alpha=32.0, dropout=0.0)


def until_forgotten(data: Data, method: Any, lr: float, seed: int) -> dict[str, Any]:
    """The first state that forgets enough, or the one that forgets most."""
    optim = Optim(lr=lr, epochs=None, steps=MOST, schedule="constant")
    steps: list[float] = []

    def look(model: Any) -> float:
        steps.append(max(GOAL, recall.rouge(Served(model), data.forget[::5])))
        return steps[-1]

    watch = Watch(look, "forget rouge", "lower", every=EVERY, patience=7)
    with tempfile.TemporaryDirectory() as folder:
        made = replace(method, optim=optim, locus=LOCUS, forget_batch=8)
        done = recall.run(LM, Data(forget=data.forget), made, Path(folder) / "run", seed, watch=watch)
    taken = EVERY * (1 + steps.index(min(steps)))
    return {**recall.kept(done["served"], data), "steps": taken, "lr": lr, "peak_rss_mb": done["peak_rss_mb"]}


def measure(seed: int) -> Iterator[dict[str, Any]]:
    """Each method at two rates; FLAT also with one refusal in place of a pool of them."""
    data = recall.authors(seed)
    yield {"method": "original", **recall.kept(Served(LM), data)}
    for lr in (1e-3, 5e-4):
        yield {"method": "flat", "refusals": 1, **until_forgotten(data, FLAT(refusals=("I do not know.",)), lr, seed)}
        yield {"method": "grad_ascent", **until_forgotten(data, GradAscent(), lr, seed)}
    yield {"method": "flat", "refusals": 384, **until_forgotten(data, FLAT(), 5e-4, seed)}


if __name__ == "__main__":
    recall.main("flat", measure)
