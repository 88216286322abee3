"""MANU (Liu et al. 2025, arXiv 2502.15910): prune the neurons that pictures and text drive apart on the forget set.

The scores are the paper's; the official code computes other ones, from each modality by itself, and its hooks mix the
layers' statistics up.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from benign.errors import UserError
from benign.models.change import Delta
from benign.models.measured import Measured
from benign.parts.edits import Edited


class Activity(NamedTuple):
    """What a layer's neurons did on some tokens; each field is [neurons]."""

    magnitude: Tensor
    """Mean |z|."""
    frequency: Tensor
    """Share of the tokens with |z| above the threshold."""
    variance: Tensor
    """Population variance of z."""
    energy: Tensor
    """Mean z^2."""

    @classmethod
    def of(cls, numbers: Mapping[str, Tensor]) -> Activity:
        """From the numbers of :class:`benign.parts.statistics.activity.Activity`."""
        return cls(numbers["magnitude"], numbers["frequency"], numbers["variance"], numbers["energy"])


@dataclass(frozen=True)
class PruneNeurons:
    """Take the contribution of the chosen neurons away: their columns of the module that reads them become zero.

    Inputs: the activity of the forget set by picture and by text, then the retained records' by picture and by text. A
    module that a route never runs, as text never runs the vision tower, was not active on it.
    """

    share: float = 0.05
    """Which share of each layer's neurons is pruned, rounded up (paper: 0.02 to 0.1)."""
    eps: float = 1e-5
    """Guard of the divisions."""

    def __call__(self, *inputs: Measured) -> Edited:
        """The delta of the pruned modules, and the share ``pruned`` of each.

        Raises:
            UserError: The share is not within [0, 1].
        """
        names = list(dict.fromkeys(name for found in inputs for name in found.numbers))
        tensors, facts = {}, {}
        for name in names:
            pictures, text, kept_pictures, kept_text = (_active(found, name, inputs) for found in inputs)
            forget = importance(pictures, text, self.eps)
            neurons = most_telling(forget, importance(kept_pictures, kept_text, self.eps), self.share, self.eps)
            weight = inputs[0].weights[name]
            tensors[f"{name}.weight"] = pruning(weight, neurons.to(weight.device))
            facts[f"{name}.weight"] = {"pruned": float(neurons.double().mean())}
        return Edited(Delta(tensors), facts)


def _active(found: Measured, name: str, others: tuple[Measured, ...]) -> Activity:
    if name in found.numbers:
        return Activity.of(found.numbers[name])
    known = next(other.numbers[name] for other in others if name in other.numbers)
    return Activity.of({key: torch.zeros_like(value) for key, value in known.items()})


def importance(pictures: Activity, text: Activity, eps: float = 1e-5) -> Tensor:
    """[neurons] How differently the two modalities drive each neuron on one set of records.

    The sum of |Mp - Mt| / (Mp + Mt + eps) of the magnitudes, the same of the frequencies, sqrt(Vp + Vt) of the
    variances, and sqrt(|Ep - Et| / (Ep + Et + eps)) of the energies.
    """
    magnitude = _contrast(pictures.magnitude, text.magnitude, eps)
    frequency = _contrast(pictures.frequency, text.frequency, eps)
    variance = (pictures.variance + text.variance).sqrt()
    return magnitude + frequency + variance + _contrast(pictures.energy, text.energy, eps).sqrt()


def most_telling(forget: Tensor, retain: Tensor, share: float, eps: float = 1e-5) -> Tensor:
    """[neurons] True for the share of neurons with the largest ``forget / (retain + eps)``, of equals the first.

    Args:
        forget: [neurons] importance on the forget set.
        retain: [neurons] importance on the retained records.
        share: Which share to prune, rounded up (paper: 0.02 to 0.1).
        eps: Guard of the division.

    Raises:
        UserError: The share is not within [0, 1].
    """
    if not 0 <= share <= 1:
        raise UserError(f"the share must be within 0 and 1, got {share}", where="prune_neurons")
    order = (forget / (retain + eps)).argsort(descending=True, stable=True)
    chosen = torch.zeros_like(forget, dtype=torch.bool)
    # Rounded before rounding up, because 0.07 * 100 is a little more than 7.
    chosen[order[: math.ceil(round(share * len(forget), 6))]] = True
    return chosen


def pruning(weight: Tensor, neurons: Tensor) -> Tensor:
    """[out, neurons] The change that sets the chosen neurons' columns of the weight that reads them to zero."""
    return torch.where(neurons, -weight, torch.zeros_like(weight))


def _contrast(left: Tensor, right: Tensor, eps: float) -> Tensor:
    return (left - right).abs() / (left + right + eps)
