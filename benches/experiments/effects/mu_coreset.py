"""How much of the forget set is forgotten from a small part of it, by method, share and way of choosing.

    python benches/experiments/effects/mu_coreset.py --only "*npo*" "* random*" --seeds 3

The rows of ``topic`` forget what all authors write, one question each; the others forget ten authors, ten facts each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import product

from along import Way, light, trained
from observed import Groups, Seen
from seeds import Jobs, Row, fill

from benign.benchmarks.presets_text import embedded
from benign.data.record import Data
from benign.engine.compose import compose
from benign.models.embedded.text import world
from benign.models.load import load
from benign.parts.weightings import Weighting
from benign.parts.weightings.grad_norm_coreset import GradNormCoreset
from benign.parts.weightings.min_k_coreset import MinKCoreset
from benign.parts.weightings.moderate_coreset import ModerateCoreset
from benign.parts.weightings.random_coreset import RandomCoreset

METHODS = ("npo", "rmu", "idk", "grad_diff")
WAYS: Mapping[str, Weighting] = {
    "random 1.00": RandomCoreset(1.0), "random 0.10": RandomCoreset(0.1), "random 0.05": RandomCoreset(0.05),
    "gradient norm 0.05": GradNormCoreset(0.05), "moderate 0.05": ModerateCoreset(0.05),
    "min-k 0.05": MinKCoreset(0.05),
}  # fmt: skip
KEPT = 0.9
"""Where methods are compared: the probability of retained answers; the original's is 1.00."""


@dataclass(frozen=True)
class Parted(Groups):
    """Looks at what the coreset kept of the forget set, and what it left out, too."""

    def __call__(self, way: Way, last: bool) -> Seen:  # type: ignore[override]
        """The groups, and those two."""
        weights, forget = way.weights.get("forget", {}), self.groups["forget"]
        kept = {"kept": [r for r in forget if weights[r.id]], "left out": [r for r in forget if not weights[r.id]]}
        return Groups(self.model, self.data, {**self.groups, **(kept if kept["left out"] else {})})(way, last)

    def original(self) -> dict[str, Seen]:
        """What is seen before there are parts."""
        return Groups(self.model, self.data, self.groups).original()


LM = load("embedded:lm")
# The whole retain set is at hand, as in TOFU.
DATA = replace(world.splits(5), few=())
LOOK = Parted(LM, DATA, {"forget": DATA.forget, "retain": DATA.retain[::31]})


def topic(name: str) -> Parted:
    """The same, where one fact about everybody is to be forgotten."""
    every = (*DATA.forget, *DATA.retain)
    forget = tuple(record for record in every if record.id.endswith(f"/{name}"))
    retain = tuple(record for record in every if record not in set(forget))
    return Parted(LM, Data(forget=forget, retain=retain), {"forget": forget, "retain": retain[::31]})


TOPIC = topic("genre")


def row(look: Parted, name: str, way: str, seed: int) -> Row:
    """What is left at equal keeping and at the end, and the cost."""
    seen = trained(look, compose(light(embedded(name)), weighting=WAYS[way]), seed, every=5)
    there = seen.at("retain probability", KEPT) or {}
    return {**seen.cost, **seen.seen[-1], "forget probability at equal kept": there.get("forget probability")}


def jobs(seed: int) -> Jobs:
    """One row per method and coreset, of people and of a topic."""
    found = {f"{name} {way}": partial(row, LOOK, name, way, seed) for name, way in product(METHODS, WAYS)}
    return found | {
        f"topic: {name} {way}": partial(row, TOPIC, name, way, seed) for name, way in product(METHODS, WAYS)
    }


if __name__ == "__main__":
    fill("mu_coreset", jobs, LOOK.original)
