"""Kronecker-factored curvature: exact where it must be, its diagonal always."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from benign.models.measured import Numbers
from benign.parts.statistics.kronecker import Kronecker
from benign.parts.updates.gauss_newton import divergence

Pair = tuple[Tensor, Tensor]
"""[tokens, in] inputs and [tokens, out] gradients of one record."""


def drawn(tokens: int, seed: int) -> Pair:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(tokens, 4, generator=generator, dtype=torch.float64)
    mix = torch.randn(4, 3, generator=generator, dtype=torch.float64)
    return x, x @ mix + 0.3 * torch.randn(tokens, 3, generator=generator, dtype=torch.float64)


def measured(records: list[Pair], statistic: Kronecker, answer_tokens: int) -> Numbers:
    """Both passes, as the engine makes them."""
    parts = [statistic.part(x, g) for x, g in records]
    tokens = sum(len(x) for x, _ in records)
    found = statistic.whole({n: sum(p[n] for p in parts) for n in parts[0]}, tokens, answer_tokens)
    more = [statistic.again(found, x, g) for x, g in records]
    return statistic.refined(found, {n: sum(p[n] for p in more) for n in more[0]}, answer_tokens)


def dense(found: Numbers) -> Tensor:
    """[out * in, out * in] the curvature of the flattened weight that the numbers say."""
    bases = torch.kron(found["outputs"].double(), found["inputs"].double())
    return bases @ torch.diag(found["values"].double().flatten()) @ bases.T


def exact(records: list[Pair], answer_tokens: int) -> Tensor:
    """The same from the records' own gradients of the weight."""
    ways = torch.stack([(g.T @ x).flatten() for x, g in records])
    return ways.T @ ways / answer_tokens


@pytest.mark.parametrize("corrected", [True, False])
def test_of_one_token_it_is_the_whole_matrix(corrected: bool) -> None:
    records = [drawn(1, 0)]
    found = measured(records, Kronecker(corrected=corrected), 1)
    torch.testing.assert_close(dense(found), exact(records, 1), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("corrected", [True, False])
def test_of_independent_inputs_and_gradients_it_is_the_whole_matrix(corrected: bool) -> None:
    x, g = drawn(5, 1)[0], drawn(6, 2)[1]
    records = [(one[None], other[None]) for one in x for other in g]  # every input with every gradient
    found = measured(records, Kronecker(corrected=corrected), len(records))
    torch.testing.assert_close(dense(found), exact(records, len(records)), rtol=1e-4, atol=1e-4)


def test_the_values_are_the_matrix_along_each_pair_and_nearer_to_it_than_the_products() -> None:
    records = [drawn(3, seed) for seed in range(7)]
    whole = exact(records, 11)
    measured_values, products = (measured(records, Kronecker(corrected=c), 11) for c in (True, False))
    bases = torch.kron(measured_values["outputs"].double(), measured_values["inputs"].double())
    along = (bases.T @ whole @ bases).diagonal().reshape(3, 4)
    torch.testing.assert_close(measured_values["values"].double(), along, rtol=1e-4, atol=1e-5)
    assert float((dense(measured_values) - whole).norm()) < 0.95 * float((dense(products) - whole).norm())


def test_it_predicts_the_divergence_of_a_softmax_to_second_order() -> None:
    x, weight = drawn(1, 3)[0], drawn(3, 4)[0]  # logits = weight x
    chances = (x @ weight.T).softmax(-1)[0]
    # Every label with the root of its chance: the drawing's expectation without its noise.
    ways = torch.sqrt(chances)[:, None] * (torch.eye(3).double() - chances)
    found = measured([(x.expand(3, 4), ways)], Kronecker(corrected=False), 1)
    moved = drawn(3, 5)[0]
    for size, close in ((1e-2, 2e-2), (1e-3, 2e-3)):
        before, after = ((x @ w.T).log_softmax(-1) for w in (weight, weight + size * moved))
        change = float((before.exp() * (before - after)).sum())
        # float32 numbers, and a third-order rest that shrinks with the move
        assert divergence((size * moved,), [found]) == pytest.approx(change, rel=close)


def test_the_noise_has_the_covariance_of_a_drawn_label() -> None:
    logits = torch.tensor([2.0, 0.5, -1.0, 4.0]).double().expand(40_000, 4)
    noise = Kronecker().pull(logits, torch.zeros(40_000).long(), place=0)
    chances = logits[0].softmax(-1)
    torch.testing.assert_close(noise.T @ noise / 40_000, chances.diag() - chances.outer(chances), rtol=0.05, atol=2e-3)
    torch.testing.assert_close(noise.sum(-1), torch.zeros(40_000).double(), atol=1e-6, rtol=0)
