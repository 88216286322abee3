"""The edit axis: what is done to the weights in closed form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from benign.models.change import Delta


@dataclass(frozen=True)
class Edited:
    """An edit's delta, and what it says about each module for the report."""

    delta: Delta
    facts: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Per parameter name: named numbers, such as the share of masked entries."""


class Edit(Protocol):
    """A closed-form function of what earlier stages yielded, in the order in which the recipe names them: a
    :class:`benign.models.change.Delta` of a training stage, a :class:`benign.models.measured.Measured` of a
    statistic."""

    def __call__(self, *inputs: Any) -> Edited:
        """The edited delta."""
        ...
