"""K-FADE against gradient ascent at an equal rise of the forget loss, and its change added again after more training.

PYTHONPATH=benches/experiments/effects python benches/experiments/effects/kfade.py --seeds 3
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from along import Looks, at, run, trained

from benign.benchmarks.presets_text import LOCUS, embedded
from benign.data.record import Data
from benign.engine.recipe import Optim, Recipe, Source, Term, Train
from benign.methods.grad_ascent import GradAscent
from benign.methods.npo import NPO
from benign.models.delta import Delta, applied
from benign.parts.loci.linear import LinearWeights
from benign.parts.objectives.cross_entropy import CrossEntropy

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


def measure(looks: Looks, seed: int) -> Iterator[dict[str, Any]]:
    """One row per method, then the model before, after and again for both kinds of further training."""
    for name, method in METHODS.items():
        way = trained(
            looks, method, seed, every=1 if name == "kfade" else 2, until=lambda now: now["forget_loss"] > GOAL
        )
        found = at(way, "forget_loss", GOAL) or {"step": None, **way.seen[-1]}
        cost = {"cpu_seconds": way.cpu_seconds, "peak_rss_mb": way.peak_rss_mb}
        yield {"row": name, **found, **cost}
        if name == "kfade" and way.delta is not None:
            yield {"row": "kfade where it stopped", **way.seen[-1]}
            yield from again(looks, way.delta, seed)


def again(looks: Looks, delta: Delta, seed: int) -> Iterator[dict[str, Any]]:
    """The model relearns what it forgot, or the original learns of other authors; then the change is added."""
    with applied(looks.model, delta):
        looks.remember()
        relearned = trained(looks, FineTune("forget"), seed, every=2, until=lambda now: now["forget"] > 0.9)
    looks.remember()
    if relearned.delta is None:
        return
    with applied(looks.model, delta), applied(looks.model, relearned.delta):
        yield {"row": "then it relearns the forget set", **looks()}
        with applied(looks.model, delta):
            yield {"row": "then the change is added again", **looks()}
    others = Looks(looks.model, Data(forget=looks.data.forget, retain=looks.data.holdout, few=looks.data.few))
    tuned = trained(others, FineTune("retain"), seed, every=20, until=lambda _: True)
    if tuned.delta is not None:
        with applied(looks.model, tuned.delta):
            yield {"row": "the original learns of other authors", **looks()}
            with applied(looks.model, delta):
                yield {"row": "then the change is added", **looks()}


if __name__ == "__main__":
    run("kfade", measure, ("forget", "forget_loss", "retain", "retain_kl", "step", "cpu_seconds", "peak_rss_mb"))
