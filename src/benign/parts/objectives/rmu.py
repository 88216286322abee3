"""RMU: steer hidden states towards a random direction, where later layers cannot read them (arXiv 2403.03218)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from benign.data.answers import Answers
from benign.parts.objectives import Need
from benign.parts.objectives.hidden_mse import squared_distance


@dataclass(frozen=True)
class Misdirection:
    """loss = mean over records of the mean over rows of |h - c u|^2 / H, u a fixed unit vector (Li et al. 2024).

    The squared distance is per hidden unit, as in the official code; the paper's is H times as much. The official
    code averages over padding too; a peer's rewrite multiplies the mean over records of the distances by that of the
    inverse lengths, which is the mean of their products only where answers have one length.
    """

    layer: int | float = 7
    """The decoder layer whose output is steered (paper: 7 of 32); from the end if negative, and a fraction is of the
    way up."""
    coefficient: float = 6.5
    """Length of the goal c u (paper: 6.5 for Zephyr-7B; depends on the model's hidden norms)."""
    seed: int = 0
    """Chooses the direction u, together with the hidden size."""
    needs_reference: ClassVar[Need] = False
    needs_reference_hidden: ClassVar[bool] = False
    mean_over: ClassVar[Literal["rows", "records"]] = "records"

    def __call__(self, answers: Answers) -> Tensor:
        """The mean squared distance to the steering goal."""
        if answers.hidden is None:
            raise ValueError("Misdirection needs hidden states")
        return squared_distance(answers, self.coefficient * direction(self.seed, answers.hidden))


def direction(seed: int, hidden: Tensor) -> Tensor:
    """[H] a unit vector with entries uniform in [0, 1) before scaling: a function of the seed and H alone."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.rand(hidden.shape[-1], generator=generator, dtype=torch.float64)
    unit: Tensor = drawn / drawn.norm()
    return unit.to(hidden)
