"""The update axis: how the terms' gradients become one step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor

from benign.models.measured import Numbers

Gradient = tuple[Tensor, ...]
"""One tensor per moving parameter, in the engine's fixed order."""


@dataclass(frozen=True)
class State:
    """What an update remembers from step to step; the engine keeps it in the checkpoint."""

    numbers: Mapping[str, float] = field(default_factory=dict)
    tensors: Mapping[str, Gradient] = field(default_factory=dict)


class Step(Protocol):
    """One step's losses as functions of the parameters: what an update may ask.

    Every gradient is that of the whole step (accumulated over its micro-batches, not yet clipped) and already
    multiplied by its term's weight. Each call costs a forward and a backward pass over the terms asked for.
    """

    number: int
    """The step's number, from 0."""
    total: int
    """How many steps the stage has."""
    curvature: Sequence[Numbers]
    """What the stage's statistic says of each moving parameter; empty for one of which it says nothing."""

    @property
    def names(self) -> Sequence[str]:
        """The terms' names in the recipe's order."""
        ...

    def sum(self, weights: Mapping[str, float] | None = None) -> Gradient:
        """The gradient of the sum of the terms (each times its further weight, where given), in one pass.

        Terms that ``weights`` does not name are left out.
        """
        ...

    def gradients(self, names: Sequence[str] | None = None) -> dict[str, Gradient]:
        """Each term's own gradient (all terms, or those named)."""
        ...

    def curved(self, directions: Mapping[str, Gradient]) -> Gradient:
        """The sum over the named terms of their Hessian (weighted, of the whole step) times their direction: exact, by
        a second backward pass through the gradient."""
        ...

    def losses(self) -> dict[str, float]:
        """The terms' unweighted losses at the present parameters, from the latest pass if there was one; a term that
        rests at this step has a gradient of zero and no loss."""
        ...

    def scale(self) -> Gradient | None:
        """What the optimiser divides each entry of a step by, as it knows it from the steps before: AdamW's
        sqrt(v) + eps with v corrected for its age. None before the first step, and where nothing is divided."""
        ...

    def moved(self, offset: Gradient) -> AbstractContextManager[None]:
        """Within it the parameters are moved by ``offset``; they and ``losses`` are the same as before afterwards."""
        ...


class Update(Protocol):
    """Makes one step's direction out of the terms, before clipping; a pure function of the step and its state."""

    def init(self, parameters: Gradient) -> State:
        """The state before the first step."""
        ...

    def __call__(self, step: Step, state: State) -> tuple[Gradient, State]:
        """The gradient to hand to the optimiser, and the next state."""
        ...
