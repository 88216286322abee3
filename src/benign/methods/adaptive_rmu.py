"""Adaptive RMU (Huu-Tien et al. 2024, arXiv 2408.06223): RMU whose goal grows with the layer's own norms."""

from __future__ import annotations

from dataclasses import dataclass

from benign.engine.recipe import Optim, Recipe, Train
from benign.methods import _terms
from benign.parts.loci import Locus
from benign.parts.loci.lora import Lora
from benign.parts.objectives.adaptive_rmu import AdaptiveMisdirection
from benign.parts.objectives.hidden_mse import HiddenMSE
from benign.parts.updates import Update
from benign.parts.updates.weighted_sum import WeightedSum


@dataclass(frozen=True)
class AdaptiveRMU:
    """Steers one layer's output on the forget answers, as far as its norm says, and holds it on the retained ones."""

    layer: int | float = 7
    """The decoder layer whose output is steered and kept (paper: 7 of 32); negative counts from the end, and a fraction
    is of the way up: a model of 4 layers needs 1 or 0.25."""
    beta: float = 5.0
    """Length of the steering goal in norms of the original hidden states (official code: 5)."""
    direction_seed: int = 0
    """Chooses the random direction."""
    forget_batch: int = 4
    """Forget records per step."""
    retain_batch: int = 4
    """Retained records per step."""
    retain_weight: float = 1200.0
    """Weight of the retain term (paper: 1200 for Zephyr-7B)."""
    optim: Optim = Optim(lr=5e-5, epochs=None, steps=150, schedule="constant")
    """How long and how fast (official code: 150 batches of 4)."""
    locus: Locus = Lora()
    """Which weights may move, up to the layer (paper: the MLP outputs of the layer and of the two before, in full)."""
    update: Update = WeightedSum()
    """How the terms' gradients become one step."""

    def recipe(self) -> Recipe:
        """One training stage."""
        steer = AdaptiveMisdirection(self.layer, self.beta, self.direction_seed)
        terms = (
            _terms.forget(steer, self.forget_batch),
            _terms.retain(self.retain_batch, self.retain_weight, HiddenMSE(self.layer)),
        )
        return Recipe((Train("adaptive_rmu", terms, self.optim, self.locus, self.update),))
