"""A random share of the records (MU-Coreset, arXiv 2504.10185): the control that says how much the others are worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benign.parts.weightings import Evidence
from benign.parts.weightings.coreset import only, size


@dataclass(frozen=True)
class RandomCoreset:
    """Records drawn without replacement by the run's seed; those of a smaller share are among those of a larger."""

    share: float = 0.1
    """Share of the records that is kept, at least one record (paper: 0.05 and 0.1 beside 1)."""

    def __call__(self, evidence: Evidence, *, seed: int) -> list[float]:
        """1 for what is kept, 0 for the rest."""
        order = np.random.default_rng(seed).permutation(evidence.count).tolist()
        return only(order[: size(evidence.count, self.share)], evidence.count)
