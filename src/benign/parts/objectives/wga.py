"""Weighted gradient ascent: what is already unlikely counts less (Wang et al. 2025, arXiv 2502.19301)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from benign.data.answers import Answers
from benign.parts.objectives import Need


@dataclass(frozen=True)
class WeightedAscent:
    """loss = mean over answer tokens of p(token)^beta log p(token), the weight p^beta held constant.

    beta = 0 is gradient ascent; with beta > 0 the gradient fades with the token's probability.
    """

    beta: float = 1.0
    """How fast the push fades (paper: 1)."""
    needs_reference: ClassVar[Need] = False
    mean_over: ClassVar[Literal["rows", "records"]] = "rows"

    def __call__(self, answers: Answers) -> Tensor:
        """The weighted mean log-probability of the answer tokens."""
        weight = (self.beta * answers.logp.detach()).exp()  # [rows]
        return (weight * answers.logp).mean()
