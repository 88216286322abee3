"""RNA: harmless questions into which a forgotten name was put, after RMU and NPO with more and more noise.

    python benches/experiments/effects/rna.py --seeds 3

``injected`` are general questions with a forgotten author's family name behind them, ``others, injected`` the same of
authors not at hand (the paper puts one forget token into the choices of MMLU). Runs are compared where equally much is
forgotten. The original model's own loss by the name is in its row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

from along import trained
from observed import Groups, held
from seeds import Jobs, Row, authors, fill

from benign.benchmarks import presets_text
from benign.data.record import Data, Record
from benign.engine.recipe import Optim
from benign.methods.rna import RNA
from benign.models.load import load

LM = load("embedded:lm")
GOAL = 0.1
"""The forget answers' probability at which the runs are compared."""


def light(name: str, lr: float) -> Any:
    """The tuned method with small batches and at a constant rate, until it is stopped."""
    optim = Optim(lr=lr, epochs=None, steps=80, schedule="constant")
    return replace(presets_text.embedded(name), forget_batch=8, retain_batch=16, optim=optim)  # type: ignore[type-var]


RMU, NPO = light("rmu", 2e-3), light("npo", 1e-3)
WEIGHTS = (1.0, 10.0, 50.0)
"""Of NPO's retain term; the official scripts for preference methods have 50."""
NUS = (0.0, 0.3, 1.0)


def injected(asked: Sequence[Record], names: Sequence[str]) -> tuple[Record, ...]:
    """The questions with a forgotten name behind each, in turn."""
    return tuple(replace(r, question=f"{r.question} {names[i % len(names)]}") for i, r in enumerate(asked))


def looked(data: Data) -> Groups:
    """At what is forgotten and kept, also beside a forgotten name."""
    named = {r.question[start:end] for r in data.forget for field, start, end in r.spans if field == "question"}
    names = [name.split()[-1] for name in sorted(named)]
    others, general = held(data, 100), data.general[::2]
    groups = {"forget": data.forget[::2], "others": others, "general": general}
    groups |= {"others, injected": injected(others, names), "injected": injected(general, names)}
    return Groups(LM, data, groups)


def row(method: Any, nu: float, look: Groups, seed: int) -> Row:
    """The method with so much noise (0 is the method itself) where it has forgotten, and the cost."""
    # Without noise NPO keeps by cross-entropy; the smallest noise makes its fair baseline, KL to the original.
    made = RNA(method, nu or (0.0 if method == RMU else 1e-6), presets_text.LAYER)
    way = trained(look, made, seed, until=lambda now: now["forget probability"] <= GOAL)
    found = way.end("forget probability", GOAL)
    per_step = way.cpu_seconds / way.steps
    return {"nu": nu, **found, "cpu_seconds_per_step": per_step, "peak_rss_mb": way.peak_rss_mb}


def jobs(seed: int) -> Jobs:
    """The original, and each method with more and more noise."""
    look = looked(authors(seed))
    found: dict[str, Any] = {"original": partial(look, None, False)}
    for nu in (0.0, 1.0):
        found[f"rmu, nu {nu:g}"] = partial(row, RMU, nu, look, seed)
    for weight, nu in product(WEIGHTS, NUS):
        found[f"npo, weight {weight:g}, nu {nu:g}"] = partial(row, replace(NPO, retain_weight=weight), nu, look, seed)
    return found


if __name__ == "__main__":
    fill("rna", jobs)
