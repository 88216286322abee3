"""Losses of single predictions: closed forms at uniform, at the reference, and by hand on two tokens."""

import math

import pytest
import torch
from torch import Tensor

from benign.data.answers import Answers
from benign.parts.objectives import Objective
from benign.parts.objectives.ceu import CrossEntropyUnlearning
from benign.parts.objectives.entropy import MaximumEntropy
from benign.parts.objectives.flatten import Flatten
from benign.parts.objectives.grad_ascent import GradientAscent
from benign.parts.objectives.inverted_hinge import InvertedHinge
from benign.parts.objectives.kl import KLToReference
from benign.parts.objectives.logit_margin import LogitMargin
from benign.parts.objectives.reverse_kl import ReverseKL
from benign.parts.objectives.satimp import SaturationImportance
from benign.parts.objectives.undial import AdjustedDistillation
from benign.parts.objectives.wga import WeightedAscent

QUARTERS = torch.tensor([[0.0, math.log(3.0)]], dtype=torch.float64)
"""Token 0 has the probability 1/4, token 1 3/4."""
LOG1, LOG3 = math.log(1 / 4), math.log(3 / 4)


def answers(logits: Tensor, reference: Tensor | None = None, labels: tuple[int, ...] = (0, 1, 1, 0, 1)) -> Answers:
    """Five rows of two records."""
    given = None if reference is None else reference.log_softmax(-1)
    return Answers(logits, torch.tensor(labels), torch.tensor([0, 0, 0, 1, 1]), 2, given)


