"""RNA: harmless questions into which a forgotten name was put, after RMU and NPO with and without noise.

    python benches/experiments/effects/rna.py --seeds 3

``injected`` asks about other authors with a forgotten author's name before the question; the paper puts one forget
token into the choices of MMLU. The original model's own loss by the name is in its row.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from observed import Seen, held, kept, rouge, unlearned
from seeds import Jobs, Row, authors, fill

from benign.benchmarks import presets_text
from benign.data.record import Data, Record
from benign.engine.recipe import Optim
from benign.engine.serve import Served
from benign.methods.rna import RNA
from benign.models.load import load

LM = load("embedded:lm")
LAYER = presets_text.LAYER
STEPS = Optim(lr=2e-3, epochs=None, steps=40, schedule="linear", warmup=0.1)
SIZE: dict[str, Any] = {"forget_batch": 8, "retain_batch": 16, "optim": STEPS}
METHODS: dict[str, Any] = {name: replace(presets_text.embedded(name), **SIZE) for name in ("rmu", "npo")}  # type: ignore[type-var]
NUS = {"rmu": (0.0, 0.3, 1.0), "npo": (0.0, 0.3)}


def injected(data: Data) -> tuple[Record, ...]:
    """Retained questions, each behind the name of another forgotten author."""
    names = list(dict.fromkeys(r.question[r.spans[0][1] : r.spans[0][2]] for r in data.forget if r.spans))
    asked = held(data, 100)
    return tuple(replace(r, question=f"{names[i % len(names)]} . {r.question}") for i, r in enumerate(asked))


def looked(served: Served, data: Data) -> Seen:
    """What is left, also behind a forgotten name."""
    return {**kept(served, data), "injected": rouge(served, injected(data))}


def row(name: str, nu: float, data: Data, seed: int) -> Row:
    """The method with so much noise (0 is the method itself), and the cost."""
    # Without noise NPO keeps by cross-entropy; the smallest noise makes its fair baseline, KL to the original.
    made = RNA(METHODS[name], nu or (1e-6 if name == "npo" else 0.0), LAYER)
    with unlearned(LM, data, made, seed) as (served, _, cost):
        return {"nu": nu, **looked(served, data), **cost}


def jobs(seed: int) -> Jobs:
    """The original, and each method with more and more noise."""
    data = authors(seed)
    runs = {f"{name}, nu {nu:g}": partial(row, name, nu, data, seed) for name, nus in NUS.items() for nu in nus}
    return {"original": partial(looked, Served(LM), data), **runs}


if __name__ == "__main__":
    fill("rna", jobs)
