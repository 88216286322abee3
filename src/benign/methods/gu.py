"""GU, geometric-disentanglement unlearning (arXiv 2511.17100), on gradient ascent: forget where keeping is flat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benign.engine.recipe import Optim, Recipe, Train
from benign.methods import _terms
from benign.parts.loci import Locus
from benign.parts.loci.lora import Lora
from benign.parts.objectives.grad_ascent import GradientAscent
from benign.parts.updates.gu import GeometricDisentanglement


@dataclass(frozen=True)
class GU:
    """Gradient ascent whose gradient is freed of what it has in common with the retained records' gradient.

    The update is the method: ``--set update=gu --set optim.betas=0,0.999`` gives it to any other objective.
    """

    forget_weight: float = 1.0
    """Weight of the forget part, the paper's gamma."""
    alpha: float = 1.0
    """Weight of the retained records' own gradient; 0 only forgets."""
    metric: Literal["adam", "plain"] = "adam"
    """In which metric the gradients are orthogonal: that of the optimiser's step, or the plain one."""
    forget_batch: int = 2
    """Forget records per step."""
    retain_batch: int = 2
    """Retained records per step."""
    optim: Optim = Optim(lr=1e-4, epochs=5.0, betas=(0.0, 0.999))
    """How long and how fast; without a mean of gradients, as in the official code."""
    locus: Locus = Lora()
    """Which weights may move."""

    def recipe(self) -> Recipe:
        """One training stage."""
        terms = (
            _terms.forget(GradientAscent(), self.forget_batch, self.forget_weight),
            _terms.retain(self.retain_batch),
        )
        update = GeometricDisentanglement(self.metric, self.alpha)
        return Recipe((Train("gu", terms, self.optim, self.locus, update),))
