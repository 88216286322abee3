"""Inverted hinge loss (LoKU, Cha et al. 2024, arXiv 2408.06621): rather the next best token than the answer's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from benign.data.answers import Answers
from benign.parts.objectives import Need


@dataclass(frozen=True)
class InvertedHinge:
    """loss = mean over answer tokens of 1 + p(token) - max p(any other token): 2 where the model is sure of the answer,
    0 where it is sure of something else.

    Unlike with ascent, the loss and its gradient are bounded, and one other token gains what the answer's loses.
    """

    needs_reference: ClassVar[Need] = False
    mean_over: ClassVar[Literal["rows", "records"]] = "rows"

    def __call__(self, answers: Answers) -> Tensor:
        """The mean margin of the answer's tokens, from 0 to 2."""
        others = answers.log_probabilities.scatter(-1, answers.labels[:, None], float("-inf")).amax(-1)
        return (1 + answers.logp.exp() - others.exp()).mean()
