"""MEOW beside methods that push answers away, all without any retained record: forgetting, keeping, plain language.

python benches/experiments/effects/meow.py --seeds 0 1 2
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

import torch
from recalled import at, light, recalled, watched, written

from benign.benchmarks.presets_text import embedded
from benign.methods.meow import MEOW
from benign.models.embedded.text import world
from benign.models.load import load
from benign.parts.targets.inverted import InvertedFacts

FORGOTTEN = 0.7
"""Where methods are compared: the probability of the forget set's answers. Most words of an answer are its frame."""


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--rows", nargs="+", default=["meow", "smallest", "random", "grad_ascent", "npo"])
    parser.add_argument("--ratio", type=int, default=5)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--steps", type=int, default=80)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    model, data = load("embedded:lm"), world.splits(asked.ratio)
    looked = {
        "forget": data.forget[::2],
        "wrong": tuple(replace(r, answer=r.perturbed[0]) for r in data.forget[::4]),
        "retain": data.retain[::47],
        "general": data.general[::8],
    }
    original = {name: recalled(model, records) for name, records in looked.items()}
    meow: Any = light(embedded("meow"), asked.lr, asked.steps)
    methods: dict[str, Any] = {
        "meow": meow,
        "smallest": replace(meow, inverted=InvertedFacts(choose="smallest")),
        "random": replace(meow, inverted=InvertedFacts(choose="random")),
        "grad_ascent": light(embedded("grad_ascent"), asked.lr, asked.steps // 4),
        "npo": replace(light(embedded("npo"), asked.lr, asked.steps), retain_weight=0.0),
    }
    assert isinstance(meow, MEOW)
    for name in asked.rows:
        for seed in asked.seeds:
            run = watched(model, methods[name], data, looked, seed=seed, every=8)
            row = {
                "row": name,
                "seed": seed,
                "seconds": run.seconds,
                "peak_rss_mb": run.peak_rss_mb,
                "preparing": run.weighing,
            }
            row |= {key: value for key, value in run.seen[-1].items() if key != "step"}
            there = at(run, "forget probability", FORGOTTEN) or {}
            row |= {f"{group} at equal forgetting": there.get(f"{group} probability") for group in looked}
            written("meow", [row], original=original, ratio=asked.ratio)


if __name__ == "__main__":
    main()
