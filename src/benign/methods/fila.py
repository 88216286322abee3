"""LoKU (Cha et al. 2024, arXiv 2408.06621): the inverted hinge loss on LoRA that begins where it matters (FILA).

The official code was read, the paper's body was not. Reconstructed is that ``preset="paper"`` takes the Fisher
information of single records (``FisherLora.importance``), and its damping (``FisherLora.damping``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benign.engine.recipe import Optim, Recipe, Train
from benign.methods import _terms
from benign.parts.loci.fisher_lora import FisherLora
from benign.parts.loci.importance import Importance
from benign.parts.loci.lora import Lora
from benign.parts.objectives.inverted_hinge import InvertedHinge
from benign.parts.updates import Update
from benign.parts.updates.weighted_sum import WeightedSum


@dataclass(frozen=True)
class FILA:
    """The adapter starts as the low-rank part of each weight that is weighted by the forget set's Fisher information
    relative to the retain set's; the answer's tokens give way to the next best ones.

    ``preset="code"`` follows the official code: squared gradients of batches of two, means over tokens, a constant of
    1e-5 in the denominators of the ratio, which is more than most squared gradients are, and of B's rows, and a
    randomised decomposition.
    """

    lora: Lora = Lora(rank=32, alpha=64.0, dropout=0.0)
    """The adapter (paper: ranks 4 to 32 on every linear module, alpha twice the rank)."""
    preset: Literal["paper", "code"] = "paper"
    """How importance is estimated; see above."""
    forget_batch: int = 32
    """Forget records per step."""
    retain_batch: int = 32
    """Retained records per step."""
    retain_weight: float = 1.0
    """Weight of the retain term (paper: 1)."""
    optim: Optim = Optim(lr=1e-4, epochs=5.0, warmup=0.2, weight_decay=0.01, micro_batch=4)
    """How long and how fast (paper: 1e-4 for Llama-2-7B, 2e-4 for Phi-1.5)."""
    update: Update = WeightedSum()
    """How the terms' gradients become one step."""

    def recipe(self) -> Recipe:
        """One training stage."""
        locus = FisherLora(self.lora)
        if self.preset == "code":
            importance = Importance("batch_fisher", batch=2, per="tokens")
            locus = FisherLora(self.lora, importance, damping=0.0, floor=1e-5, exact=False)
        terms = (
            _terms.forget(InvertedHinge(), self.forget_batch),
            _terms.retain(self.retain_batch, self.retain_weight),
        )
        return Recipe((Train("fila", terms, self.optim, locus, self.update),))
