from __future__ import annotations

import pytest
import torch
from torch import Tensor

from benign.data import softmax
from benign.data.softmax import divergence, label_logp


def logits(seed: int, rows: int = 5, vocabulary: int = 7) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(rows, vocabulary, generator=draw, dtype=torch.float64)


LABELS = torch.tensor([0, 6, 3, 3, 1])
REFERENCE = logits(1).log_softmax(-1)


@pytest.fixture(params=[1, 14, 10**6], ids=["row by row", "two rows at a time", "at once"])
def entries(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(softmax, "_CPU_ENTRIES", request.param)


def gradient(loss: Tensor, leaf: Tensor) -> Tensor:
    (found,) = torch.autograd.grad(loss, leaf)
    return found


@pytest.mark.usefixtures("entries")
def test_the_labels_probability_and_its_gradient_are_those_of_log_softmax() -> None:
    leaf, weights = logits(0).requires_grad_(), torch.arange(1.0, 6.0, dtype=torch.float64)
    ours, plain = label_logp(leaf, LABELS), leaf.log_softmax(-1)[torch.arange(5), LABELS]
    torch.testing.assert_close(ours, plain)
    torch.testing.assert_close(gradient((weights * ours).sum(), leaf), gradient((weights * plain).sum(), leaf))


@pytest.mark.usefixtures("entries")
def test_the_divergence_and_its_gradient_are_those_of_the_formula() -> None:
    leaf, weights = logits(0).requires_grad_(), torch.arange(1.0, 6.0, dtype=torch.float64)
    ours, plain = divergence(REFERENCE, leaf), (REFERENCE.exp() * (REFERENCE - leaf.log_softmax(-1))).sum(-1)
    torch.testing.assert_close(ours, plain)
    torch.testing.assert_close(gradient((weights * ours).sum(), leaf), gradient((weights * plain).sum(), leaf))


def test_both_agree_with_finite_differences() -> None:
    leaf = logits(2).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: label_logp(x, LABELS), leaf)
    assert torch.autograd.gradcheck(lambda x: divergence(REFERENCE, x), leaf)


def test_a_token_that_is_ruled_out_has_no_gradient() -> None:
    leaf = torch.tensor([[0.0, 0.0, float("-inf")]]).requires_grad_()
    logp = label_logp(leaf, torch.tensor([1]))
    torch.testing.assert_close(logp.exp(), torch.tensor([0.5]))
    torch.testing.assert_close(gradient(logp.sum(), leaf), torch.tensor([[-0.5, 0.5, 0.0]]))


def test_no_rows_are_no_numbers() -> None:
    assert label_logp(logits(0)[:0], LABELS[:0]).tolist() == divergence(REFERENCE[:0], logits(0)[:0]).tolist() == []


def test_the_gradients_can_be_derived_again() -> None:
    generator = torch.Generator().manual_seed(5)
    logits = torch.randn(3, 5, dtype=torch.float64, generator=generator, requires_grad=True)
    reference = torch.randn(3, 5, dtype=torch.float64, generator=generator).log_softmax(-1)
    labels = torch.tensor([0, 4, 2])
    assert torch.autograd.gradgradcheck(lambda x: softmax.label_logp(x, labels), (logits,))
    assert torch.autograd.gradgradcheck(lambda x: softmax.divergence(reference, x), (logits,))
