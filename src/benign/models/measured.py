"""What a statistic found about a model's modules, beside the weights that it is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

Numbers = Mapping[str, Tensor]
"""A module's numbers by name."""


@dataclass(frozen=True)
class Measured:
    """A statistic's yield, by the name of the module, or of the parameter where single weights are measured; what
    :class:`benign.models.change.Delta` is for training."""

    numbers: Mapping[str, Numbers]
    """Per module or parameter, what was measured."""
    weights: Mapping[str, Tensor] = field(default_factory=dict)
    """Per module or parameter, its original weight: the model's own tensor and no copy. Only to be read."""
    records: int = 0
    """How many records single weights were measured on; 0 where tokens count."""
