"""Selective synaptic dampening: by hand, its limits, and what it says when it cannot do anything."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from benign.errors import UserError
from benign.models.measured import Measured
from benign.parts.edits.dampening import Dampening, dampened

INF = float("inf")


def measured(parts: dict[str, Tensor], weights: dict[str, Tensor] | None = None, records: int = 1) -> Measured:
    return Measured({name: {"importance": part} for name, part in parts.items()}, weights or {}, records)


def random(seed: int) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    shapes = {"a.weight": (6, 5), "b.bias": (7,)}
    weights = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    sides = [{n: torch.randn(s, generator=generator).square() for n, s in shapes.items()} for _ in range(2)]
    return weights, sides[0], sides[1]


@pytest.mark.parametrize(
    ("forget", "everything", "alpha", "strength", "left"),
    [
        (20.0, 1.0, 10.0, 1.0, 0.05),  # the ratio of importances is what is left
        (20.0, 1.0, 10.0, 0.5, 0.025),
        (5.0, 1.0, 10.0, 1.0, 1.0),  # not important enough
        (10.0, 1.0, 10.0, 1.0, 1.0),  # not more than alpha times
        (3.0, 0.0, 10.0, 1.0, 0.0),  # matters for the forget set alone
        (0.0, 0.0, 10.0, 1.0, 1.0),  # matters for nothing
        (2.0, 1.0, 1.5, 4.0, 1.0),  # never grows, of whatever sign
        (3.0, 0.0, INF, 1.0, 1.0),
    ],
)
@pytest.mark.parametrize("weight", [-2.0, 3.0])
def test_by_hand(forget: float, everything: float, alpha: float, strength: float, left: float, weight: float) -> None:
    one = [torch.tensor([value], dtype=torch.float64) for value in (weight, forget, everything)]
    found = dampened(*one, alpha, strength)
    assert float(one[0] + found.delta) == pytest.approx(left * weight, abs=1e-12)


@pytest.mark.parametrize("share", [None, 0.3])
def test_weights_shrink_towards_zero_and_keep_their_signs(share: float | None) -> None:
    weights, forget, keep = random(0)
    edited = Dampening(1.5, share=share)(measured(forget, weights), measured(keep, records=3))
    after = {name: weights[name] + edited.delta.dense(name) for name in edited.delta.tensors}
    assert after and all((after[n].abs() <= weights[n].abs() + 1e-6).all() for n in after)
    assert all((after[name] * weights[name] >= -1e-9).all() for name in after)
    assert any((after[name] != weights[name]).any() for name in after)


def test_all_data_is_the_mean_by_numbers_of_records() -> None:
    weight = {"w": torch.ones(3)}
    forget, keep = {"w": torch.tensor([8.0, 8.0, 8.0])}, {"w": torch.tensor([0.0, 1.0, 4.0])}
    # One of four records is forgotten: all data 2, 2.75, 5, ratios 4, 2.91, 1.6.
    edited = Dampening(2.0)(measured(forget, weight, 1), measured(keep, records=3))
    assert edited.delta.dense("w").tolist() == pytest.approx([0.25 - 1, 2.75 / 8 - 1, 0.0])
    assert edited.facts["w"] == {"selected": pytest.approx(2 / 3), "alpha": 2.0}
    told = Dampening(2.0, forget_share=0.0)(measured(forget, weight, 1), measured(keep, records=3))
    assert told.delta.dense("w").tolist() == pytest.approx([-1.0, 1 / 8 - 1, 0.0])
    # The forget set as a half of all data hides it: all data 4, 4.5, 6.
    with pytest.raises(UserError, match="no ratio can exceed 2, the inverse"):
        Dampening(2.0, forget_share=0.5)(measured(forget, weight, 1), measured(keep, records=3))


@pytest.mark.parametrize("alpha", [1.0, 10.0, INF])
def test_nothing_is_selected_where_both_sides_matter_alike(alpha: float) -> None:
    weights, forget, _ = random(1)
    with pytest.raises(UserError, match="nothing was dampened") as refused:
        Dampening(alpha)(measured(forget, weights), measured(forget))
    assert "the largest ratio here is 1" in str(refused.value.fix)


def test_a_larger_alpha_selects_a_part_of_what_a_smaller_one_does() -> None:
    weights, forget, keep = random(2)
    sides = measured(forget, weights), measured(keep, records=19)
    few, many = (Dampening(alpha)(*sides).delta.dense("a.weight") != 0 for alpha in (4.0, 1.2))
    assert bool((many | ~few).all()) and int(few.sum()) < int(many.sum())


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_a_share_selects_so_many(share: float) -> None:
    weights, forget, keep = random(3)
    edited = Dampening(share=share)(measured(forget, weights), measured(keep, records=9))
    chosen = sum(round(facts["selected"] * weights[name].numel()) for name, facts in edited.facts.items())
    assert chosen == round(share * sum(w.numel() for w in weights.values()))
    (alpha,) = {facts["alpha"] for facts in edited.facts.values()}
    again = Dampening(alpha)(measured(forget, weights), measured(keep, records=9))
    assert again.delta.digest == edited.delta.digest


def test_what_means_nothing_is_refused() -> None:
    weights, forget, keep = random(4)
    sides = measured(forget, weights), measured(keep)
    for edit in (Dampening(-1.0), Dampening(strength=-0.1), Dampening(share=0.0), Dampening(forget_share=1.0)):
        with pytest.raises(UserError):
            edit(*sides)
    with pytest.raises(UserError, match="not of the same weights"):
        Dampening()(sides[0], measured({"other": torch.ones(1)}))
    with pytest.raises(UserError, match="how many records"):
        Dampening()(measured(forget, weights, records=0), sides[1])
