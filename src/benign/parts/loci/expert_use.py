"""How much each expert of a mixture is used by some records (SEUF, Zhuang et al. 2025, arXiv 2411.18797)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from benign.errors import UserError


@dataclass(frozen=True)
class ExpertUse:
    """The affinity of an expert: the mean over records of the mean over a record's tokens of its router's probability
    for it, which is taken to be 0 where the router does not choose it (eq. 2)."""

    tokens: int | None = None
    """Records are looked at until they have so many tokens (paper: 100,000 are enough); None looks at all."""
    only_chosen: bool = True
    """Whether the probability counts only where the expert is among the chosen ones."""

    def checked(self) -> None:
        """Refuse what looks at nothing.

        Raises:
            UserError: No token is to be looked at.
        """
        if self.tokens is not None and self.tokens < 1:
            raise UserError(f"at least one token must be looked at, got {self.tokens}", where="locus.use.tokens")

    def scores(self, probabilities: Tensor, top: int) -> Tensor:
        """[experts] one record's mean over its tokens.

        Args:
            probabilities: [tokens, experts] the router's, over all experts.
            top: How many experts it chooses for a token.
        """
        if self.only_chosen:
            best = probabilities.topk(top, dim=-1).indices
            chosen = torch.zeros_like(probabilities).scatter(-1, best, 1.0)
            probabilities = probabilities * chosen
        return probabilities.double().mean(0)
