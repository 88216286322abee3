"""Reverse Kullback-Leibler divergence: say nothing that the original model would not have said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from benign.data.answers import Answers
from benign.parts.objectives import Need


@dataclass(frozen=True)
class ReverseKL:
    """loss = mean over answer positions of KL(model || reference), in nats; 0 where the model has not moved.

    Unlike the forward divergence it forgives what the model no longer says and punishes what it newly says.
    """

    needs_reference: ClassVar[Need] = "rows"
    mean_over: ClassVar[Literal["rows", "records"]] = "rows"

    def __call__(self, answers: Answers) -> Tensor:
        """The reverse divergence at each answer position, averaged."""
        if answers.reference is None:
            raise ValueError("ReverseKL needs the reference's log-probabilities")
        now = answers.log_probabilities  # [rows, vocab]
        return (now.exp() * (now - answers.reference)).sum(-1).mean()
