"""MIP-Editor (Li et al. 2026, arXiv 2511.06793): misdirect what neurons on the forget answers' paths write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benign.engine.recipe import Optim, Recipe, Train
from benign.methods import _terms
from benign.parts.loci.neuron_paths import NeuronPaths
from benign.parts.loci.path_neurons import PathNeurons
from benign.parts.objectives.adaptive_rmu import AdaptiveMisdirection
from benign.parts.objectives.hidden_mse import HiddenMSE
from benign.parts.objectives.rmu import Misdirection
from benign.parts.updates import Update
from benign.parts.updates.weighted_sum import WeightedSum


@dataclass(frozen=True)
class MIPEditor:
    """Adaptive RMU that moves only the neurons on the forget records' paths through the decoder and the vision tower.

    Known are the paper's abstract, its hyper-parameters and the official code (github.com/PreckLi/MIP-Editor at
    ab54ebb). ``preset="code"`` has the code's fixed steering goal, trains the neurons' rows of the modules that make
    them and takes the neurons that raise the loss. The code also zeroes the path neurons at the first token while it
    trains, which is not part of what it saves and is left out here.
    """

    layer: int | float = 0.22
    """The decoder layer whose output is steered and kept (paper: 7, of 32 or 36 layers); a fraction is of the way up.
    Nothing behind it is looked at, because the loss does not depend on it."""
    length: float = 5.0
    """Length of the steering goal in norms of the original hidden states, the paper's lambda, whose value was not to be
    had (5 is adaptive RMU's)."""
    coefficient: float = 10.0
    """Length of the steering goal (``code`` only: 10)."""
    preset: Literal["paper", "code"] = "paper"
    """``code`` differs in the goal, the weights and the sign; see above."""
    top_k: int = 5
    """Neurons of each layer on a record's path (paper: 5)."""
    steps: int = 4
    """Points of the integrals (official code: 4)."""
    least: float = 0.0
    """Share of the records above whose paths a neuron must lie on (official code: any path)."""
    vision: bool = True
    """Whether the vision tower's neurons move too."""
    direction_seed: int = 0
    """Chooses the random direction."""
    forget_weight: float = 0.5
    """Weight of the forget term (paper: 0.5)."""
    retain_weight: float = 0.5
    """Weight of the retain term (paper: 0.5)."""
    forget_batch: int = 6
    """Forget records per step (official code: 6)."""
    retain_batch: int = 6
    """Retained records per step (official code: 6)."""
    optim: Optim = Optim(lr=5e-4, epochs=1.0)
    """How long and how fast (official code: 5e-4, one pass over the retained records)."""
    update: Update = WeightedSum()
    """How the terms' gradients become one step."""

    def recipe(self) -> Recipe:
        """One training stage; the retained records come first, because an epoch is a pass over them."""
        code = self.preset == "code"
        text = NeuronPaths(of="loss" if code else "answer", steps=self.steps, top_k=self.top_k, upto=self.layer)
        seen = NeuronPaths("vision", "fisher", steps=self.steps, top_k=self.top_k)
        locus = PathNeurons(text, seen if self.vision else None, "in" if code else "out", self.least)
        far = Misdirection(self.layer, self.coefficient, self.direction_seed)
        steer = AdaptiveMisdirection(self.layer, self.length, self.direction_seed)
        terms = (
            _terms.retain(self.retain_batch, self.retain_weight, HiddenMSE(self.layer)),
            _terms.forget(far if code else steer, self.forget_batch, self.forget_weight),
        )
        return Recipe((Train("mip_editor", terms, self.optim, locus, self.update),))
