"""SEUF beside the same losses on the whole model: what is kept at equal forgetting, and where the forget set is sent.

python benches/experiments/effects/seuf.py --seeds 0 1 2
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import replace

from until_forgotten import known, until_forgotten, written

from benign.benchmarks.presets_text import embedded
from benign.engine.recipe import Method
from benign.engine.routing import expert_use
from benign.methods.seuf import SEUF
from benign.models.embedded.text import world
from benign.models.load import Model, load
from benign.parts.loci.all_weights import AllWeights
from benign.parts.loci.expert_use import ExpertUse

RATES = {"grad_ascent": 1e-3, "npo": 1e-3, "rmu": 1e-3}
"""Learning rates of the whole model, the best of those tried for what it keeps."""


class Sent:
    """How much the forget set uses the expert that it used most at first."""

    def __init__(self, model: Model) -> None:
        self.model, self.forget = model, world.splits(10).forget
        use = self._use()
        self.router = max(use, key=lambda name: float(use[name].max()))
        self.expert = int(use[self.router].argmax())

    def __call__(self) -> dict[str, float]:
        """Its affinity, and its rank among the layer's experts: 1 is first."""
        use = self._use()[self.router]
        return {"affinity": float(use[self.expert]), "rank": 1 + int((use > use[self.expert]).sum())}

    def _use(self) -> dict[str, object]:
        return expert_use(self.model, ExpertUse(), self.forget, lambda *_: None)  # type: ignore[return-value]


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    seeds = parser.parse_args().seeds
    model, data = load("embedded:moe"), world.splits(10)
    sent, methods = Sent(model), dict[str, Method]()
    for name in RATES:
        tuned = embedded(f"seuf_{name}")
        assert isinstance(tuned, SEUF)
        rate = replace(tuned.optim, lr=RATES[name])
        methods[f"{name}, all weights"] = replace(tuned, locus=AllWeights(), anchor_weight=0.0, optim=rate)
        methods[f"{name}, one expert, no anchor"] = replace(tuned, anchor_weight=0.0)
        methods[f"{name}, seuf"] = tuned
    rows = {n: [until_forgotten(model, m, data, seed=seed, also=sent) for seed in seeds] for n, m in methods.items()}
    means = {name: {key: statistics.mean(run[key] for run in runs) for key in runs[0]} for name, runs in rows.items()}
    first = {"router": sent.router, "expert": sent.expert, **known(model, data), **sent()}
    written("seuf", {"original": first, "means": means, "runs": rows})


if __name__ == "__main__":
    main()
