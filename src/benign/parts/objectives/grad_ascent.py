"""Gradient ascent: make the answer less likely, without bound (Jang et al. 2022, arXiv 2210.01504)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from benign.data.answers import Answers
from benign.parts.objectives import Need


@dataclass(frozen=True)
class GradientAscent:
    """loss = +mean over answer tokens of log p(token): the negated cross-entropy."""

    needs_reference: ClassVar[Need] = False
    mean_over: ClassVar[Literal["rows", "records"]] = "rows"

    def __call__(self, answers: Answers) -> Tensor:
        """The mean log-probability of the answer tokens; minimising it drives it to minus infinity."""
        return answers.logp.mean()
