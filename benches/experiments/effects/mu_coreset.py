"""How much of the forget set is forgotten from a small part of it, by method, share and way of choosing.

python benches/experiments/effects/mu_coreset.py --methods npo,rmu,idk,grad_diff --seeds 0 1 2
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

import torch
from recalled import at, light, recalled, tofu_like, watched, written

from benign.benchmarks.presets_text import embedded
from benign.data.record import Record
from benign.engine.compose import compose
from benign.models.load import load
from benign.parts.weightings import Weighting
from benign.parts.weightings.grad_norm_coreset import GradNormCoreset
from benign.parts.weightings.min_k_coreset import MinKCoreset
from benign.parts.weightings.moderate_coreset import ModerateCoreset
from benign.parts.weightings.random_coreset import RandomCoreset

WAYS: Mapping[str, Weighting] = {
    "random 1.00": RandomCoreset(1.0), "random 0.10": RandomCoreset(0.1), "random 0.05": RandomCoreset(0.05),
    "gradient norm 0.05": GradNormCoreset(0.05), "moderate 0.05": ModerateCoreset(0.05),
    "min-k 0.05": MinKCoreset(0.05),
}  # fmt: skip

KEPT = 0.9
"""Where methods are compared: the probability of retained answers; the original's is 1.00."""


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--methods", default="npo")
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--ratio", type=int, default=5)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    model, data = load("embedded:lm"), tofu_like(asked.ratio)
    retained = data.retain[::31]
    original = {"forget": recalled(model, data.forget), "retain": recalled(model, retained)}
    rows: list[dict[str, Any]] = []
    for name in asked.methods.split(","):
        for way in asked.ways.split(","):
            for seed in asked.seeds:
                composed = compose(light(embedded(name)), weighting=WAYS[way])
                groups: dict[str, list[Record]] = {"forget": list(data.forget), "retain": retained}
                run = watched(model, composed, data, groups, seed=seed, every=5)
                row = {
                    "row": f"{name} {way}",
                    "seed": seed,
                    "seconds": run.seconds,
                    "peak_rss_mb": run.peak_rss_mb,
                    "weighing": run.weighing,
                }
                rows.append({**row, **{key: value for key, value in run.seen[-1].items() if key != "step"}})
                there = at(run, "retain probability", KEPT)
                rows[-1]["forget probability at equal kept"] = there["forget probability"] if there else None
                written("mu_coreset", rows[-1:], original=original, ratio=asked.ratio)


if __name__ == "__main__":
    main()
