"""The closed form of UniErase's edit: what it protects, and the ridge regression that it is without protection."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from benign.errors import UserError
from benign.parts.edits.null_space import free_directions, rewriting


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def moment(keys: Tensor) -> Tensor:
    return keys @ keys.T / keys.shape[1]


def test_the_projector_is_one_and_takes_protected_inputs_away() -> None:
    protected = random(12, 5)
    q = free_directions(moment(protected), 1e-6)
    assert q.shape == (12, 12 - 5)
    torch.testing.assert_close(q.T @ q, torch.eye(7, dtype=torch.float64))
    assert float((q.T @ protected).abs().max()) < 1e-12


def test_directions_under_the_threshold_are_free_and_the_others_are_not() -> None:
    q = free_directions(torch.diag(torch.tensor([0.5, 0.019, 0.021])), 0.02)
    torch.testing.assert_close(q @ q.T, torch.diag(torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)))
    with pytest.raises(UserError, match=r"the smallest eigenvalue is 0\.5"):
        free_directions(torch.eye(3) / 2, 0.02)


def test_protected_inputs_keep_their_outputs_and_the_keys_get_new_ones() -> None:
    protected, keys, residual = random(20, 9), random(20, 4, seed=1), random(6, 4, seed=2)
    q = free_directions(moment(protected), 1e-9)
    change = rewriting(q, keys, residual, torch.zeros(20, 20), ridge=1e-9)
    assert float((change @ protected).abs().max()) < 1e-10
    torch.testing.assert_close(change @ keys, residual, rtol=1e-5, atol=1e-5)


def test_it_is_the_published_formula() -> None:
    protected, keys, residual = random(10, 4), random(10, 3, seed=1), random(5, 3, seed=2)
    earlier, eye = random(10, 2, seed=3), torch.eye(10, dtype=torch.float64)
    q = free_directions(moment(protected), 1e-6)
    p, past = q @ q.T, earlier @ earlier.T
    published = torch.linalg.solve(p @ (keys @ keys.T + past) + 0.5 * eye, p @ keys @ residual.T).T
    torch.testing.assert_close(rewriting(q, keys, residual, past, 0.5), published)


@pytest.mark.parametrize("ridge", [0.1, 10.0])
def test_without_protection_it_is_ridge_regression(ridge: float) -> None:
    keys, residual = random(8, 5), random(3, 5, seed=1)
    found = rewriting(torch.eye(8), keys, residual, torch.zeros(8, 8), ridge)
    expected = residual @ keys.T @ torch.linalg.inv(keys @ keys.T + ridge * torch.eye(8, dtype=torch.float64))
    torch.testing.assert_close(found, expected)
    # The gradient of |D K - R|^2 + ridge |D|^2 vanishes there.
    gradient = (found @ keys - residual) @ keys.T + ridge * found
    assert float(gradient.abs().max()) < 1e-10


def test_a_ridge_without_end_changes_nothing() -> None:
    keys, residual = random(8, 5), random(3, 5, seed=1)
    sizes = [float(rewriting(torch.eye(8), keys, residual, torch.zeros(8, 8), r).norm()) for r in (1.0, 1e3, 1e9)]
    assert sizes[0] > 10 * sizes[1] and sizes[2] < 1e-6


@pytest.mark.parametrize("ridge", [0.0, -1.0, float("nan")])
def test_without_a_ridge_there_is_no_one_change(ridge: float) -> None:
    with pytest.raises(UserError, match="the ridge must be above 0"):
        rewriting(torch.eye(8), random(8, 2), random(3, 2, seed=1), torch.zeros(8, 8), ridge)


def test_earlier_keys_hold_the_change_back() -> None:
    earlier, keys, residual = random(8, 3), random(8, 2, seed=1), random(4, 2, seed=2)
    moved = [
        float((rewriting(torch.eye(8), keys, residual, past, 0.1) @ earlier).norm())
        for past in (torch.zeros(8, 8), earlier @ earlier.T, 1e6 * earlier @ earlier.T)
    ]
    assert moved[0] > moved[1] > moved[2] and moved[2] < 1e-4 * moved[0]
