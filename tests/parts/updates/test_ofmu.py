"""OFMU's two loops: by hand on quadratics, by automatic differentiation on curved losses, and its limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

from benign.errors import UserError
from benign.models.measured import Numbers
from benign.parts.updates import Gradient
from benign.parts.updates.ofmu import PenaltyBilevel
from benign.parts.updates.sides import sides
from tests.parts.updates.quadratic import direction, flat, random_step

Loss = Callable[[Tensor], Tensor]


@dataclass
class CurvedStep:
    """A step of any losses of one float64 vector, by automatic differentiation."""

    terms: Mapping[str, Loss]
    theta: Tensor
    number: int = 0
    total: int = 10
    curvature: Sequence[Numbers] = field(default_factory=list)

    @property
    def names(self) -> Sequence[str]:
        return list(self.terms)

    def sum(self, weights: Mapping[str, float] | None = None) -> Gradient:
        chosen = dict.fromkeys(self.names, 1.0) if weights is None else weights
        parts = self.gradients(list(chosen))
        return (torch.stack([weight * parts[name][0] for name, weight in chosen.items()]).sum(0),)

    def gradients(self, names: Sequence[str] | None = None) -> dict[str, Gradient]:
        return {name: (torch.func.grad(self.terms[name])(self.theta),) for name in names or self.names}

    def curved(self, directions: Mapping[str, Gradient]) -> Gradient:
        bent = [torch.func.hessian(self.terms[name])(self.theta) @ way[0] for name, way in directions.items()]
        return (torch.stack(bent).sum(0),)

    def losses(self) -> dict[str, float]:
        return {name: float(term(self.theta)) for name, term in self.terms.items()}

    def scale(self) -> Gradient | None:
        return None

    @contextmanager
    def moved(self, offset: Gradient) -> Iterator[None]:
        before = self.theta
        self.theta = before + offset[0]
        yield
        self.theta = before


def wavy(seed: int) -> CurvedStep:
    generator = torch.Generator().manual_seed(seed)
    a, b = (torch.randn(6, 6, generator=generator, dtype=torch.float64) for _ in range(2))
    theta = torch.randn(6, generator=generator, dtype=torch.float64)
    return CurvedStep(
        {"forget": lambda t: (a @ t).sin().sum(), "retain": lambda t: (b @ t).tanh().square().sum()}, theta
    )


def psi(step: CurvedStep, beta: float, squared: bool, held: Tensor | None = None) -> Loss:
    """What the inner loop descends, written down from the paper; with the keeping gradient held where it is given."""

    def value(theta: Tensor) -> Tensor:
        f, r = (torch.func.grad(term)(theta) for term in step.terms.values())
        r = r if held is None else held
        cosine = (f @ r) / (f.norm() * r.norm())
        return step.terms["forget"](theta) + (beta * cosine**2 if squared else -beta * cosine)

    return value


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("held", [False, True])
def test_the_inner_gradient_is_that_of_the_penalised_loss(held: bool, squared: bool) -> None:
    step = wavy(0)
    update = PenaltyBilevel(beta=0.7, similarity="squared" if squared else "cosine", held=held)
    chosen = sides(step.names, (), where="test")
    keep = step.gradients(["retain"])["retain"] if held else None
    for asked in (None, keep):
        found = update.inner(step, chosen, asked)
        wanted = torch.func.grad(psi(step, 0.7, squared, keep[0] if keep else None))(step.theta)
        torch.testing.assert_close(found.slope[0], wanted)


@pytest.mark.parametrize("seed", range(2))
def test_the_outer_gradient_is_that_of_keeping_and_stationarity(seed: int) -> None:
    step = wavy(seed)
    chosen = sides(step.names, (), where="test")
    slope = torch.func.grad(psi(step, 0.3, squared=False))

    def whole(theta: Tensor) -> Tensor:
        return step.terms["retain"](theta) + 0.4 * slope(theta).square().sum()

    by_difference = PenaltyBilevel(beta=0.3, rho=0.4, held=False, curvature="difference").outer(step, chosen)[0]
    torch.testing.assert_close(by_difference, torch.func.grad(whole)(step.theta), rtol=1e-6, atol=1e-7)

    def plain(theta: Tensor) -> Tensor:
        return step.terms["retain"](theta) + 0.4 * torch.func.grad(step.terms["forget"])(theta).square().sum()

    exact = PenaltyBilevel(beta=0.0, rho=0.4).outer(step, chosen)[0]
    torch.testing.assert_close(exact, torch.func.grad(plain)(step.theta))


def test_without_penalties_it_is_steps_of_forgetting_and_then_one_of_keeping() -> None:
    step = random_step(1)
    theta = torch.cat([p.flatten() for p in step.parameters])
    walked = theta.clone()
    for _ in range(3):
        walked = walked - 1e-3 * step.terms["forget"].gradient(walked)
    walked = walked - 2e-3 * step.terms["retain"].gradient(walked)
    found = direction(PenaltyBilevel(3, 1e-3, 2e-3, beta=0.0, rho=0.0), step)
    torch.testing.assert_close(theta - 1e-3 * found, walked)


def test_stationarity_alone_makes_the_inner_gradient_shorter() -> None:
    step = wavy(4)
    chosen = sides(step.names, (), where="test")
    update = PenaltyBilevel(beta=0.0, rho=1.0)
    way = flat(update.outer(step, chosen)) - flat(step.gradients(["retain"])["retain"])
    before = step.gradients(["forget"])["forget"][0].norm()
    with step.moved((-1e-3 * way,)):
        assert step.gradients(["forget"])["forget"][0].norm() < before


@pytest.mark.parametrize(("similarity", "end"), [("squared", 0.0), ("cosine", 0.94)])
def test_the_similarity_turns_the_gradients(similarity: str, end: float) -> None:
    # Two bowls in the plane: walking down the similarity alone turns the gradients apart, or along.
    bend, top = torch.diag(torch.tensor([1.0, 3.0])).double(), torch.tensor([2.0, 1.0]).double()
    step = CurvedStep(
        {"forget": lambda t: 0.5 * t @ bend @ t, "retain": lambda t: 0.5 * (t - top).square().sum()},
        torch.tensor([1.5, -0.7]).double(),
    )
    update = PenaltyBilevel(beta=1.0, similarity=similarity, held=False)  # type: ignore[arg-type]
    chosen = sides(step.names, (), where="test")
    started = update.inner(step, chosen).cosine
    for _ in range(60):
        slope = update.inner(step, chosen).slope[0] - step.gradients(["forget"])["forget"][0]
        step.theta = step.theta - 0.1 * slope
    assert abs(started - end) > 0.3
    assert update.inner(step, chosen).cosine == pytest.approx(end, abs=0.03)


def test_rho_grows_with_the_steps() -> None:
    grown = [
        direction(PenaltyBilevel(1, 1e-6, 1e-6, beta=0.0, rho=0.1, growth=2.0), random_step(2, number=number))
        for number in (0, 1, 3)
    ]
    torch.testing.assert_close(grown[2] - grown[0], 7 * (grown[1] - grown[0]), rtol=1e-4, atol=1e-6)


def test_a_rate_of_zero_is_refused() -> None:
    with pytest.raises(UserError, match="must be above 0"):
        direction(PenaltyBilevel(inner_rate=0.0), random_step(3))
