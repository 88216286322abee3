"""Gradient ascent on the forget set (Jang et al. 2022, arXiv 2210.01504): forgets without bound, keeps nothing."""

from __future__ import annotations

from dataclasses import dataclass

from benign.engine.recipe import Optim, Recipe, Train
from benign.methods import _terms
from benign.parts.loci import Locus
from benign.parts.loci.lora import Lora
from benign.parts.objectives.grad_ascent import GradientAscent
from benign.parts.updates import Update
from benign.parts.updates.weighted_sum import WeightedSum


@dataclass(frozen=True)
class GradAscent:
    """Minimise the log-probability of the forget answers; the baseline that shows what collapse looks like."""

    forget_batch: int = 2
    """Forget records per step."""
    optim: Optim = Optim(lr=1e-4, epochs=5.0)
    """How long and how fast."""
    locus: Locus = Lora()
    """Which weights may move."""
    update: Update = WeightedSum()
    """How the terms' gradients become one step."""

    def recipe(self) -> Recipe:
        """One training stage."""
        terms = (_terms.forget(GradientAscent(), self.forget_batch),)
        return Recipe((Train("grad_ascent", terms, self.optim, self.locus, self.update),))
