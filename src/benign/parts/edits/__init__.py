"""The edit axis: what is done to the weights in closed form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from benign.models.change import Delta


@dataclass(frozen=True)
class Edited:
    """An edit's delta, and what it says about each module for the report."""

    delta: Delta
    facts: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Per parameter name: named numbers, such as the share of masked entries."""


class Edit(Protocol):
    """A closed-form function of the deltas that earlier stages yielded, in the order the recipe names them."""

    def __call__(self, *deltas: Delta) -> Edited:
        """The edited delta."""
        ...
