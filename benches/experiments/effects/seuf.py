"""SEUF beside the same losses on the whole model: what is kept at equal forgetting, and where the forget set is sent.

python benches/experiments/effects/seuf.py --seeds 3
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Literal

from along import trained
from observed import Splits
from seeds import Jobs, Row, fill
from torch import Tensor

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


MODEL, DATA = load("embedded:moe"), world.splits(5)
SENT = Sent(MODEL, DATA)
LOOK = Splits(MODEL, DATA, also=SENT)


def once() -> Row:
    """What the original says, and where it sends each split."""
    return {"original": {"router": SENT.router, "expert": SENT.expert, **LOOK.original(), **SENT.of_all()}}


def row(method: Method, seed: int) -> Row:
    """What is left where enough is forgotten, and the cost."""
    way = trained(LOOK, method, seed, every=5, until=LOOK.enough)
    return {**(way.at("forget", LOOK.goal) or way.seen[-1]), **way.cost}


def methods(seed: int) -> dict[str, Method]:
    """Per objective: SEUF, the whole model at its own rate and at SEUF's; with the first seed one expert without the
    anchor."""
    tuned, found = embedded("seuf"), dict[str, Method]()
    assert isinstance(tuned, SEUF)
    for name in OBJECTIVES:
        one = replace(tuned, objective=name)
        bare = replace(one, anchor_weight=0.0)
        same = replace(bare, locus=AllWeights())
        found |= {
            f"{name}, all": replace(same, optim=replace(one.optim, lr=RATE)),
            f"{name}, seuf": one,
            # As where a paper gives one rate for both.
            f"{name}, all, same rate": same,
        }
        found |= {} if seed else {f"{name}, no anchor": bare}
    return found


def jobs(seed: int) -> Jobs:
    """One row per method."""
    return {name: partial(row, method, seed) for name, method in methods(seed).items()}


if __name__ == "__main__":
    fill("seuf", jobs, once)
