"""The records that push hardest (GraNd, arXiv 2107.07075; on forget sets in MU-Coreset, arXiv 2504.10185)."""

from __future__ import annotations

from dataclasses import dataclass

from benign.parts.weightings import Evidence
from benign.parts.weightings.coreset import largest


@dataclass(frozen=True)
class GradNormCoreset:
    """The share of records with the largest mean gradient norm of the unlearning objective along its training.

    Reconstructed: how many states the paper averages over is not known.
    """

    share: float = 0.1
    """Share of the records that is kept, at least one record (paper: 0.05 and 0.1 beside 1)."""
    points: int = 3
    """At how many states on the way of a first, full run the norms are taken; 1 is the original model alone and costs
    no such run."""

    def __call__(self, evidence: Evidence, *, seed: int) -> list[float]:
        """1 for what is kept, 0 for the rest."""
        return largest(evidence.gradient_norms(self.points).tolist(), self.share)
