"""SatImp: weigh each token by how little it is forgotten and how much it matters (arXiv 2505.11953)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from benign.data.answers import Answers
from benign.parts.objectives import Need


@dataclass(frozen=True)
class SaturationImportance:
    """loss = mean over answer tokens of p^beta1 (1 - p)^beta2 log p, the weight held constant (Yang et al. 2025).

    The first factor spares what is forgotten already (saturation), the second what any model would say (importance);
    beta2 = 0 is weighted gradient ascent with beta1.
    """

    beta1: float = 5.0
    """Exponent of the saturation weight (paper: 5)."""
    beta2: float = 1.0
    """Exponent of the importance weight (paper: 1)."""
    needs_reference: ClassVar[Need] = False
    mean_over: ClassVar[Literal["rows", "records"]] = "rows"

    def __call__(self, answers: Answers) -> Tensor:
        """The weighted mean log-probability of the answer tokens."""
        logp = answers.logp.detach()  # [rows]
        weight = (self.beta1 * logp).exp() * (-logp.expm1()).clamp(min=0) ** self.beta2
        return (weight * answers.logp).mean()
