"""The update axis: how the terms' gradients become one step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Protocol

from torch import Tensor

Gradient = tuple[Tensor, ...]


class Update(Protocol):
    """Joins the accumulated gradients of the named terms, before clipping.

    ``separate`` says whether the update looks at each term's gradient; where it does not, the engine saves
    the passes and differentiates the weighted sum at once.
    """

    separate: ClassVar[bool]

    def __call__(self, gradients: Mapping[str, Gradient]) -> Gradient:
        """The gradient to step along; each term's gradient is already multiplied by its weight."""
        ...
