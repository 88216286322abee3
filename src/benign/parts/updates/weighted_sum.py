"""The plain update: the weighted sum of the terms' gradients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from benign.parts.updates import Gradient


@dataclass(frozen=True)
class WeightedSum:
    """g = sum of the terms' weighted gradients, which is the gradient of the weighted loss."""

    separate: ClassVar[bool] = False

    def __call__(self, gradients: Mapping[str, Gradient]) -> Gradient:
        """The sum, parameter by parameter."""
        columns = zip(*gradients.values(), strict=True)
        return tuple(sum(column[1:], start=column[0]) for column in columns)