def noise(seed: int, vocabulary: int = 6) -> Tensor:
    return torch.randn(5, vocabulary, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def gradient(objective: Objective, logits: Tensor, reference: Tensor | None = None) -> Tensor:
    at = logits.clone().requires_grad_()
    (found,) = torch.autograd.grad(objective(answers(at, reference)), at)
    return found


def test_reverse_kl_by_hand() -> None:
    # Model (1/2, 1/2) against reference (1/4, 3/4): 1/2 log 2 + 1/2 log 2/3.
    loss = float(ReverseKL()(answers(torch.zeros(5, 2, dtype=torch.float64), QUARTERS.repeat(5, 1))))
    assert loss == pytest.approx(0.5 * math.log(2) + 0.5 * math.log(2 / 3))


def test_reverse_kl_is_forward_kl_with_the_models_exchanged_and_zero_at_the_reference() -> None:
    model, reference = noise(0), noise(1)
    exchanged = float(KLToReference()(answers(reference, model)))
    assert float(ReverseKL()(answers(model, reference))) == pytest.approx(exchanged)
    assert float(ReverseKL()(answers(model, model))) == pytest.approx(0.0, abs=1e-12)


def test_undial_without_adjustment_is_the_references_entropy_there_and_kl_more_elsewhere() -> None:
    model, reference = noise(2), noise(3)
    logp = reference.log_softmax(-1)
    entropy = float(-(logp.exp() * logp).sum(-1).mean())
    assert float(AdjustedDistillation(0.0)(answers(reference, reference))) == pytest.approx(entropy)
    more = float(KLToReference()(answers(model, reference)))
    assert float(AdjustedDistillation(0.0)(answers(model, reference))) == pytest.approx(entropy + more)


def test_undial_by_hand() -> None:
    # The reference gives both tokens 1/2; lowered by log 3, the label keeps 1/4 and the other token has 3/4.
    model, reference = QUARTERS.repeat(5, 1), torch.zeros(5, 2, dtype=torch.float64)
    by_label = {0: -(LOG1 / 4 + LOG3 * 3 / 4), 1: -(LOG1 * 3 / 4 + LOG3 / 4)}
    expected = (2 * by_label[0] + 3 * by_label[1]) / 5
    assert float(AdjustedDistillation(math.log(3))(answers(model, reference))) == pytest.approx(expected)


def test_undial_rests_at_the_reference_with_the_labels_logit_lowered() -> None:
    reference = noise(4)
    labels = answers(reference).labels
    adjusted = reference.clone()
    adjusted[torch.arange(5), labels] -= 10.0
    assert float(gradient(AdjustedDistillation(), adjusted, reference).abs().max()) < 1e-12
    assert float(gradient(AdjustedDistillation(), reference, reference)[torch.arange(5), labels].min()) > 1e-3


def test_ceu_by_hand_on_two_tokens_is_learning_the_other_one() -> None:
    expected = -(2 * LOG3 + 3 * LOG1) / 5
    assert float(CrossEntropyUnlearning(0)(answers(QUARTERS.repeat(5, 1)))) == pytest.approx(expected)


def test_ceus_gradient_is_the_models_distribution_less_the_struck_out_one() -> None:
    logits = noise(5)
    struck = logits.clone()
    struck[torch.arange(5), answers(logits).labels] = float("-inf")
    expected = (logits.softmax(-1) - struck.softmax(-1)) / 5
    torch.testing.assert_close(gradient(CrossEntropyUnlearning(0), logits), expected)


def test_ceu_skips_the_first_tokens_of_each_answer_and_never_the_last() -> None:
    def rows_moved(skip: int) -> list[bool]:
        return [bool(row.abs().max() > 0) for row in gradient(CrossEntropyUnlearning(skip), noise(6))]

    assert rows_moved(0) == [True] * 5
    assert rows_moved(1) == [False, True, True, False, True]
    assert rows_moved(2) == [False, False, True, False, True]
    assert rows_moved(9) == [False, False, True, False, True]


def test_ceu_knows_the_first_tokens_of_interleaved_records() -> None:
    logits, owner = noise(7), torch.tensor([1, 0, 1, 0, 0])
    given = Answers(logits.requires_grad_(), torch.tensor([0, 1, 1, 0, 1]), owner, 2)
    (found,) = torch.autograd.grad(CrossEntropyUnlearning(1)(given), logits)
    assert [bool(row.abs().max() > 0) for row in found] == [False, False, True, True, True]


def test_wga_by_hand_and_without_weight_is_gradient_ascent() -> None:
    logits = QUARTERS.repeat(5, 1)
    assert float(WeightedAscent(1.0)(answers(logits))) == pytest.approx((2 * LOG1 / 4 + 3 * LOG3 * 3 / 4) / 5)
    torch.testing.assert_close(gradient(WeightedAscent(0.0), noise(8)), gradient(GradientAscent(), noise(8)))


def test_wgas_gradient_is_that_of_ascent_times_the_tokens_probability() -> None:
    logits = noise(9)
    weight = answers(logits).logp.exp()[:, None] ** 2
    torch.testing.assert_close(gradient(WeightedAscent(2.0), logits), weight * gradient(GradientAscent(), logits))


def test_satimp_by_hand() -> None:
    # p^5 (1 - p) log p at 1/4 and 3/4.
    expected = (2 * LOG1 * (1 / 4) ** 5 * 3 / 4 + 3 * LOG3 * (3 / 4) ** 5 / 4) / 5
    assert float(SaturationImportance()(answers(QUARTERS.repeat(5, 1)))) == pytest.approx(expected)


def test_satimp_without_importance_is_wga() -> None:
    found = gradient(SaturationImportance(0.5, 0.0), noise(10))
    torch.testing.assert_close(found, gradient(WeightedAscent(0.5), noise(10)))


def test_the_logit_margin_by_hand_and_blind_to_a_common_shift() -> None:
    # The largest logit is 2 above the mean of its row in two rows, and 4 in three.
    logits = torch.tensor([[0.0, 0.0, 3.0], [0.0, 0.0, 3.0], [0.0, 6.0, 0.0], [6.0, 0.0, 0.0], [0.0, 6.0, 0.0]])
    assert float(LogitMargin()(answers(logits))) == pytest.approx((2 * 2**2 + 3 * 4**2) / 5)
    assert float(LogitMargin()(answers(noise(11) + 7.0))) == pytest.approx(float(LogitMargin()(answers(noise(11)))))
    assert float(LogitMargin()(answers(torch.full((5, 6), 2.5)))) == 0.0


@pytest.mark.parametrize(
    ("objective", "expected"),
    [
        (Flatten(), -math.log(2) - (LOG1 + LOG3) / 2),
        (MaximumEntropy(), math.log(2) + LOG1 / 4 + LOG3 * 3 / 4),
    ],
)
def test_towards_uniform_by_hand(objective: Objective, expected: float) -> None:
    assert float(objective(answers(QUARTERS.repeat(5, 1)))) == pytest.approx(expected)


@pytest.mark.parametrize("objective", [Flatten(), MaximumEntropy(), LogitMargin()], ids=repr)
def test_towards_uniform_is_zero_there_and_positive_elsewhere(objective: Objective) -> None:
    assert float(objective(answers(torch.zeros(5, 6, dtype=torch.float64)))) == pytest.approx(0.0, abs=1e-12)
    assert float(objective(answers(noise(12)))) > 0.01


def test_towards_uniform_is_the_divergence_to_and_from_a_uniform_reference() -> None:
    model, uniform = noise(13), torch.zeros(5, 6, dtype=torch.float64)
    assert float(Flatten()(answers(model))) == pytest.approx(float(KLToReference()(answers(model, uniform))))
    assert float(MaximumEntropy()(answers(model))) == pytest.approx(float(ReverseKL()(answers(model, uniform))))


def test_entropy_is_bounded_where_flattening_is_not() -> None:
    sure = answers(torch.tensor([[0.0, 500.0]], dtype=torch.float64).repeat(5, 1))
    assert float(MaximumEntropy()(sure)) == pytest.approx(math.log(2))
    assert float(Flatten()(sure)) > 200


def test_inverted_hinge_by_hand() -> None:
    # Two rows say 0 (1 + 1/4 - 3/4), three say 1 (1 + 3/4 - 1/4); everything even is 1.
    assert float(InvertedHinge()(answers(QUARTERS.repeat(5, 1)))) == pytest.approx((2 * 0.5 + 3 * 1.5) / 5)
    assert float(InvertedHinge()(answers(torch.zeros(5, 7, dtype=torch.float64)))) == pytest.approx(1.0)
    # Of three tokens, it is the largest of the others that counts: 1/6, 2/6, 3/6 for the label 0.
    sixths = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64).log().repeat(5, 1)
    assert float(InvertedHinge()(answers(sixths, labels=(0,) * 5))) == pytest.approx(1 + 1 / 6 - 3 / 6)


