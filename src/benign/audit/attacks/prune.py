"""Magnitude pruning: the smallest weights of every matrix are set to zero, to see if what suppresses goes first.

Source: the pruning of Han et al. 2015 (arXiv 1506.02626), per matrix and without training again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from benign.audit.attacks import Cost, Found, Ground
from benign.audit.attacks.asking import remembered
from benign.audit.attacks.questions import MOST
from benign.audit.attacks.tampered import Tampered


@dataclass(frozen=True)
class Prune:
    """Set the smallest weights of each matrix of the decoder to zero, and ask the forgotten questions as they are."""

    cost: ClassVar[Cost] = "fast"
    share: float = 0.3
    """Of each matrix, 0 to 1; more leaves little of a model that is not trained again."""
    most: int | None = MOST
    """Questions asked at most."""

    def __call__(self, ground: Ground) -> Found:
        """Memory of the pruned system."""
        system = Tampered(ground.served, lambda _, weight: pruned(weight, self.share), f"prune {self.share}")
        return remembered(ground, system, self.most)


def pruned(weight: Tensor, share: float) -> Tensor:
    """The weight with its ``share`` of smallest entries by magnitude set to zero (rounded down; first come first)."""
    count = int(share * weight.numel())
    smallest = torch.sort(weight.abs().flatten(), stable=True).indices[:count]
    return weight.flatten().index_fill(0, smallest, 0.0).view_as(weight)
