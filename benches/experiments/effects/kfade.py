"""K-FADE against gradient ascent at an equal rise of the forget loss, and its change added again after more training.

python benches/experiments/effects/kfade.py --seeds 3
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from along import trained
from observed import Drift
from seeds import Jobs, Row, fill, two_authors

from benign.benchmarks.presets_text import LOCUS, embedded
from benign.data.record import Data
from benign.engine.recipe import Method, Optim, Recipe, Source, Term, Train
from benign.methods.grad_ascent import GradAscent
from benign.methods.npo import NPO
from benign.models.delta import Delta, applied
from benign.models.load import load
from benign.parts.loci.linear import LinearWeights
from benign.parts.objectives.cross_entropy import CrossEntropy

LM = load("embedded:lm")
GOAL = 2.0
"""The forget loss in nats per token at which the runs are compared; it starts near 0."""
ADAM = Optim(lr=2e-4, epochs=None, steps=40, schedule="constant")
METHODS = {
    "kfade": embedded("kfade"),
    "ga": GradAscent(forget_batch=20, optim=ADAM, locus=LinearWeights()),
    "npo": NPO(forget_batch=8, retain_batch=8, optim=replace(ADAM, lr=1e-3), locus=LOCUS),
}


@dataclass(frozen=True)
class FineTune:
    """Further training on some records."""

    on: Source

    def recipe(self) -> Recipe:
        """Cross-entropy, all linear weights."""
        optim = Optim(lr=3e-4, epochs=None, steps=12, schedule="constant")
        return Recipe((Train("tune", (Term("learn", CrossEntropy(), self.on, batch=10),), optim, LinearWeights()),))


def rows(drift: Drift, name: str, method: Method, seed: int) -> list[Row]:
    """The method's row; K-FADE's also where it stopped, then before, after and again for both kinds of training."""
    way = trained(drift, method, seed, every=1 if name == "kfade" else 2, until=lambda now: now["forget_loss"] > GOAL)
    found = way.end("forget_loss", GOAL, rising=True)
    told: list[Row] = [{**found, **way.cost}]
    if name == "kfade" and way.delta is not None:
        told += [{"row": "kfade where it stopped", **way.seen[-1]}, *again(drift, way.delta, seed)]
    return told


def again(drift: Drift, delta: Delta, seed: int) -> Iterator[Row]:
    """The model relearns what it forgot, or the original learns of other authors; then the change is added."""
    with applied(LM, delta):
        relearned = trained(drift, FineTune("forget"), seed, until=lambda now: now["forget"] > 0.9)
    if relearned.delta is None:
        return
    with applied(LM, delta), applied(LM, relearned.delta):
        yield {"row": "then it relearns the forget set", **drift()}
        with applied(LM, delta):
            yield {"row": "then the change is added again", **drift()}
    others = Drift(LM, Data(forget=drift.data.forget, retain=drift.data.holdout, few=drift.data.few))
    tuned = trained(others, FineTune("retain"), seed, every=20, until=lambda _: True)
    if tuned.delta is not None:
        with applied(LM, tuned.delta):
            yield {"row": "the original learns of other authors", **drift()}
            with applied(LM, delta):
                yield {"row": "then the change is added", **drift()}


def jobs(seed: int) -> Jobs:
    """One job per method."""
    drift = Drift(LM, two_authors(seed))
    return {name: partial(rows, drift, name, method, seed) for name, method in METHODS.items()}


if __name__ == "__main__":
    fill("kfade", jobs)
