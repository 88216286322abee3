"""SMFA's mask: a hand-worked case, its limits in k, and its invariances."""

import math

import pytest
import torch

from benign.errors import UserError
from benign.models.change import Delta, LowRank
from benign.parts.edits.anchor_mask import AnchorMask, sculpt

# Worked by hand. |F|_F = sqrt(9+1+4+1+9+1+0+16+4) = sqrt(45); |A|_F = sqrt(1*5) = sqrt(5); rho = 3.
FORGET = torch.tensor([[3.0, -1.0, 2.0], [1.0, -3.0, 1.0], [0.0, 4.0, -2.0]])
ANCHOR = torch.tensor([[-1.0, 1.0, 1.0], [0.0, 0.0, 0.0], [1.0, -1.0, 0.0]])


def test_hand_worked_three_by_three() -> None:
    # k = 0.5: threshold k*rho*|A| = 1.5 where |A| = 1. Conflicts: (0,0) 3 > 1.5 masked; (0,1) 1 < 1.5 kept;
    # (2,1) 4 > 1.5 masked. Everything else agrees in sign or meets a zero of the anchor.
    result = sculpt(FORGET, ANCHOR, k=0.5)
    expected = torch.tensor([[0.0, -1.0, 2.0], [1.0, -3.0, 1.0], [0.0, 0.0, -2.0]])
    assert result.rho == pytest.approx(3.0)
    assert torch.equal(result.delta, expected)


def test_the_inequality_is_strict() -> None:
    # k = 1: the threshold is exactly 3, and the entry (0,0) is exactly 3: it stays; (2,1) is 4 and goes.
    forget, anchor = FORGET.double(), ANCHOR.double()
    result = sculpt(forget, anchor, k=1.0, eps=0.0)
    assert result.masked.nonzero().tolist() == [[2, 1]]


@pytest.fixture
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    return torch.randn(40, 30, generator=generator), 0.1 * torch.randn(40, 30, generator=generator)


def test_k_zero_leaves_no_conflicting_entry(pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    forget, anchor = pair
    assert bool((sculpt(forget, anchor, 0.0).delta * anchor >= 0).all())
    assert bool((forget * anchor < 0).any())


def test_k_infinite_is_the_forgetting_delta_bit_for_bit(pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    forget, anchor = pair
    assert torch.equal(sculpt(forget, anchor, math.inf).delta, forget)
    low = LowRank(torch.randn(4, 30), torch.randn(40, 4), 1.0)
    edited = AnchorMask(math.inf)(Delta({"w": low}), Delta({"w": anchor}))
    assert edited.delta.tensors["w"] is low


@pytest.mark.parametrize("scale", [1e-3, 0.5, 7.0, 1e3])
def test_scaling_the_anchor_changes_nothing(pair: tuple[torch.Tensor, torch.Tensor], scale: float) -> None:
    forget, anchor = pair
    assert torch.equal(sculpt(forget, anchor, 2.0).masked, sculpt(forget, anchor * scale, 2.0).masked)


def test_scaling_the_forgetting_delta_scales_the_result(pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    forget, anchor = pair
    assert torch.equal(sculpt(4.0 * forget, anchor, 2.0).delta, 4.0 * sculpt(forget, anchor, 2.0).delta)


def test_the_masked_count_falls_with_k(pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    counts = [int(sculpt(*pair, k).masked.sum()) for k in (0.0, 0.3, 1.0, 3.0, 10.0, math.inf)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[1] > counts[2] > counts[3] > counts[-1] == 0


@pytest.mark.parametrize("k", [0.0, 1.0, 5.0])
def test_agreeing_entries_are_never_masked(pair: tuple[torch.Tensor, torch.Tensor], k: float) -> None:
    forget, anchor = pair
    masked = sculpt(forget, anchor, k).masked
    assert not bool((masked & (forget * anchor >= 0)).any())


def test_tiny_deltas_do_not_underflow() -> None:
    # 1e-30 * 1e-30 is zero in float32, so signs are compared instead of the product.
    result = sculpt(torch.full((2, 2), 1e-30), torch.full((2, 2), -1e-30), 0.0)
    assert bool(result.masked.all())


def test_deltas_of_different_modules_are_refused() -> None:
    with pytest.raises(UserError, match="different modules"):
        AnchorMask(1.0)(Delta({"a": FORGET}), Delta({"b": ANCHOR}))


def test_masked_share_is_reported() -> None:
    edited = AnchorMask(0.5)(Delta({"w": FORGET}), Delta({"w": ANCHOR}))
    assert edited.facts["w"]["masked"] == pytest.approx(2 / 9)
    assert edited.facts["w"]["rho"] == pytest.approx(3.0)
