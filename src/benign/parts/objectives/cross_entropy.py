"""Cross-entropy on the answer: learn it, or keep it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from benign.data.answers import Answers
from benign.parts.objectives import Need


@dataclass(frozen=True)
class CrossEntropy:
    """loss = -mean over answer tokens of log p(token), in nats; ln V at uniform logits."""

    needs_reference: ClassVar[Need] = False
    mean_over: ClassVar[Literal["rows", "records"]] = "rows"

    def __call__(self, answers: Answers) -> Tensor:
        """The mean negative log-probability of the answer tokens."""
        return -answers.logp.mean()
