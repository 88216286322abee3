"""GU: one coefficient, orthogonal in the optimiser's metric, so that forgetting leaves the kept loss to first order."""

from __future__ import annotations

import pytest
import torch

from benign.parts.updates.gu import GeometricDisentanglement
from tests.parts.updates.quadratic import QuadraticStep, direction, flat, given_step, random_step


def scaled(step: QuadraticStep, seed: int) -> QuadraticStep:
    """The step before an optimiser that divides by numbers between 0.01 and 100."""
    generator = torch.Generator().manual_seed(seed)
    step.divisor = tuple(
        10 ** (4 * torch.rand(p.shape, generator=generator, dtype=torch.float64) - 2) for p in step.parameters
    )
    return step


def test_hand_worked_in_the_plain_metric() -> None:
    # c = <(3, 1), (2, 0)> / 4 = 3/2: f off r = (0, 1), although the two agree; plus r.
    assert direction(GeometricDisentanglement("plain"), given_step(forget=[3.0, 1.0], retain=[2.0, 0.0])).tolist() == [
        2.0,
        1.0,
    ]


@pytest.mark.parametrize("alpha", [0.0, 1.0, 2.5])
def test_hand_worked_in_adams_metric(alpha: float) -> None:
    # H = (2, 1): <f, r>_H = 3*2/2 + 1*1 = 4, <r, r>_H = 4/2 + 1 = 3, c = 4/3 for every entry.
    step = given_step(forget=[3.0, 1.0], retain=[2.0, 1.0])
    step.divisor = (torch.tensor([2.0, 1.0]).double(),)
    expected = torch.tensor([3 - 8 / 3 + 2 * alpha, 1 - 4 / 3 + alpha]).double()
    torch.testing.assert_close(direction(GeometricDisentanglement(alpha=alpha), step), expected)


def test_before_the_first_step_the_metric_is_plain() -> None:
    step = random_step(3)
    torch.testing.assert_close(
        direction(GeometricDisentanglement(), step), direction(GeometricDisentanglement("plain"), step)
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_forget_part_is_orthogonal_with_one_coefficient_for_all_entries(seed: int) -> None:
    step = scaled(random_step(seed), seed)
    forget, keep = (flat(way) for way in step.gradients().values())
    assert step.divisor is not None
    off, scale = direction(GeometricDisentanglement(), step) - keep, flat(step.divisor)
    assert abs(float((off / scale) @ keep)) < 1e-10 * float((off / scale).norm() * keep.norm())
    assert abs(float(off @ keep)) > 1e-4 * float(off.norm() * keep.norm()), "the metric would not matter"
    along = (forget - off) / keep
    torch.testing.assert_close(along, along[:1].expand_as(along))


@pytest.mark.parametrize("seed", range(3))
def test_forgetting_alone_changes_the_kept_loss_with_the_square_of_the_rate(seed: int) -> None:
    step = scaled(random_step(seed), seed)
    assert step.divisor is not None

    def risen(update: GeometricDisentanglement, rate: float) -> float:
        """How much the kept loss changes by a step as the optimiser takes it."""
        gradient, _ = update(step, update.init(tuple(step.parameters)))
        before = step.losses()["retain"]
        offset = tuple(-rate * way / by for way, by in zip(gradient, step.divisor or (), strict=True))
        with step.moved(offset):
            return step.losses()["retain"] - before

    flat_metric, wrong_metric = GeometricDisentanglement(alpha=0.0), GeometricDisentanglement("plain", alpha=0.0)
    assert risen(flat_metric, 1e-4) / risen(flat_metric, 1e-5) == pytest.approx(100, rel=1e-2)
    assert risen(wrong_metric, 1e-7) / risen(wrong_metric, 1e-8) == pytest.approx(10, rel=1e-1)


def test_parallel_and_zero() -> None:
    update = GeometricDisentanglement("plain")
    assert direction(update, given_step(forget=[4.0, 0.0], retain=[1.0, 0.0])).tolist() == [1.0, 0.0]
    assert direction(update, given_step(forget=[4.0, 1.0], retain=[0.0, 0.0])).tolist() == [4.0, 1.0]
