"""Noise on the weights: what a model only holds back, a small disturbance of all weights may let out.

Source: Tice et al. 2024 (arXiv 2412.01784), who find hidden abilities of models by it.
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
from benign.engine.draw import derived_seed


@dataclass(frozen=True)
class AddNoise:
    """Add Gaussian noise to the decoder's matrices, and ask the forgotten questions as they are."""

    cost: ClassVar[Cost] = "fast"
    scale: float = 0.1
    """The noise's standard deviation over the root mean square of each matrix."""
    most: int | None = MOST
    """Questions asked at most."""

    def __call__(self, ground: Ground) -> Found:
        """Memory of the disturbed system."""
        system = Tampered(
            ground.served,
            lambda name, weight: noisy(weight, self.scale, derived_seed(ground.seed, name)),
            f"noise {self.scale} {ground.seed}",
        )
        return remembered(ground, system, self.most)


def noisy(weight: Tensor, scale: float, seed: int) -> Tensor:
    """The weight plus noise; the same seed gives the same noise on every device."""
    drawn = torch.randn(weight.shape, generator=torch.Generator().manual_seed(seed))
    full = weight.float()
    return (full + scale * full.square().mean().sqrt() * drawn.to(weight.device)).to(weight.dtype)
