"""SEUF's router anchor (Zhuang et al. 2025, arXiv 2411.18797): what is forgotten goes on reaching the same expert."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from benign.data.answers import Answers
from benign.parts.objectives import Need


@dataclass(frozen=True)
class RouterAnchor:
    """loss = mean over answer tokens of |g - a|^2, g the router's probabilities over its experts, a 1 for the expert
    that the locus chose and 0 for the others: 0 where the router is sure of it, 2 where it is sure of another.

    The official code takes the mean over all tokens of the batch, prompt and padding among them, here as everywhere it
    is the answer's.
    """

    per_expert: bool = False
    """Whether the squared distance is divided by the number of experts (official code)."""
    needs_reference: ClassVar[Need] = False
    needs_routing: ClassVar[Literal[True]] = True
    mean_over: ClassVar[Literal["rows", "records"]] = "rows"

    def __call__(self, answers: Answers) -> Tensor:
        """The mean squared distance to the anchor."""
        if answers.routing is None or answers.anchor is None:
            raise ValueError("RouterAnchor needs the router's probabilities")
        far = (answers.routing - answers.anchor).square()  # [rows, experts]
        return (far.mean(-1) if self.per_expert else far.sum(-1)).mean()
