"""Gauss-Newton steps: the dense solve, its limits, and what it is for."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from benign.errors import UserError
from benign.models.measured import Numbers
from benign.parts.updates.gauss_newton import GaussNewton, divergence
from tests.parts.updates.quadratic import QuadraticStep, direction, flat, random_step


def curved(seed: int) -> QuadraticStep:
    """A step with a random curvature of its first parameter [3, 2] and of its second one [4]."""
    generator = torch.Generator().manual_seed(seed)

    def basis(size: int) -> Tensor:
        return torch.linalg.qr(torch.randn(size, size, generator=generator, dtype=torch.float64))[0]

    step = random_step(seed)
    numbers: list[Numbers] = []
    for tall, wide in ((3, 2), (4, 1)):
        values = 10 ** (4 * torch.rand(tall, wide, generator=generator, dtype=torch.float64) - 3)
        numbers.append({"outputs": basis(tall), "inputs": basis(wide), "values": values})
    step.curvature = numbers
    return step


def dense(step: QuadraticStep) -> Tensor:
    """[10, 10] the same curvature as one matrix."""
    blocks = []
    for found in step.curvature:
        bases = torch.kron(found["outputs"], found["inputs"])
        blocks.append(bases @ torch.diag(found["values"].flatten()) @ bases.T)
    return torch.block_diag(*blocks)


@pytest.mark.parametrize("damping", [1e-3, 0.1, 10.0])
def test_it_is_the_dense_solve(damping: float) -> None:
    step = curved(1)
    matrix, gradient = dense(step), flat(step.sum())
    mean = float(matrix.diagonal().mean())
    solved = torch.linalg.solve(matrix + damping * mean * torch.eye(10).double(), gradient)
    torch.testing.assert_close(direction(GaussNewton(damping), step), (1 + damping) * mean * solved)


def test_endless_damping_is_gradient_descent() -> None:
    step = curved(2)
    torch.testing.assert_close(direction(GaussNewton(1e9), step), flat(step.sum()), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_at_the_same_gain_less_of_what_is_kept_changes(seed: int) -> None:
    step = curved(seed)
    gradient = flat(step.sum())

    def change_per_gain(way: Tensor) -> float:
        return float(way @ dense(step) @ way) / float(way @ gradient) ** 2

    assert change_per_gain(direction(GaussNewton(1e-3), step)) < 0.5 * change_per_gain(gradient)


def test_the_budget_is_the_predicted_change() -> None:
    step = curved(4)
    free, bound = (GaussNewton(0.1, budget)(step, GaussNewton().init(()))[0] for budget in (None, 0.02))
    assert divergence(bound, step.curvature) == pytest.approx(0.02)
    way = flat(bound)
    assert divergence(bound, step.curvature) == pytest.approx(0.5 * float(way @ dense(step) @ way))
    torch.testing.assert_close(flat(free) / flat(free).norm(), way / way.norm())


def test_what_the_curvature_does_not_cover_stays() -> None:
    step = curved(5)
    step.curvature = [step.curvature[0], {}]
    moved, still = GaussNewton()(step, GaussNewton().init(()))[0]
    assert bool(moved.any()) and not bool(still.any())


def test_without_a_curvature_it_says_what_is_missing() -> None:
    step = random_step(6)
    step.curvature = [{}, {}]
    with pytest.raises(UserError, match=r"nothing that moves has a measured curvature.*kfade"):
        direction(GaussNewton(), step)
    with pytest.raises(UserError, match="damping must be above 0"):
        direction(GaussNewton(0.0), random_step(6))
    with pytest.raises(UserError, match="budget must be above 0, got -1"):
        direction(GaussNewton(budget=-1.0), random_step(6))
