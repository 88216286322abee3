"""Flattening: every token equally likely, by the divergence from uniform to the model (ULD, arXiv 2406.08607)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from benign.data.answers import Answers
from benign.parts.objectives import Need


@dataclass(frozen=True)
class Flatten:
    """loss = mean over answer positions of KL(uniform || model) = -ln V - mean over tokens of log p, in nats.

    0 at uniform; without bound where any token is ruled out, so it lifts the least likely tokens. ULD trains its
    assistant with it on what is to be kept; the official code averages over prompt and padding too.
    """

    needs_reference: ClassVar[Need] = False
    mean_over: ClassVar[Literal["rows", "records"]] = "rows"

    def __call__(self, answers: Answers) -> Tensor:
        """The divergence from uniform, averaged."""
        return -answers.log_probabilities.mean() - math.log(answers.logits.shape[-1])
