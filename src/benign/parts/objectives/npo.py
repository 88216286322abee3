"""Negative preference optimisation (Zhang et al. 2024, arXiv 2404.05868): ascent that slows down as it succeeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch.nn.functional as F
from torch import Tensor

from benign.data.answers import Answers
from benign.parts.objectives import Need


@dataclass(frozen=True)
class NegativePreference:
    """loss = -(2/beta) mean_i log sigmoid(-beta (logp_i - ref_i)), log-probabilities summed over an answer (eq. 3).

    Equals (2/beta) ln 2 at the reference, where its gradient is that of gradient ascent on the summed log-probability.
    """

    beta: float = 0.1
    """Inverse temperature; beta -> 0 is gradient ascent (paper: 0.1)."""
    needs_reference: ClassVar[Need] = "labels"
    mean_over: ClassVar[Literal["rows", "records"]] = "records"

    def __call__(self, answers: Answers) -> Tensor:
        """The preference loss against the reference answer probability."""
        gap = answers.logp_per_record - answers.reference_logp_per_record  # [records], nats
        return -(2 / self.beta) * F.logsigmoid(-self.beta * gap).mean()
