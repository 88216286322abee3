"""The records that the model knows best by their least likely tokens (Min-K% Prob, arXiv 2310.16789; on forget sets in
MU-Coreset, arXiv 2504.10185)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from benign.errors import UserError
from benign.parts.weightings import Evidence
from benign.parts.weightings.coreset import largest


@dataclass(frozen=True)
class MinKCoreset:
    """The share of records whose mean log-probability over their least likely tokens is at one end."""

    share: float = 0.1
    """Share of the records that is kept, at least one record (paper: 0.05 and 0.1 beside 1)."""
    k: float = 0.4
    """Share of an answer's tokens that is looked at, the least likely ones, at least one (a replication: 0.4)."""
    keep: Literal["known", "unknown"] = "known"
    """Which end: the best memorised records, or the least."""

    def __call__(self, evidence: Evidence, *, seed: int) -> list[float]:
        """1 for what is kept, 0 for the rest."""
        if not 0 < self.k <= 1:
            raise UserError(f"k must be above 0 and at most 1, got {self.k}", where="coreset")
        sign = 1 if self.keep == "known" else -1
        return largest([sign * least_likely(logp, self.k) for logp in evidence.logp()], self.share)


def least_likely(logp: Tensor, k: float) -> float:
    """Mean of the lowest ceil(k tokens) of [tokens] log-probabilities, in nats."""
    # As with shares: 0.4 of 5 tokens is two.
    return float(logp.double().sort().values[: max(1, math.ceil(k * len(logp) - 1e-9))].mean())
