"""Which neurons carry an answer from layer to layer: a path, found greedily by integrating along all of it.

The score is the joint attribution of MIP-Editor (Li et al. 2026, arXiv 2511.06793), as its official code computes it
(github.com/PreckLi/MIP-Editor at ab54ebb); the paper's equations were not to be had. It follows the influential neuron
paths of Wang et al. (2025) for vision transformers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from benign.errors import UserError


@dataclass(frozen=True)
class NeuronPaths:
    """For each record, layer by layer, the ``top_k`` neurons with the largest score beside the path so far: the
    activations' sum over path and candidate, times the integral of their gradients' sum, summed over the tokens.

    The integral runs from activations that are zero to the activations as they are, at ``steps`` points, the left one
    of each step; before the present layer only the path's neurons are scaled. Unlike here, the official code looks at
    the first token alone, whose activations in a causal decoder are the same for all records; it takes the neurons that
    raise the loss on the answer, not its probability (``of="loss"``); of each earlier layer's neurons it counts only
    the last one; and its z-scores of the Fisher gradients, taken over the integral's points, add up to the same for
    all neurons, so that its visual paths are those of the largest activations.
    """

    stack: Literal["decoder", "vision"] = "decoder"
    """Whose feed-forward neurons: the decoder's, for what is asked in words, or the vision tower's."""
    integrand: Literal["gradient", "fisher"] = "gradient"
    """``fisher`` integrates squared gradients (paper: for the vision tower)."""
    of: Literal["answer", "loss"] = "answer"
    """What the gradient is of: the answer's log-probability, or minus that; it makes no difference to ``fisher``."""
    steps: int = 4
    """Points of the integral (official code: 4)."""
    top_k: int = 5
    """Neurons of each layer on a record's path (official code: 5)."""
    upto: int | float | None = None
    """The last layer that is looked at, as an objective gives its layer; None is all. A path's beginning does not
    depend on the layers after it."""

    def checked(self) -> None:
        """Refuse numbers that make no path.

        Raises:
            UserError: There are less than one step or one neuron.
        """
        if self.steps < 1 or self.top_k < 1:
            raise UserError(
                f"a path needs at least one step and one neuron, got {self.steps} and {self.top_k}",
                where="neuron_paths",
            )

    def scores(self, activations: Sequence[Tensor], gradients: Sequence[Tensor], path: Sequence[Tensor]) -> Tensor:
        """[n] the scores of the last layer's neurons.

        Args:
            activations: Per layer so far, [T, n] over the tokens.
            gradients: Per layer so far, [S, T, n] at the points of the integral, of the answer's log-probability.
            path: For each layer before the last one, the numbers of its neurons on the path.
        """
        taken = [self._integrand(gradient.double()).mean(0) for gradient in gradients]
        joint, slope = activations[-1].double(), taken[-1]
        for earlier, its, neurons in zip(activations, taken, path, strict=False):
            joint = joint + earlier.double()[:, neurons].sum(1, keepdim=True)
            slope = slope + its[:, neurons].sum(1, keepdim=True)
        return (joint * slope).sum(0)

    def best(self, scores: Tensor) -> Tensor:
        """The numbers of the neurons with the largest scores, of equals the first; none where all scores are zero."""
        if not scores.any():
            return torch.zeros(0, dtype=torch.long, device=scores.device)
        return scores.argsort(descending=True, stable=True)[: self.top_k]

    def _integrand(self, gradient: Tensor) -> Tensor:
        if self.integrand == "fisher":
            return gradient.square()
        return -gradient if self.of == "loss" else gradient
