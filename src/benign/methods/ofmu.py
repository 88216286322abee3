"""OFMU (Asif and Mohammadi Amiri 2025, arXiv 2509.22483): forget in an inner loop, keep in an outer one.

Reconstructed from a note on the paper: the algorithm's shape is known, its rates and weights are not; the settings that
were chosen here say so. Whether the outer step starts where the inner loop ended is not known either; here it does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benign.engine.recipe import Optim, Recipe, Train
from benign.methods import _terms
from benign.parts.loci import Locus
from benign.parts.loci.lora import Lora
from benign.parts.objectives.grad_ascent import GradientAscent
from benign.parts.updates.ofmu import PenaltyBilevel


@dataclass(frozen=True)
class OFMU:
    """Ascent on the forget answers that also turns the two sides' gradients apart, then descent on the retained ones
    that also flattens the forgetting.

    Second derivatives need LoRA or a small model, and attention of plain operations, which is chosen by itself.
    """

    inner_steps: int = 5
    """Steps of the inner loop (paper: 5 to 10)."""
    inner_rate: float = 0.01
    """Learning rate of the inner steps (chosen here)."""
    outer_rate: float = 0.05
    """Learning rate of the outer step (chosen here)."""
    beta: float = 0.1
    """Weight of the gradients' similarity (chosen here)."""
    rho: float = 0.01
    """First weight of the inner problem's stationarity (chosen here)."""
    growth: float = 1.0
    """Factor on rho from step to step (paper: above 1; chosen here)."""
    similarity: Literal["cosine", "squared"] = "cosine"
    """``squared`` draws the gradients to orthogonality."""
    held: bool = True
    """Whether the inner loop takes the retained gradient for a constant (chosen here)."""
    curvature: Literal["forget", "difference"] = "forget"
    """Whether the outer step leaves the similarity's curvature out, or takes it by a difference."""
    forget_batch: int = 2
    """Forget records per step."""
    retain_batch: int = 2
    """Retained records per step."""
    optim: Optim = Optim(lr=1e-4, epochs=5.0)
    """How the displacement of both loops is taken; AdamW, or plain steps with ``optimizer="sgd"`` (chosen here)."""
    locus: Locus = Lora()
    """Which weights may move."""

    def recipe(self) -> Recipe:
        """One training stage."""
        terms = (_terms.forget(GradientAscent(), self.forget_batch), _terms.retain(self.retain_batch))
        update = PenaltyBilevel(
            self.inner_steps, self.inner_rate, self.outer_rate, self.beta, self.rho, self.growth, self.similarity,
            self.held, self.curvature,
        )  # fmt: skip
        return Recipe((Train("ofmu", terms, self.optim, self.locus, update),))
