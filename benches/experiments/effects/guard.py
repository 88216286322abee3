"""GUARD's weights beside none, on methods that forget: what is kept where equally much is forgotten.

python benches/experiments/effects/guard.py --methods grad_diff,grad_ascent,npo --seeds 0 1 2
"""

from __future__ import annotations

import argparse
import math

import torch
from recalled import at, light, recalled, watched, written

from benign.benchmarks.presets_text import embedded
from benign.methods.guard import GUARD
from benign.models.embedded.text import world
from benign.models.load import load
from benign.parts.weightings.guard import AttributionWeights

FORGOTTEN = 0.5
"""Where weights are compared: the probability of the forget set's answers."""
RATES = {"grad_ascent": (1e-3, 15), "grad_diff": (2e-3, 40)}
"""Learning rates and steps."""


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--methods", default="grad_diff,npo")
    parser.add_argument("--temperatures", type=float, nargs="+", default=[math.inf, 1.0])
    parser.add_argument("--similarity", default="dot")
    parser.add_argument("--ratio", type=int, default=5)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    model, data = load("embedded:lm"), world.splits(asked.ratio)
    seen = {record.id for record in data.few}
    unseen = [record for record in data.retain if record.id not in seen]
    looked = {"forget": data.forget[::2], "retain": unseen[::37]}
    original = {name: recalled(model, records) for name, records in looked.items()}
    for name in asked.methods.split(","):
        for temperature in asked.temperatures:
            for seed in asked.seeds:
                weights = AttributionWeights(temperature, similarity=asked.similarity)
                plain = light(embedded(name), *RATES.get(name, (2e-3, 30)))
                method = plain if math.isinf(temperature) else GUARD(plain, weights)
                run = watched(model, method, data, looked, seed=seed, every=3)
                kind = "" if math.isinf(temperature) else f", {asked.similarity}, temperature {temperature:g}"
                row = {
                    "row": f"{name}{kind}",
                    "seed": seed,
                    "seconds": run.seconds,
                    "peak_rss_mb": run.peak_rss_mb,
                    "weighing": run.weighing,
                }
                row |= {key: value for key, value in run.seen[-1].items() if key != "step"}
                there = at(run, "forget probability", FORGOTTEN) or {}
                row |= {"retain at equal forgetting": there.get("retain probability"), "steps": there.get("step")}
                written("guard", [row], original=original, ratio=asked.ratio)


if __name__ == "__main__":
    main()
