"""Negative preference optimisation (Zhang et al. 2024, arXiv 2404.05868) with cross-entropy on the retained records."""

from __future__ import annotations

from dataclasses import dataclass

from benign.engine.recipe import Optim, Recipe, Term, Train
from benign.methods import _terms
from benign.parts.loci import Locus
from benign.parts.loci.lora import Lora
from benign.parts.objectives.npo import NegativePreference
from benign.parts.updates import Update
from benign.parts.updates.weighted_sum import WeightedSum


@dataclass(frozen=True)
class NPO:
    """A bounded push of the forget answers below the original model, which is the adapter switched off."""

    beta: float = 0.1
    """Inverse temperature; beta -> 0 is gradient ascent."""
    forget_batch: int = 2
    """Forget records per step."""
    retain_batch: int = 2
    """Retained records per step."""
    retain_weight: float = 1.0
    """Weight of the retain term; 0 leaves it out (the paper has both)."""
    optim: Optim = Optim(lr=1e-4, epochs=5.0)
    """How long and how fast."""
    locus: Locus = Lora()
    """Which weights may move."""
    update: Update = WeightedSum()
    """How the terms' gradients become one step."""

    def recipe(self) -> Recipe:
        """One training stage."""
        terms: tuple[Term, ...] = (_terms.forget(NegativePreference(self.beta), self.forget_batch),)
        if self.retain_weight:
            terms += (_terms.retain(self.retain_batch, self.retain_weight),)
        return Recipe((Train("npo", terms, self.optim, self.locus, self.update),))
