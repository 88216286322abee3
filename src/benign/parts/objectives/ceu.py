"""CE-U: distil from the model itself with the answer's token struck out (Yang 2025, arXiv 2503.01224)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from benign.data.answers import Answers
from benign.parts.objectives import Need


@dataclass(frozen=True)
class CrossEntropyUnlearning:
    """loss = (1/rows) sum over the counted answer positions of CE(t, model) in nats; t = softmax of the model's own
    logits with the label's at minus infinity, held constant.

    The gradient in the logits is p - t: bounded, and 0 once the label has no probability. The sum is divided by all
    rows, skipped ones too, so that micro-batches join exactly; a peer divides by the counted ones (a constant factor
    where answers have one length).
    """

    skip: int = 1
    """Leading tokens of each answer that are not unlearned (paper, training settings: 1), the last one excepted.
    Take 0 where answers are a word or two, for then the first token is the fact."""
    needs_reference: ClassVar[Need] = False
    mean_over: ClassVar[Literal["rows", "records"]] = "rows"

    def __call__(self, answers: Answers) -> Tensor:
        """The cross-entropy to the struck-out distribution, averaged."""
        struck = answers.logits.detach().scatter(-1, answers.labels[:, None], float("-inf"))
        loss = -(struck.softmax(-1) * answers.log_probabilities).sum(-1)  # [rows]
        skipped = (answers.rows_per_record - 1).clamp(max=self.skip)  # [records]
        return (loss * (_place(answers) >= skipped[answers.owner])).mean()


def _place(answers: Answers) -> Tensor:
    """[rows] how many rows of the same record come before each row."""
    order = torch.argsort(answers.owner, stable=True)
    starts = answers.rows_per_record.cumsum(0) - answers.rows_per_record  # [records]
    counted = torch.arange(len(order), device=order.device) - starts[answers.owner[order]]
    return torch.empty_like(order).scatter(0, order, counted)
