"""Hidden states held where the original model has them: RMU's retain term (Li et al. 2024, arXiv 2403.03218)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from benign.data.answers import Answers
from benign.parts.objectives import Need


@dataclass(frozen=True)
class HiddenMSE:
    """loss = mean over records of the mean over rows of |h - h_reference|^2 / H; 0 where the model has not moved.

    The squared distance is per hidden unit, as in the official code; the paper's is H times as much.
    """

    layer: int | float = 7
    """The decoder layer after which states are compared (paper: 7 of 32); from the end if negative, and a fraction is
    of the way up."""
    needs_reference: ClassVar[Need] = False
    needs_reference_hidden: ClassVar[bool] = True
    mean_over: ClassVar[Literal["rows", "records"]] = "records"

    def __call__(self, answers: Answers) -> Tensor:
        """The mean squared distance to the reference's hidden states."""
        if answers.reference_hidden is None:
            raise ValueError("HiddenMSE needs the reference's hidden states")
        return squared_distance(answers, answers.reference_hidden)


def squared_distance(answers: Answers, goal: Tensor) -> Tensor:
    """Squared distance per hidden unit to [rows, H] or [H] goals: the mean over each record's rows, then over records.

    Raises:
        ValueError: The hidden states were not kept.
    """
    if answers.hidden is None:
        raise ValueError("these answers carry no hidden states")
    rows = (answers.hidden - goal).square().mean(-1)  # [rows]
    return (answers.per_record(rows) / answers.rows_per_record).mean()
