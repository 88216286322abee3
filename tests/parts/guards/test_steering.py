"""The steering's closed form: blind to retained states, one on forgotten ones, and the paper's matrix."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from benign.cli.settings import changed
from benign.errors import UserError
from benign.parts.guards.steering import Steering, gate, lifted_gate, null_space, random_features


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).double()


RETAINED, FORGOTTEN = 5 * drawn(12, 30), 5 * drawn(8, 30, seed=1)


def test_the_null_space_is_what_retained_states_have_nothing_of() -> None:
    basis = null_space(RETAINED, 0.0)
    assert basis.shape == (30, 18)
    torch.testing.assert_close(basis.T @ basis, torch.eye(18).double())
    assert float((RETAINED @ basis).abs().max()) < 1e-12


def test_where_there_is_none_the_least_directions_stand_for_it() -> None:
    many = drawn(100, 30) * torch.linspace(0.1, 1, 30).double()
    assert null_space(many, 0.0).shape == (30, 3) and null_space(many, 0.5).shape == (30, 15)
    values = torch.linalg.svdvals(many)
    torch.testing.assert_close(torch.linalg.svdvals(many @ null_space(many, 0.5)), values[15:])


def test_the_reader_is_one_on_forgotten_states_and_nothing_on_retained_ones() -> None:
    """Eight forgotten states in 18 free directions: as the penalty goes to zero all of them are met."""
    reader = gate(FORGOTTEN, null_space(RETAINED, 0.0), 1e-9)
    torch.testing.assert_close(FORGOTTEN @ reader, torch.ones(8).double(), atol=1e-6, rtol=0)
    assert float((RETAINED @ reader).abs().max()) < 1e-10
    shy = [float((FORGOTTEN @ gate(FORGOTTEN, null_space(RETAINED, 0.0), ridge)).mean()) for ridge in (1.0, 1e2, 1e4)]
    assert shy == sorted(shy, reverse=True) and 0 < shy[-1] < 0.1


def test_it_is_the_published_matrix() -> None:
    """h W = (h . u) d for W = P (X^T X + ridge P^T P)^+ X^T D, X = H_f P, each row of D the direction d."""
    basis, direction = null_space(RETAINED, 0.0), drawn(30, seed=2)
    projector = basis @ basis.T
    seen = FORGOTTEN @ projector
    inner = torch.linalg.pinv(seen.T @ seen + 10.0 * projector, hermitian=True)
    matrix = projector @ inner @ seen.T @ direction.expand(8, 30)
    asked = drawn(5, 30, seed=3)
    tensors = {"0.5/reader": gate(FORGOTTEN, basis, 10.0), "0.5/direction": direction}
    torch.testing.assert_close(Steering(strength=2.0).shift(tensors, 0.5, asked), 2.0 * asked @ matrix)


@pytest.mark.parametrize("scale", [0.1, 10.0])
def test_retained_states_do_not_move(scale: float) -> None:
    """In float32, as it is deployed, for any mixture of retained states."""
    basis = null_space(RETAINED, 0.0)
    tensors = {"1/reader": gate(FORGOTTEN, basis, 1.0).float(), "1/direction": drawn(30, seed=2).float()}
    mixed = (scale * drawn(20, 12, seed=4) @ RETAINED / 12).float()
    assert float(Steering().shift(tensors, 1, mixed).norm(dim=-1).max() / mixed.norm(dim=-1).max()) < 1e-5


def test_each_layer_has_a_strength_of_its_own() -> None:
    assert changed(Steering((2, 0.5)), ["strength=7,-2"]) == Steering((2, 0.5), (7.0, -2.0))
    asked = drawn(4, 30, seed=3)
    tensors = {f"{layer}/{name}": drawn(30, seed=5) for layer in (2, 0.5) for name in ("reader", "direction")}
    one, two = (Steering((2, 0.5), strength).shift(tensors, 0.5, asked) for strength in (1.0, (7.0, -2.0)))
    torch.testing.assert_close(two, -2.0 * one)
    torch.testing.assert_close(Steering((2, 0.5), (7.0, -2.0)).shift(tensors, 2, asked), 7.0 * one)


@pytest.mark.parametrize(
    "settings",
    [
        {"layers": ()}, {"layers": (1, 1)}, {"layers": (0, 1), "strength": (1.0,)}, {"null_share": 1.0},
        {"null_share": -0.1}, {"lift": -1}, {"ridge": 0.0}, {"ridge": -1.0}, {"budget": 0.0}, {"steps": 0},
    ],
    ids=str,
)  # fmt: skip
def test_what_could_not_be_fitted_is_refused_when_it_is_made(settings: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        Steering(**settings)


@pytest.mark.parametrize("ridge", [1e-6, 1.0, 100.0])
def test_by_inner_products_it_is_the_same_reader(ridge: float) -> None:
    """With 30 features for 20 states both forms of the closed form exist."""
    wanted = gate(FORGOTTEN, null_space(RETAINED, 0.0), ridge)
    torch.testing.assert_close(lifted_gate(FORGOTTEN, RETAINED, ridge), wanted, atol=1e-7, rtol=1e-5)


def test_more_features_than_retained_records_have_a_null_space_again() -> None:
    """Sixty retained states fill a width of 30, and 200 rectified features of them do not."""
    many, guard = 5 * drawn(60, 30, seed=5), Steering(lift=200, ridge=1e-6)
    assert float((FORGOTTEN @ gate(FORGOTTEN, null_space(many, 0.0), 1e-6) - 1).abs().max()) > 0.05
    tensors = random_features(200, 30, seed=0) | {"0/centre": many.mean(0), "0/scale": many.std(0)}
    seen = [guard._read(tensors, 0, states) for states in (FORGOTTEN, many)]
    tensors["0/reader"], tensors["0/direction"] = guard._reader(*seen).float(), drawn(30, seed=2)
    known, kept = (guard.shift(tensors, 0, states.float()) for states in (FORGOTTEN, many))
    torch.testing.assert_close(known, tensors["0/direction"].float().expand(8, 30), atol=1e-3, rtol=1e-3)
    assert float(kept.abs().max()) < 1e-5
    with pytest.raises(UserError, match="60 retained records leave no null space"):
        Steering(lift=60)._reader(FORGOTTEN, many)
