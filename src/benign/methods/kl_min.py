"""KL minimisation (TOFU, arXiv 2401.06121): ascend on the forget set, stay near the original on the retained."""

from __future__ import annotations

from dataclasses import dataclass

from benign.engine.recipe import Optim, Recipe, Train
from benign.methods import _terms
from benign.parts.loci import Locus
from benign.parts.loci.lora import Lora
from benign.parts.objectives.grad_ascent import GradientAscent
from benign.parts.objectives.kl import KLToReference
from benign.parts.updates import Update
from benign.parts.updates.weighted_sum import WeightedSum


@dataclass(frozen=True)
class KLMin:
    """Ascent on forget plus the divergence to the original model on retained answers (answer tokens only)."""

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
        terms = (
            _terms.forget(GradientAscent(), self.forget_batch),
            _terms.retain(self.retain_batch, self.retain_weight, KLToReference()),
        )
        return Recipe((Train("kl_min", terms, self.optim, self.locus, self.update),))