def test_inverted_hinge_ends_at_two_and_at_zero_where_its_gradient_vanishes_and_ascents_does_not() -> None:
    sure = torch.tensor([[30.0, 0.0]], dtype=torch.float64).repeat(5, 1)
    known, gone = (answers(sure, labels=(label,) * 5) for label in (0, 1))
    assert float(InvertedHinge()(known)) == pytest.approx(2.0)
    assert float(InvertedHinge()(gone)) == pytest.approx(0.0)
    at = sure.clone().requires_grad_()
    left, pushed = (
        torch.autograd.grad(objective(answers(at, labels=(1,) * 5)), at)[0].abs().max()
        for objective in (InvertedHinge(), GradientAscent())
    )
    assert float(left) < 1e-9 < 0.1 < float(pushed)


def test_inverted_hinge_moves_probability_to_the_next_token_alone() -> None:
    logits = torch.tensor([[2.0, 1.0, 0.0, -1.0]], dtype=torch.float64).repeat(5, 1)
    at = logits.clone().requires_grad_()
    (found,) = torch.autograd.grad(InvertedHinge()(answers(at, labels=(0,) * 5)), at)
    p = logits[0].softmax(-1)
    expected = p[0] * (torch.eye(4, dtype=torch.float64)[0] - p) - p[1] * (torch.eye(4, dtype=torch.float64)[1] - p)
    torch.testing.assert_close(found[0], expected / 5)
