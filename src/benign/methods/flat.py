"""FLAT (Wang et al. 2024, arXiv 2410.11143): a template answer takes over, by an f-divergence and forget data alone."""

from __future__ import annotations

from dataclasses import dataclass

from benign.engine.recipe import Optim, Recipe, Term, Train
from benign.parts.loci import Locus
from benign.parts.loci.lora import Lora
from benign.parts.objectives.flat import FLAT as Divergence
from benign.parts.objectives.flat import Divergence as Name
from benign.parts.targets.gold import Gold
from benign.parts.targets.refusal import Refusal
from benign.parts.updates import Update
from benign.parts.updates.weighted_sum import WeightedSum


@dataclass(frozen=True)
class FLAT:
    """Refusals get likelier and the forget answers unlikelier, as far apart as the divergence rewards; neither retained
    records nor a reference model are needed.

    The released script pairs the forget answers with a retain corpus in the template's place; here it is the template,
    as in the paper.
    """

    divergence: Name = "total_variation"
    """Which f-divergence (official code: total variation; the paper reports KL, Jensen-Shannon, Pearson too)."""
    refusals: tuple[str, ...] = ()
    """Pool of template answers; empty means the default pool."""
    forget_batch: int = 2
    """Forget records per step (official code: 64)."""
    optim: Optim = Optim(lr=1e-5, epochs=5.0, weight_decay=0.01)
    """How long and how fast (official code: 1e-5, 5 epochs, decay 0.01, all weights; an adapter needs about 1e-4)."""
    locus: Locus = Lora()
    """Which weights may move (official code: all)."""
    update: Update = WeightedSum()
    """How the gradient becomes a step."""

    def recipe(self) -> Recipe:
        """One training stage."""
        term = Term(
            "forget",
            Divergence(self.divergence),
            on="forget",
            target=Refusal(self.refusals),
            against=Gold(),
            kinds=("memory",),
            batch=self.forget_batch,
        )
        return Recipe((Train("flat", (term,), self.optim, self.locus, self.update),))
