"""The router anchor: 0 at one-hot, 2 at another one-hot, and MSE times the number of experts."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from benign.data.answers import Answers
from benign.parts.objectives.router_anchor import RouterAnchor


def loss(routing: Tensor, expert: int, *, per_expert: bool = False) -> float:
    rows, experts = routing.shape
    answers = Answers(
        torch.zeros(rows, 2), torch.zeros(rows, dtype=torch.long), torch.zeros(rows, dtype=torch.long), 1,
        routing=routing.double(), anchor=torch.eye(experts, dtype=torch.float64)[expert],
    )  # fmt: skip
    return float(RouterAnchor(per_expert)(answers))


def test_it_is_zero_at_the_expert_two_at_another_and_known_where_all_are_alike() -> None:
    sure = torch.eye(4)[[1, 1, 1]]
    assert loss(sure, 1) == 0.0
    assert loss(sure, 2) == pytest.approx(2.0)
    # (1 - 1/4)^2 + 3 / 16
    assert loss(torch.full((3, 4), 0.25), 0) == pytest.approx(0.75)


def test_per_expert_it_is_the_mean_squared_error_of_the_official_code() -> None:
    routing = torch.randn(5, 6, generator=torch.Generator().manual_seed(0)).softmax(-1)
    chosen = torch.zeros(5, 6).index_fill_(1, torch.tensor([3]), 1.0)
    mse = float(torch.nn.functional.mse_loss(chosen, routing))
    assert loss(routing, 3, per_expert=True) == pytest.approx(mse, rel=1e-6)
    assert loss(routing, 3) == pytest.approx(6 * mse, rel=1e-6)
