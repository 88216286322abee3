"""SEUF beside the same losses on the whole model: what is kept at equal forgetting, and where the forget set is sent.

python benches/experiments/effects/seuf.py --seeds 0 1 2
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor
from until_forgotten import filled, known, read, until_forgotten, write

from benign.benchmarks.presets_text import embedded
from benign.data.record import Data, Record
from benign.engine.recipe import Method
from benign.engine.routing import expert_use
from benign.methods.seuf import SEUF
from benign.models.embedded.text import world
from benign.models.load import Model, load
from benign.parts.loci.all_weights import AllWeights
from benign.parts.loci.expert_use import ExpertUse

OBJECTIVES: tuple[Literal["grad_ascent", "npo", "rmu"], ...] = ("grad_ascent", "npo", "rmu")
RATE = 2e-4
"""Learning rate of the whole model, the best of those tried for what it keeps."""


class Sent:
    """How much the forget set uses the expert that it used most at first."""

    def __init__(self, model: Model, data: Data) -> None:
        self.model, self.data = model, data
        use = self._use(data.forget)
        self.router = max(use, key=lambda name: float(use[name].max()))
        self.expert = int(use[self.router].argmax())

    def __call__(self) -> dict[str, float]:
        """Its affinity, and its rank among the layer's experts: 1 is first."""
        use = self._use(self.data.forget)[self.router]
        return {"affinity": float(use[self.expert]), "rank": 1 + int((use > use[self.expert]).sum())}

    def of_all(self) -> dict[str, float]:
        """Its affinity for each split."""
        splits = {"forget": self.data.forget, "retain": self.data.retain[::13], "general": self.data.general}
        return {f"affinity_{name}": float(self._use(of)[self.router][self.expert]) for name, of in splits.items()}

    def _use(self, records: Sequence[Record]) -> dict[str, Tensor]:
        return expert_use(self.model, ExpertUse(), records, lambda *_: None)


def main() -> None:
    """Measure what is missing and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    seeds = parser.parse_args().seeds
    torch.set_num_threads(1)
    model, data = load("embedded:moe"), world.splits(5)
    sent, methods, tuned = Sent(model, data), dict[str, Method](), embedded("seuf")
    assert isinstance(tuned, SEUF)
    for name in OBJECTIVES:
        one = replace(tuned, objective=name)
        full = replace(one, locus=AllWeights(), anchor_weight=0.0, optim=replace(one.optim, lr=RATE))
        methods |= {f"{name}, all": full, f"{name}, seuf": one}
    if "original" not in read("seuf"):
        write(
            "seuf", {"original": {"router": sent.router, "expert": sent.expert, **known(model, data), **sent.of_all()}}
        )

    def run(method: Method, seed: int) -> dict[str, float]:
        return until_forgotten(model, method, data, seed=seed, also=sent)

    filled("seuf", methods, seeds, run)
    # With the rate that one expert takes, as where a paper gives one rate for both.
    same = {
        f"{name}, all, same rate": replace(tuned, objective=name, locus=AllWeights(), anchor_weight=0.0)
        for name in OBJECTIVES
    }
    filled("seuf", same, seeds, run)
    bare = {f"{name}, no anchor": replace(tuned, objective=name, anchor_weight=0.0) for name in OBJECTIVES}
    filled("seuf", bare, seeds[:1], run)


if __name__ == "__main__":
    main()
