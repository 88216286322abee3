"""Kullback-Leibler divergence to the original model's whole distribution: keep not the answer but the belief."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from benign.data.answers import Answers
from benign.data.softmax import divergence
from benign.parts.objectives import Need


@dataclass(frozen=True)
class KLToReference:
    """loss = mean over answer positions of KL(reference || model), in nats; 0 where the model has not moved.

    Only answer positions count: averaging over prompt or padding, as some code does, dilutes the loss by the
    prompt's length (KL-min of TOFU, arXiv 2401.06121).
    """

    needs_reference: ClassVar[Need] = "rows"
    mean_over: ClassVar[Literal["rows", "records"]] = "rows"

    def __call__(self, answers: Answers) -> Tensor:
        """The forward divergence at each answer position, averaged."""
        if answers.reference is None:
            raise ValueError("KLToReference needs the reference's log-probabilities")
        return divergence(answers.reference, answers.logits).mean()
