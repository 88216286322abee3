"""RNA: harmless questions into which a forgotten name was put, after RMU and NPO with and without noise.

    python benches/experiments/effects/rna.py --seeds 3

``injected`` asks about other authors with a forgotten author's name before the question; the paper puts one forget
token into the choices of MMLU. The original model's own loss by the name is in its row.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import recall

from benign.benchmarks import presets_text
from benign.data.record import Data, Record
from benign.engine.recipe import Method, Optim
from benign.engine.serve import Served
from benign.methods.rna import RNA
from benign.models.load import load

LM = load("embedded:lm")
NUS = (0.0, 0.3, 1.0)
LAYER = presets_text.LAYER
STEPS = Optim(lr=2e-3, epochs=None, steps=40, schedule="linear", warmup=0.1)
SIZE: dict[str, Any] = {"forget_batch": 8, "retain_batch": 16, "optim": STEPS}
METHODS: dict[str, Any] = {name: replace(presets_text.embedded(name), **SIZE) for name in ("rmu", "npo")}  # type: ignore[type-var]


def injected(data: Data) -> tuple[Record, ...]:
    """Retained questions, each behind the name of another forgotten author."""
    names = list(dict.fromkeys(r.question[r.spans[0][1] : r.spans[0][2]] for r in data.forget if r.spans))
    asked = recall.held(data, 100)
    return tuple(replace(r, question=f"{names[i % len(names)]} . {r.question}") for i, r in enumerate(asked))


def looked(served: Served, data: Data) -> dict[str, float]:
    """What is left, also behind a forgotten name."""
    return {**recall.kept(served, data), "injected": recall.rouge(served, injected(data))}


def measure(seed: int) -> Iterator[dict[str, Any]]:
    """The original, and each method with more and more noise (0 is the method itself)."""
    data = recall.authors(seed)
    yield {"method": "original", **looked(Served(LM), data)}
    for name, method in METHODS.items():
        for nu in NUS if name == "rmu" else NUS[:2]:
            # Without noise NPO keeps by cross-entropy; the smallest noise makes its fair baseline, KL to the original.
            made: Method = RNA(method, nu or (1e-6 if name == "npo" else 0.0), LAYER)
            with tempfile.TemporaryDirectory() as folder:
                done = recall.run(LM, data, made, Path(folder) / "run", seed)
                cost = {key: done[key] for key in ("seconds", "peak_rss_mb")}
                yield {"method": name, "nu": nu, **looked(done["served"], data), **cost}


if __name__ == "__main__":
    recall.main("rna", measure)
