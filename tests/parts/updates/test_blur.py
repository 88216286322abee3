"""BLUR's direction: by hand, and its identities for any two gradients."""

from __future__ import annotations

import pytest
import torch

from benign.parts.updates.blur import ForgetFirst
from tests.parts.updates.quadratic import direction, flat, given_step, random_step


def test_hand_worked_with_and_without_conflict() -> None:
    # <(1, 2), (2, 0)> = 2, so half of (2, 0) goes: (0, 2) + gamma (2, 0), although the two agree.
    agreeing = given_step(forget=[2.0, 0.0], retain=[1.0, 2.0])
    assert direction(ForgetFirst(gamma=1.5), agreeing).tolist() == [3.0, 2.0]
    assert direction(ForgetFirst(), given_step(forget=[2.0, 0.0], retain=[-5.0, 2.0])).tolist() == [2.0, 2.0]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("gamma", [0.0, 0.25, 1.0, 7.0])
def test_forgetting_goes_on_at_gamma_times_its_own_pace(seed: int, gamma: float) -> None:
    step = random_step(seed)
    forget, keep = (flat(way) for way in step.gradients().values())
    found = direction(ForgetFirst(gamma), step)
    assert float(found @ forget) == pytest.approx(gamma * float(forget @ forget), abs=1e-9)
    off = found - gamma * forget
    assert float(off @ off) == pytest.approx(float(off @ keep))  # what is left of keep is its projection


def test_parallel_orthogonal_and_zero() -> None:
    assert direction(ForgetFirst(), given_step(forget=[1.0, 0.0], retain=[-4.0, 0.0])).tolist() == [1.0, 0.0]
    assert direction(ForgetFirst(), given_step(forget=[1.0, 0.0], retain=[0.0, 3.0])).tolist() == [1.0, 3.0]
    assert direction(ForgetFirst(), given_step(forget=[0.0, 0.0], retain=[2.0, 3.0])).tolist() == [2.0, 3.0]


def test_the_kept_part_does_not_depend_on_the_length_of_the_forget_gradient() -> None:
    ways = [
        direction(ForgetFirst(0.0), given_step(forget=[s * 1.0, s * 3.0], retain=[2.0, -1.0])) for s in (1e-4, 1, 1e4)
    ]
    torch.testing.assert_close(ways[0], ways[1])
    torch.testing.assert_close(ways[1], ways[2])


@pytest.mark.parametrize("alpha", [1.0, 800.0, 1200.0])
def test_the_official_form_for_rmu_is_gamma_one_over_alpha_up_to_scale(alpha: float) -> None:
    step = random_step(5)
    forget, keep = (flat(way) for way in step.gradients().values())
    theirs = forget + alpha * (keep - (keep @ forget) / (forget @ forget) * forget)
    torch.testing.assert_close(alpha * direction(ForgetFirst(1 / alpha), step), theirs)


def test_the_roles_are_swapped_by_naming_what_keeps() -> None:
    step = random_step(6)
    forget, keep = (flat(way) for way in step.gradients().values())
    swapped = direction(ForgetFirst(0.5, forget=("retain",)), step)
    torch.testing.assert_close(swapped, forget - (keep @ forget) / (keep @ keep) * keep + 0.5 * keep)
