"""Objectives: closed forms on a two-token vocabulary and at the reference, finite differences in float64."""

import math

import pytest
import torch

from benign.data.answers import Answers
from benign.parts.objectives import Objective
from benign.parts.objectives.cross_entropy import CrossEntropy
from benign.parts.objectives.grad_ascent import GradientAscent
from benign.parts.objectives.kl import KLToReference
from benign.parts.objectives.npo import NegativePreference

EVERY = [CrossEntropy(), GradientAscent(), NegativePreference(0.1), NegativePreference(0.5), KLToReference()]


def answers(logits: torch.Tensor, reference: torch.Tensor | None = None) -> Answers:
    """Five rows of two records over the given vocabulary."""
    labels = torch.tensor([0, 1, 1, 0, 1])
    return Answers(logits, labels, torch.tensor([0, 0, 0, 1, 1]), 2, reference)


def test_cross_entropy_at_uniform_logits_is_log_of_the_vocabulary() -> None:
    assert float(CrossEntropy()(answers(torch.zeros(5, 7)))) == pytest.approx(math.log(7))


def test_cross_entropy_on_two_tokens_by_hand() -> None:
    # p(token 1) = 3/4 in every row: two rows are labelled 0 and three are labelled 1.
    logits = torch.tensor([[0.0, math.log(3.0)]]).repeat(5, 1)
    expected = -(2 * math.log(1 / 4) + 3 * math.log(3 / 4)) / 5
    assert float(CrossEntropy()(answers(logits))) == pytest.approx(expected)
    assert float(GradientAscent()(answers(logits))) == pytest.approx(-expected)


@pytest.mark.parametrize("beta", [0.1, 0.5, 2.0])
def test_npo_at_the_reference_is_two_over_beta_log_two(beta: float) -> None:
    logits = torch.randn(5, 7, generator=torch.Generator().manual_seed(0))
    loss = NegativePreference(beta)(answers(logits, logits.log_softmax(-1)))
    assert float(loss) == pytest.approx(2 / beta * math.log(2))


def test_npo_by_hand_on_two_records() -> None:
    # Uniform over two tokens against a reference with p = 1/4 for token 0 and 3/4 for token 1:
    # record 0 (labels 0 1 1): 3 log(1/2) - log(1/4) - 2 log(3/4);
    # record 1 (labels 0 1): 2 log(1/2) - log(1/4) - log(3/4).
    reference = torch.tensor([[math.log(1 / 4), math.log(3 / 4)]]).repeat(5, 1)
    gaps = [
        3 * math.log(0.5) - math.log(0.25) - 2 * math.log(0.75),
        2 * math.log(0.5) - math.log(0.25) - math.log(0.75),
    ]
    expected = sum(-(2 / 0.5) * math.log(1 / (1 + math.exp(0.5 * gap))) for gap in gaps) / 2
    assert float(NegativePreference(0.5)(answers(torch.zeros(5, 2), reference))) == pytest.approx(expected, rel=1e-6)


def test_npo_gradient_at_the_reference_is_that_of_summed_gradient_ascent() -> None:
    logits = torch.randn(5, 7, dtype=torch.float64, requires_grad=True)
    reference = logits.detach().log_softmax(-1)
    (npo,) = torch.autograd.grad(NegativePreference(0.3)(answers(logits, reference)), logits)
    (ascent,) = torch.autograd.grad(answers(logits).logp_per_record.mean(), logits)
    torch.testing.assert_close(npo, ascent)


def test_kl_is_zero_at_the_reference_and_has_no_gradient_there() -> None:
    logits = torch.randn(5, 7, dtype=torch.float64, requires_grad=True)
    loss = KLToReference()(answers(logits, logits.detach().log_softmax(-1)))
    (gradient,) = torch.autograd.grad(loss, logits)
    assert float(loss.detach()) == pytest.approx(0.0, abs=1e-12)
    assert float(gradient.abs().max()) < 1e-12


def test_kl_by_hand() -> None:
    # reference (1/4, 3/4) against uniform (1/2, 1/2): 1/4 log(1/2) + 3/4 log(3/2).
    reference = torch.tensor([[math.log(1 / 4), math.log(3 / 4)]]).repeat(5, 1)
    expected = 0.25 * math.log(0.5) + 0.75 * math.log(1.5)
    assert float(KLToReference()(answers(torch.zeros(5, 2), reference))) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("objective", EVERY, ids=repr)
def test_gradient_equals_finite_differences(objective: Objective) -> None:
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(5, 4, dtype=torch.float64, generator=generator, requires_grad=True)
    reference = torch.randn(5, 4, dtype=torch.float64, generator=generator).log_softmax(-1)
    assert torch.autograd.gradcheck(lambda x: objective(answers(x, reference)), (logits,))


@pytest.mark.parametrize("objective", EVERY, ids=repr)
def test_the_order_of_rows_does_not_matter(objective: Objective) -> None:
    generator = torch.Generator().manual_seed(2)
    logits, reference = torch.randn(5, 4, generator=generator), torch.randn(5, 4, generator=generator).log_softmax(-1)
    whole = answers(logits, reference)
    order = torch.tensor([3, 0, 4, 2, 1])
    mixed = Answers(logits[order], whole.labels[order], whole.owner[order], 2, reference[order])
    torch.testing.assert_close(objective(whole), objective(mixed))


@pytest.mark.parametrize("objective", EVERY, ids=repr)
def test_a_batch_is_the_weighted_mean_of_its_records(objective: Objective) -> None:
    generator = torch.Generator().manual_seed(4)
    logits, reference = torch.randn(5, 4, generator=generator), torch.randn(5, 4, generator=generator).log_softmax(-1)
    whole = answers(logits, reference)
    first = Answers(logits[:3], whole.labels[:3], torch.zeros(3, dtype=torch.long), 1, reference[:3])
    second = Answers(logits[3:], whole.labels[3:], torch.zeros(2, dtype=torch.long), 1, reference[3:])
    shares = (3 / 5, 2 / 5) if objective.mean_over == "rows" else (1 / 2, 1 / 2)
    joined = shares[0] * objective(first) + shares[1] * objective(second)
    torch.testing.assert_close(objective(whole), joined)


def test_kl_without_a_reference_is_refused() -> None:
    with pytest.raises(ValueError, match="reference"):
        KLToReference()(answers(torch.zeros(5, 2)))
