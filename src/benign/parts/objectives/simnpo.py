"""SimNPO: negative preference without a reference model, by answer length (Fan et al. 2024, arXiv 2410.07163)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch.nn.functional as F
from torch import Tensor

from benign.data.answers import Answers
from benign.parts.objectives import Need


@dataclass(frozen=True)
class SimpleNegativePreference:
    """loss = -(2/beta) mean_i log sigmoid(-(beta/n_i) logp_i - gamma), n_i the tokens of answer i.

    Equals (2/beta) ln 2 where the answers are certain and gamma is 0; beta -> 0 is ascent on the mean per-token
    log-probability. The official code subtracts its margin before it multiplies by beta: its gamma is gamma/beta here.
    """

    beta: float = 4.5
    """Inverse temperature (official code: 4.5 for TOFU forget10, 2.5 for forget05)."""
    gamma: float = 0.0
    """Margin: how far below certainty the answers must fall before the push weakens (paper: 0)."""
    needs_reference: ClassVar[Need] = False
    mean_over: ClassVar[Literal["rows", "records"]] = "records"

    def __call__(self, answers: Answers) -> Tensor:
        """The preference loss on the answers' mean log-probability per token."""
        per_token = answers.logp_per_record / answers.rows_per_record  # [records], nats
        return -(2 / self.beta) * F.logsigmoid(-self.beta * per_token - self.gamma).mean()
