"""Gauss-Newton steps by Kronecker-factored curvature, as K-FADE takes them (McKinney et al. 2026, arXiv 2602.10568)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from benign.errors import UserError
from benign.models.measured import Numbers
from benign.parts.updates import Gradient, State, Step
from benign.parts.updates.gradient import dot, scaled

_HERE = "gauss_newton"


@dataclass(frozen=True)
class GaussNewton:
    """d = (m + l) (G + l)^-1 g: the gradient of all terms, slowed down where the curvature G of what is kept is large.

    m is the mean curvature over all that moves and l = damping * m, so that a curvature that is the same everywhere, or
    an endless damping, leaves the gradient as it is. Parameters of which the curvature says nothing stay. For an
    optimiser that takes the step as it is: ``Optim(optimizer="sgd")``.
    """

    damping: float = 0.1
    """Added to the curvature, as a share of its mean over all that moves (kronfluence: 1e-8, or 0.1 of each module's
    own mean; the paper's is not known)."""
    budget: float | None = None
    """The predicted change of one step at learning rate 1, 1/2 d^T G d: nats of KL divergence per kept answer token
    where G is a Fisher matrix. None leaves the step's length to the gradient and the learning rate."""

    def init(self, parameters: Gradient) -> State:
        """Nothing is remembered."""
        return State()

    def __call__(self, step: Step, state: State) -> tuple[Gradient, State]:
        """The gradient in the curvature's metric.

        Raises:
            UserError: No curvature of anything that moves was measured, or the damping or the budget is not above 0.
        """
        if not self.damping > 0:
            raise UserError(f"damping must be above 0, got {self.damping}", where=_HERE)
        if self.budget is not None and not self.budget > 0:
            raise UserError(f"the budget must be above 0, got {self.budget}", where=_HERE)
        if not any(step.curvature):
            raise UserError(
                "nothing that moves has a measured curvature", where=_HERE,
                fix="use the method kfade, or a recipe whose stage names a statistic; the weights themselves must move",
            )  # fmt: skip
        mean = _mean(step.curvature)
        turned = [
            self._slowed(way, found, mean) if found else torch.zeros_like(way)
            for way, found in zip(step.sum(), step.curvature, strict=True)
        ]
        direction = tuple(turned)
        if self.budget is None:
            return direction, state
        change = divergence(direction, step.curvature)
        return scaled(math.sqrt(self.budget / change) if change > 0 else 0.0, direction), state

    def _slowed(self, gradient: Tensor, found: Numbers, mean: float) -> Tensor:
        if mean == 0:
            return gradient
        values = found["values"].to(gradient)
        slower = mean * (1 + self.damping) / (values + self.damping * mean)
        outputs, inputs = found["outputs"].to(gradient), found["inputs"].to(gradient)
        return (outputs @ (_along(gradient, found) * slower) @ inputs.T).reshape(gradient.shape)


def divergence(move: Gradient, curvature: Sequence[Numbers]) -> float:
    """1/2 d^T G d, the predicted change of what is kept when the parameters move by d."""
    pairs = [(_along(way, found), found["values"].to(way)) for way, found in zip(move, curvature, strict=True) if found]
    return 0.5 * dot(tuple(way for way, _ in pairs), tuple(values * way for way, values in pairs))


def _along(gradient: Tensor, found: Numbers) -> Tensor:
    """[out, in] the gradient's entries along pairs of eigenvectors."""
    square = gradient.reshape(found["values"].shape)
    return found["outputs"].to(gradient).T @ square @ found["inputs"].to(gradient)


def _mean(curvature: Sequence[Numbers]) -> float:
    values = [found["values"] for found in curvature if found]
    return float(sum(float(v.double().sum()) for v in values) / sum(v.numel() for v in values))
