"""RMU (Li et al. 2024, arXiv 2403.03218): forget answers' hidden states are steered in a random direction."""

from __future__ import annotations

from dataclasses import dataclass

from benign.engine.recipe import Optim, Recipe, Train
from benign.methods import _terms
from benign.parts.loci import Locus
from benign.parts.loci.lora import Lora
from benign.parts.objectives.hidden_mse import HiddenMSE
from benign.parts.objectives.rmu import Misdirection
from benign.parts.updates import Update
from benign.parts.updates.weighted_sum import WeightedSum


@dataclass(frozen=True)
class RMU:
    """Steers one layer's output on the forget answers and holds it on the retained ones."""

    layer: int | float = 7
    """The decoder layer whose output is steered and kept (paper: 7 of 32); negative counts from the end, and a fraction
    is of the way up: a model of 4 layers needs 1 or 0.25."""
    coefficient: float = 6.5
    """Length of the steering goal (paper: 6.5 for Zephyr-7B)."""
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
        steer = Misdirection(self.layer, self.coefficient, self.direction_seed)
        terms = (
            _terms.forget(steer, self.forget_batch),
            _terms.retain(self.retain_batch, self.retain_weight, HiddenMSE(self.layer)),
        )
        return Recipe((Train("rmu", terms, self.optim, self.locus, self.update),))
