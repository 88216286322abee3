"""K-FADE (McKinney et al. 2026, arXiv 2602.10568): a few uphill Gauss-Newton steps that retained answers hardly feel.

Reconstructed from the abstract: which forget loss, how many steps, how far each goes, the damping, the modules and
whether the curvature is measured anew between the steps are not known, and are the settings below.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benign.engine.recipe import Measure, Optim, Recipe, Train
from benign.methods import _terms
from benign.parts.loci.linear import LinearWeights
from benign.parts.objectives.grad_ascent import GradientAscent
from benign.parts.statistics.kronecker import Kronecker
from benign.parts.updates.gauss_newton import GaussNewton


@dataclass(frozen=True)
class KFADE:
    """Gradient ascent on the forget answers, preconditioned by the curvature (EK-FAC) of the retained answers at the
    original model, which is measured once.

    The result is a plain change of the weights, which can be added again after further training.
    """

    steps: int = 8
    """Uphill steps."""
    budget: float = 1e-3
    """How far a step goes: predicted KL divergence per retained answer token, in nats."""
    damping: float = 0.1
    """Added to the curvature, as a share of its mean over all that moves (kronfluence: 1e-8, or 0.1 of each module's
    own mean)."""
    corrected: bool = True
    """EK-FAC; false is K-FAC."""
    of: Literal["divergence", "likelihood"] = "divergence"
    """What the curvature is of: the divergence from the model's own predictions, or the records' own answers."""
    modules: str = ""
    """Regular expression on the linear modules that move; empty means every one of the language model."""
    forget_batch: int = 64
    """Forget records per step; their gradient should be that of the whole forget set."""
    micro_batch: int = 16
    """Most records per forward pass."""

    def recipe(self) -> Recipe:
        """The curvature, then the steps."""
        curvature = Measure(
            "curvature",
            Kronecker(self.modules, self.of, self.corrected),
            "keep",
            ("memory", "understanding", "general"),
        )
        optim = Optim(
            lr=1.0, epochs=None, steps=self.steps, schedule="constant", clip=float("inf"),
            micro_batch=self.micro_batch, optimizer="sgd",
        )  # fmt: skip
        terms = (_terms.forget(GradientAscent(), self.forget_batch),)
        update = GaussNewton(self.damping, self.budget)
        train = Train("kfade", terms, optim, LinearWeights(self.modules), update, curvature="curvature")
        return Recipe((curvature, train))
