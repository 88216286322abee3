"""The objective axis: what is minimised, as a function of answer rows alone."""

from __future__ import annotations

from typing import ClassVar, Literal, Protocol

from torch import Tensor

from benign.data.answers import Answers


class Objective(Protocol):
    """One scalar loss per term; terms stay apart until the update joins them.

    ``needs_reference`` says whether ``answers.reference`` must be filled (the frozen original's log-probabilities).
    ``mean_over`` says what the loss averages over, so that micro-batches can be joined exactly.
    """

    needs_reference: ClassVar[bool]
    mean_over: ClassVar[Literal["rows", "records"]]

    def __call__(self, answers: Answers) -> Tensor:
        """The loss, a scalar in nats (or the objective's own unit, given in its docstring)."""
        ...
