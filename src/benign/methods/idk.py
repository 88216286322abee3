"""Refusal tuning, "I don't know" (TOFU, arXiv 2401.06121; SMFA's first stage): answer with a refusal."""

from __future__ import annotations

from dataclasses import dataclass

from benign.engine.recipe import Optim, Recipe, Train
from benign.methods import _terms
from benign.parts.loci import Locus
from benign.parts.loci.lora import Lora
from benign.parts.updates import Update
from benign.parts.updates.weighted_sum import WeightedSum


@dataclass(frozen=True)
class IDK:
    """Cross-entropy on refusals for the forget questions plus cross-entropy on the few retained records."""

    refusals: tuple[str, ...] = ()
    """Pool of refusals; empty means the default pool."""
    forget_batch: int = 2
    """Forget records per step."""
    retain_batch: int = 2
    """Retained records per step."""
    retain_weight: float = 1.0
    """Weight of the retain term."""
    optim: Optim = Optim(lr=1e-4, epochs=5.0)
    """How long and how fast."""
    locus: Locus = Lora()
    """Which weights may move."""
    update: Update = WeightedSum()
    """How the terms' gradients become one step."""

    def recipe(self) -> Recipe:
        """One training stage."""
        terms = (_terms.refuse(self.refusals, self.forget_batch), _terms.retain(self.retain_batch, self.retain_weight))
        return Recipe((Train("mfa", terms, self.optim, self.locus, self.update),))
