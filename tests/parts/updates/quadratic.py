"""An exact step: quadratic losses 1/2 |A (theta - centre)|^2 of a few float64 tensors, with gradients by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor

from benign.models.measured import Numbers
from benign.parts.updates import Gradient, State, Update

SHAPES = ((3, 2), (4,))
SIZE = 10


@dataclass(frozen=True, eq=False)
class Quadratic:
    """weight * 1/2 |A (theta - centre)|^2 over all parameters as one vector; the loss itself is unweighted."""

    matrix: Tensor
    centre: Tensor
    weight: float = 1.0

    def loss(self, theta: Tensor) -> float:
        return float(0.5 * (self.matrix @ (theta - self.centre)).square().sum())

    def gradient(self, theta: Tensor) -> Tensor:
        return self.weight * (self.matrix.T @ (self.matrix @ (theta - self.centre)))


@dataclass
class QuadraticStep:
    """The :class:`benign.parts.updates.Step` of such losses."""

    terms: Mapping[str, Quadratic]
    parameters: list[Tensor]
    number: int = 0
    total: int = 10
    passes: list[tuple[str, ...]] = field(default_factory=list)
    """The terms of every backward pass, in order."""
    divisor: Gradient | None = None
    """What the optimiser divides by."""
    curvature: Sequence[Numbers] = ()
    """The same in every direction unless given."""

    def __post_init__(self) -> None:
        if not self.curvature:
            self.curvature = [isotropic(parameter) for parameter in self.parameters]

    @property
    def names(self) -> Sequence[str]:
        return list(self.terms)

    def sum(self, weights: Mapping[str, float] | None = None) -> Gradient:
        chosen = dict.fromkeys(self.names, 1.0) if weights is None else weights
        self.passes.append(tuple(chosen))
        return self._cut(torch.stack([w * self._gradient(name) for name, w in chosen.items()]).sum(0))

    def gradients(self, names: Sequence[str] | None = None) -> dict[str, Gradient]:
        self.passes += [(name,) for name in names or self.names]
        return {name: self._cut(self._gradient(name)) for name in names or self.names}

    def curved(self, directions: Mapping[str, Gradient]) -> Gradient:
        self.passes.append(tuple(directions))
        bent = [
            self.terms[n].weight * self.terms[n].matrix.T @ (self.terms[n].matrix @ flat(v))
            for n, v in directions.items()
        ]
        return self._cut(torch.stack(bent).sum(0))

    def losses(self) -> dict[str, float]:
        return {name: term.loss(self._theta()) for name, term in self.terms.items()}

    def scale(self) -> Gradient | None:
        return self.divisor

    @contextmanager
    def moved(self, offset: Gradient) -> Iterator[None]:
        before = [parameter.clone() for parameter in self.parameters]
        for parameter, way in zip(self.parameters, offset, strict=True):
            parameter.add_(way)
        try:
            yield
        finally:
            for parameter, value in zip(self.parameters, before, strict=True):
                parameter.copy_(value)

    def _theta(self) -> Tensor:
        return torch.cat([parameter.flatten() for parameter in self.parameters])

    def _gradient(self, name: str) -> Tensor:
        return self.terms[name].gradient(self._theta())

    def _cut(self, flat: Tensor) -> Gradient:
        cut = flat.split([parameter.numel() for parameter in self.parameters])
        return tuple(part.view_as(p).clone() for part, p in zip(cut, self.parameters, strict=True))


def isotropic(parameter: Tensor) -> Numbers:
    """A curvature of 1 in every direction; a vector is a matrix of one column."""
    tall, wide = parameter.reshape(len(parameter), -1).shape
    made = {"inputs": torch.eye(wide), "outputs": torch.eye(tall), "values": torch.ones(tall, wide)}
    return {name: value.double() for name, value in made.items()}


def flat(gradient: Gradient) -> Tensor:
    return torch.cat([way.flatten() for way in gradient])


def random_step(seed: int = 0, names: Sequence[str] = ("forget", "retain"), number: int = 0) -> QuadraticStep:
    """Losses of full curvature around random centres, and random parameters."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=generator)

    terms = {name: Quadratic(drawn(SIZE, SIZE), drawn(SIZE)) for name in names}
    return QuadraticStep(terms, [drawn(*shape) for shape in SHAPES], number)


def given_step(number: int = 0, **gradients: Sequence[float]) -> QuadraticStep:
    """A step whose terms have exactly these gradients (at parameters zero, with unit curvature)."""
    terms = {name: _pulling(way) for name, way in gradients.items()}
    size = len(next(iter(terms.values())).centre)
    return QuadraticStep(terms, [torch.zeros(size, dtype=torch.float64)], number)


def _pulling(gradient: Sequence[float]) -> Quadratic:
    wanted = torch.tensor(gradient, dtype=torch.float64)
    return Quadratic(torch.eye(len(gradient), dtype=torch.float64), -wanted)


def direction(update: Update, step: QuadraticStep) -> Tensor:
    """The update's first direction as one vector."""
    return flat(update(step, update.init(tuple(step.parameters)))[0])


def walk(update: Update, seed: int, steps: range, state: State, parameters: list[Tensor], lr: float = 0.01) -> State:
    """Plain gradient descent with the update over the steps of these numbers, each with losses of its own."""
    for number in steps:
        step = random_step(seed + number, number=number)
        step.parameters, step.total = parameters, 2  # soon past every warm-up
        gradient, state = update(step, state)
        for parameter, way in zip(parameters, gradient, strict=True):
            parameter.sub_(lr * way)
    return state
