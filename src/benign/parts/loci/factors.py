"""How much the factors of an adapter matter that is put on the model at random (VILA, arXiv 2508.21300)."""

from __future__ import annotations

from dataclasses import dataclass

from benign.errors import UserError
from benign.parts.loci.importance import Importance

TOKENS = "tokens"
"""The name under which the number of answer tokens that were looked at stands beside the factors."""


@dataclass(frozen=True)
class FactorImportance:
    """The importance of A [rank, in] and B [out, rank] of each module, drawn from a normal distribution, instead of
    that of W: rank (in + out) numbers for in times out. The engine puts the adapter on, measures, and takes it off.

    With A and B of the standard deviation ``sigma`` the model is a little off while it is measured, as in the official
    code; B at zero would leave A without a gradient.
    """

    rank: int = 8
    """Rank of the adapter."""
    alpha: float = 16.0
    """Numerator of its scale alpha / rank."""
    sigma: float = 0.05
    """Standard deviation of both factors (paper: 0.05)."""
    importance: Importance = Importance("variance")
    """The estimate (paper: the variance)."""
    seed: int = 0
    """Chooses the factors."""

    def checked(self) -> None:
        """Refuse what has no gradient.

        Raises:
            UserError: The factors have no spread.
        """
        if not self.sigma > 0:
            raise UserError(f"the factors need a spread above 0, got {self.sigma}", where="locus.sigma")


def factor(name: str, side: str) -> str:
    """What the importance of a weight's factor ``A`` or ``B`` is called."""
    return f"{name}/{side}"
