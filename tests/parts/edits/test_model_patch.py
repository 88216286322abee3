"""Model Tailor's patch, by hand and in closed form: which entries stay, and that compensation is least squares."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from benign.errors import UserError
from benign.models.change import Delta, LowRank
from benign.models.measured import Measured
from benign.parts.edits.model_patch import ModelPatch, Patch, inverse_factor, most, squares, standard


def inputs(rows: int, width: int, seed: int = 0) -> Tensor:
    """[rows, width] correlated inputs."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(rows, width, generator=generator, dtype=torch.float64)
    return drawn @ (
        torch.eye(width, dtype=torch.float64) + 0.4 * torch.randn(width, width, generator=generator).double()
    )


def moment(x: Tensor) -> Tensor:
    return x.T @ x / len(x)


def random(out: int, width: int, seed: int) -> Tensor:
    return torch.randn(out, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_two_columns_by_hand() -> None:
    # H = [[1, 1/2], [1/2, 1]]. What the first column did to the outputs is made up by 1/2 / 1 of it in the second.
    gram = torch.tensor([[1.0, 0.5], [0.5, 1.0]], dtype=torch.float64)
    weight, delta = torch.zeros(1, 2, dtype=torch.float64), torch.tensor([[2.0, 3.0]], dtype=torch.float64)

    def patch(compensation: Any) -> Patch:
        return ModelPatch(0.5, 1.0, compensation, damping=1e-12).tailored(weight, delta, gram)

    assert patch("surgeon").kept.tolist() == [[False, True]]
    assert patch("surgeon").delta.flatten().tolist() == pytest.approx([0.0, 3.0 + 0.5 * 2.0])
    assert patch("reversed").delta.flatten().tolist() == pytest.approx([0.0, 3.0 - 0.5 * 2.0])
    assert patch("none").delta.tolist() == [[0.0, 3.0]]


def test_the_factors_square_is_the_damped_inverse() -> None:
    gram = moment(inputs(40, 5))
    upper = inverse_factor(gram, 0.3)
    assert torch.equal(upper, upper.triu())
    damped = gram + 0.3 * gram.diagonal().mean() * torch.eye(5, dtype=torch.float64)
    torch.testing.assert_close(upper.T @ upper @ damped, torch.eye(5, dtype=torch.float64))
    silent = torch.zeros(3, 3)
    assert torch.equal(inverse_factor(silent, 0.01), torch.eye(3))


@pytest.mark.parametrize("block", [2, 6, 128])
def test_later_columns_make_up_for_earlier_ones_as_least_squares_would(block: int) -> None:
    gram, weight, delta = moment(inputs(50, 6)), random(4, 6, 1), random(4, 6, 2)
    # Within each block of two (or the whole) the even columns are nothing beside the odd ones.
    delta[:, 0::2] *= 1e-3
    found = ModelPatch(0.5, 1.0, damping=0.05, block=block).tailored(weight, delta, gram)
    assert found.kept.tolist() == [[False, True] * 3] * 4
    damped = gram + 0.05 * gram.diagonal().mean() * torch.eye(6, dtype=torch.float64)
    expected = delta.clone()
    for column in (0, 2, 4):
        # argmin over the change of the later columns of the damped squared change of output, one column gone.
        later = list(range(column + 1, 6))
        shift = torch.linalg.solve(damped[later][:, later], damped[later, column])
        expected[:, later] += expected[:, column, None] * shift
        expected[:, column] = 0.0
    torch.testing.assert_close(found.delta, expected)


def test_compensation_brings_the_outputs_nearer_and_the_official_sign_further() -> None:
    x, weight, delta = inputs(80, 24), random(8, 24, 1), random(8, 24, 2)
    gram = moment(x)
    lost = {}
    for compensation in ("surgeon", "none", "reversed"):
        named: Any = compensation
        found = ModelPatch(0.3, compensation=named, block=8).tailored(weight, delta, gram)
        lost[compensation] = float((x @ (found.delta - delta).T).square().mean())
        assert float(squares(found.delta - delta, gram)) == pytest.approx(8 * lost[compensation])
    assert lost["surgeon"] < 0.9 * lost["none"] < lost["none"] < 0.9 * lost["reversed"]


def test_the_share_is_of_each_block_and_its_limits_are_all_and_nothing() -> None:
    gram, weight, delta = moment(inputs(60, 10)), random(5, 10, 1), random(5, 10, 2)
    for share in (0.1, 0.35, 0.8):
        kept = ModelPatch(share, block=4).tailored(weight, delta, gram).kept
        assert [int(part.sum()) for part in kept.split(4, 1)] == [round(share * n) for n in (20, 20, 10)]
    assert torch.equal(ModelPatch(1.0).tailored(weight, delta, gram).delta, delta)
    assert not ModelPatch(0.0).tailored(weight, delta, gram).delta.any()
    assert not ModelPatch(0.5).tailored(weight, torch.zeros_like(delta), gram).delta.any()


def test_the_score_is_a_mean_of_two_z_scores_over_each_rows_block() -> None:
    # Inputs that do not hang together: U_jj^2 is 1 / H_jj, and the sensitivity w^2 H_jj.
    gram = torch.diag(torch.tensor([1.0, 4.0, 9.0], dtype=torch.float64))
    weight = torch.tensor([[3.0, 1.0, 0.5]], dtype=torch.float64)
    delta = torch.tensor([[0.1, 0.2, -0.3]], dtype=torch.float64)
    # Trained weights 3.1, 1.2, 0.2: sensitivities 9.61, 5.76, 0.36; saliences 0.1, 0.2, 0.3.
    first, last = [[True, False, False]], [[False, False, True]]
    one = 1 / 3
    assert ModelPatch(one, 0.0, damping=1e-12).tailored(weight, delta, gram).kept.tolist() == first
    assert ModelPatch(one, 1.0, damping=1e-12).tailored(weight, delta, gram).kept.tolist() == last
    # z of the saliences: -1, 0, 1; of the sensitivities, with mean 5.243 and spread 4.646: 0.940, 0.111, -1.051.
    sensitivity = standard(torch.tensor([[9.61, 5.76, 0.36]]))
    assert sensitivity.flatten().tolist() == pytest.approx([0.940, 0.111, -1.051], abs=1e-3)
    # At the salience s the scores are 0.94 - 1.94 s, 0.11 - 0.11 s, 2.051 s - 1.051: the first leads up to s = 0.453,
    # the middle one up to s = 0.538 and the last one from there.
    leader = [ModelPatch(one, s, damping=1e-12).tailored(weight, delta, gram).kept for s in (0.44, 0.5, 0.55)]
    assert [kept.flatten().tolist().index(True) for kept in leader] == [0, 1, 2]


def test_neither_the_inputs_unit_nor_a_silent_column_matters() -> None:
    gram, weight, delta = moment(inputs(60, 6)), random(3, 6, 1), random(3, 6, 2)
    gram[2] = gram[:, 2] = 0.0
    once, scaled = (ModelPatch(0.5).tailored(weight, delta, factor * gram) for factor in (1.0, 1e4))
    assert torch.equal(once.kept, scaled.kept) and bool(once.delta.isfinite().all())
    torch.testing.assert_close(once.delta, scaled.delta)


def test_a_row_without_spread_and_ties_are_settled() -> None:
    assert standard(torch.ones(2, 3)).tolist() == [[0.0] * 3] * 2 and standard(torch.ones(2, 1)).tolist() == [[0.0]] * 2
    assert most(torch.ones(2, 2), 0.5).tolist() == [[True, True], [False, False]]


def measured(*scales: float) -> tuple[Measured, ...]:
    gram = moment(inputs(30, 4)).float()
    return tuple(Measured({"m": {"moment": scale * gram}}, {"m": torch.ones(3, 4)}) for scale in scales)


def test_the_edit_joins_the_moments_and_keeps_what_was_not_measured_by_its_size_alone() -> None:
    generator = torch.Generator().manual_seed(0)
    low = LowRank(torch.randn(2, 4, generator=generator), torch.randn(3, 2, generator=generator), 0.5)
    delta = Delta({"m.weight": low, "m.bias": torch.tensor([0.1, -3.0, 2.0])})
    edit = ModelPatch(share=1 / 3)
    edited = edit(delta, *measured(1.0, 3.0))
    assert edited.delta.dense("m.bias").tolist() == [0.0, -3.0, 0.0]
    assert edited.facts["m.bias"] == {"kept": pytest.approx(1 / 3)}
    wanted = edit.tailored(torch.ones(3, 4), low.dense(), 2.0 * measured(1.0)[0].numbers["m"]["moment"])
    assert torch.equal(edited.delta.dense("m.weight"), wanted.delta)
    facts = edited.facts["m.weight"]
    assert facts["kept"] == pytest.approx(1 / 3) and 0.0 < facts["lost"] < 1.0
    everything = ModelPatch(share=1.0)(delta, *measured(1.0))
    assert everything.facts["m.weight"] == {"kept": 1.0, "lost": 0.0}
    nothing = ModelPatch(share=0.0)(delta, *measured(1.0)).facts["m.weight"]
    assert nothing["kept"] == 0.0 and nothing["lost"] == pytest.approx(1.0)
    still = ModelPatch()(Delta({"m.weight": torch.zeros(3, 4)}), *measured(1.0)).facts["m.weight"]
    assert not any(math.isnan(value) for value in still.values())


@pytest.mark.parametrize(
    ("edit", "count", "said"),
    [
        (ModelPatch(1.1), 1, r"the share must be within 0 and 1, got 1\.1"),
        (ModelPatch(0.1, float("nan")), 1, "the weight of the salience must be within 0 and 1"),
        (ModelPatch(damping=0.0), 1, "the damping must be above 0"),
        (ModelPatch(block=0), 1, "a block has at least one column"),
        (ModelPatch(), 0, "no second moment"),
    ],
)
def test_what_means_nothing_is_refused(edit: ModelPatch, count: int, said: str) -> None:
    with pytest.raises(UserError, match=said):
        edit(Delta({"m.weight": torch.ones(3, 4)}), *measured(*[1.0] * count))


def test_an_entry_that_training_left_as_it_was_stays_so() -> None:
    gram, weight, delta = moment(inputs(60, 10)), random(5, 10, 1), random(5, 10, 2)
    weight[:, 5:] *= 100.0  # which makes them the most sensitive of all
    delta[:, 5:] = 0.0
    found = ModelPatch(0.4).tailored(weight, delta, gram)
    assert not found.delta[:, 5:].any() and not found.kept[:, 5:].any()
    assert int(found.kept.sum()) == 20
