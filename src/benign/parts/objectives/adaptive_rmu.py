"""Adaptive RMU: the steering goal grows with the layer's own norms (Huu-Tien et al. 2024, arXiv 2408.06223)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from benign.data.answers import Answers
from benign.parts.objectives import Need
from benign.parts.objectives.hidden_mse import squared_distance
from benign.parts.objectives.rmu import direction


@dataclass(frozen=True)
class AdaptiveMisdirection:
    """loss = mean over records of the mean over rows of |h - beta |h_reference| u|^2 / H, u a fixed unit vector.

    Each row's goal is beta times its reference norm long. The official code takes one length for the whole run, beta
    times the mean norm over the first batch, padding included.
    """

    layer: int | float = 7
    """The decoder layer whose output is steered (paper: any; code: 7 of 32); from the end if negative, and a fraction
    is of the way up."""
    beta: float = 5.0
    """Length of the goal in reference norms (official code: 5)."""
    seed: int = 0
    """Chooses the direction u, together with the hidden size."""
    needs_reference: ClassVar[Need] = False
    needs_reference_hidden: ClassVar[bool] = True
    mean_over: ClassVar[Literal["rows", "records"]] = "records"

    def __call__(self, answers: Answers) -> Tensor:
        """The mean squared distance to the rows' steering goals."""
        if answers.reference_hidden is None:
            raise ValueError("AdaptiveMisdirection needs the reference's hidden states")
        lengths = self.beta * answers.reference_hidden.norm(dim=-1, keepdim=True)  # [rows, 1]
        return squared_distance(answers, lengths * direction(self.seed, answers.reference_hidden))
