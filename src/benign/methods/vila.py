"""VILA (Kim et al. 2025, arXiv 2508.21300): FILA's start, found from the gradients of an adapter alone.

The official code was read, the paper's body was not. Reconstructed is that ``preset="paper"`` divides by the number of
tokens once and takes one pass (``VarianceLora.importance``), and its damping (``VarianceLora.damping``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benign.engine.recipe import Optim, Recipe, Train
from benign.methods import _terms
from benign.parts.loci.importance import Importance
from benign.parts.loci.lora import Lora
from benign.parts.loci.variance_lora import VarianceLora
from benign.parts.objectives import Objective
from benign.parts.objectives.grad_ascent import GradientAscent
from benign.parts.objectives.inverted_hinge import InvertedHinge
from benign.parts.objectives.npo import NegativePreference
from benign.parts.updates import Update
from benign.parts.updates.weighted_sum import WeightedSum


@dataclass(frozen=True)
class VILA:
    """The adapter starts as the low-rank part of each weight that matters for what is forgotten, by the variance of the
    gradients of a random adapter's factors; then one of three losses is trained. It has nothing to do with the picture
    models of this name.

    ``preset="code"`` follows the official code: ten passes in shuffled batches, means over tokens that are divided by
    the number of tokens once more, a constant of 1e-5 in the denominators of the ratio, beside which the retain set
    then hardly counts, and of B's rows, and a randomised decomposition.
    """

    objective: Literal["ihl", "gd", "npo"] = "ihl"
    """Inverted hinge loss, gradient ascent or negative preference, each beside the retain term."""
    beta: float = 0.5
    """Inverse temperature of ``npo`` (official code: 0.5)."""
    lora: Lora = Lora(rank=8, alpha=16.0, dropout=0.0)
    """The adapter, and the shape of the random one (paper: rank 8, alpha 16, on every linear module)."""
    sigma: float = 0.05
    """Standard deviation of the random factors (paper: 0.05)."""
    importance_batch: int = 4
    """Records per gradient; a forget set that fits in one batch has no variance and is refused."""
    preset: Literal["paper", "code"] = "paper"
    """How importance is estimated; see above."""
    forget_batch: int = 16
    """Forget records per step."""
    retain_batch: int = 16
    """Retained records per step."""
    retain_weight: float = 1.3
    """Weight of the retain term (official code for Llama-2-7B, TOFU forget10: 1.3 with ``ihl``, 1.6 with ``gd``,
    1.5 with ``npo``)."""
    optim: Optim = Optim(lr=1e-4, epochs=5.0, warmup=0.2, weight_decay=0.01, micro_batch=4)
    """How long and how fast (official code: 1e-4 with ``ihl`` and ``npo``, 5e-5 with ``gd``, as above)."""
    update: Update = WeightedSum()
    """How the terms' gradients become one step."""

    def recipe(self) -> Recipe:
        """One training stage."""
        losses: dict[str, Objective] = {
            "ihl": InvertedHinge(), "gd": GradientAscent(), "npo": NegativePreference(self.beta)
        }  # fmt: skip
        locus = VarianceLora(self.lora, Importance("variance", self.importance_batch), self.sigma)
        if self.preset == "code":
            many = Importance("variance", self.importance_batch, per="tokens", passes=10)
            locus = VarianceLora(self.lora, many, self.sigma, damping=0.0, floor=1e-5, counted_twice=True, exact=False)
        terms = (
            _terms.forget(losses[self.objective], self.forget_batch),
            _terms.retain(self.retain_batch, self.retain_weight),
        )
        return Recipe((Train("vila", terms, self.optim, locus, self.update),))
