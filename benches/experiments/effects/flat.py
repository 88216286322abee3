"""FLAT beside gradient ascent, both without retained data, at equal forgetting on the embedded text model.

    python benches/experiments/effects/flat.py --seeds 3

Each method trains for more and more steps at a constant rate; the first result that says at most 0.4 of the forget
answers (ROUGE-L recall, as much as answers in these fixed sentences share) is its row, and what it keeps is compared.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import recall

from benign.data.record import Data
from benign.engine.recipe import Optim
from benign.engine.serve import Served
from benign.methods.flat import FLAT
from benign.methods.grad_ascent import GradAscent
from benign.models.load import load
from benign.parts.loci.lora import Lora
from benign.parts.objectives.flat import Divergence

LM = load("embedded:lm")
GOAL = 0.4
STEPS = (2, 4, 6, 8, 11, 15, 20, 27, 36, 48, 64)
LOCUS = Lora(rank=16, alpha=32.0, dropout=0.0)


def optim(lr: float, steps: int) -> Optim:
    """Of a run whose first steps are those of a longer one."""
    return Optim(lr=lr, epochs=None, steps=steps, schedule="constant")


def until_forgotten(data: Data, method: Any, lr: float, seed: int) -> dict[str, Any]:
    """The first of the lengths that forgets enough, or the last."""
    row: dict[str, Any] = {}
    for steps in STEPS:
        with tempfile.TemporaryDirectory() as folder:
            blind, made = Data(forget=data.forget), replace(method, optim=optim(lr, steps))
            done = recall.run(LM, blind, made, Path(folder) / "run", seed)
            forget = recall.rouge(done["served"], data.forget)
            row = {"steps": steps, "lr": lr, "forget": forget, "seconds": done["seconds"]}
            if forget <= GOAL or steps == STEPS[-1]:
                row |= recall.kept(done["served"], data) | {"peak_rss_mb": done["peak_rss_mb"]}
                break
    return row


def measure(seed: int) -> list[dict[str, Any]]:
    """Ascent at two rates, and the eight divergences."""
    data = recall.authors(seed)
    rows = [{"method": "original", **recall.kept(Served(LM), data)}]
    ascent = GradAscent(forget_batch=16, locus=LOCUS)
    for lr in (1e-3, 5e-4):
        rows.append({"method": "grad_ascent", **until_forgotten(data, ascent, lr, seed)})
    for divergence in get_args(Divergence):
        flat = FLAT(divergence, forget_batch=16, locus=LOCUS)
        rows.append({"method": "flat", "divergence": divergence, **until_forgotten(data, flat, 1e-3, seed)})
    return rows


if __name__ == "__main__":
    recall.main("flat", measure)
