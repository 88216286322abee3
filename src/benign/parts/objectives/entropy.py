"""Maximum entropy: the model is to be as unsure as it can (Yuan et al. 2024, arXiv 2410.08109)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from benign.data.answers import Answers
from benign.parts.objectives import Need


@dataclass(frozen=True)
class MaximumEntropy:
    """loss = mean over answer positions of KL(model || uniform) = ln V - H(model), in nats; between 0 and ln V.

    0 at uniform; bounded, so it pulls at what the model says and lets unlikely tokens be.
    """

    needs_reference: ClassVar[Need] = False
    mean_over: ClassVar[Literal["rows", "records"]] = "rows"

    def __call__(self, answers: Answers) -> Tensor:
        """The entropy missing from its maximum, averaged."""
        now = answers.log_probabilities  # [rows, vocab]
        return math.log(now.shape[-1]) + (now.exp() * now).sum(-1).mean()
