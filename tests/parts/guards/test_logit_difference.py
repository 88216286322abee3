"""The logit difference: its limits, its filter by hand, and the assistant it stores."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from benign.errors import UserError
from benign.models.change import Delta, LowRank
from benign.parts.guards.logit_difference import LogitDifference

NOBODY: Any = None


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_without_weight_the_logits_are_the_very_same() -> None:
    logits = drawn(3, 7)
    assert LogitDifference(weight=0.0).joined(logits, drawn(3, 7)) is logits


@pytest.mark.parametrize("preset", ["paper", "code"])
def test_an_assistant_that_knows_nothing_changes_nothing_where_all_take_part(preset: Any) -> None:
    logits = drawn(3, 7)
    joined = LogitDifference(weight=0.8, filter=0.0, preset=preset).joined(logits, torch.full((3, 7), 4.2))
    torch.testing.assert_close(joined.softmax(-1), logits.softmax(-1))


def test_by_hand() -> None:
    """p = (.6, .3, .06, .04), assistant (.97, .01, .01, .01), weight 1, filter .1: tokens of at least .06 take part,
    so three are divided by the assistant's, the fourth is left: (.6/.97, .3/.01, .06/.01, .04) in proportion."""
    model, assistant = torch.tensor([[0.6, 0.3, 0.0601, 0.0399]]).log(), torch.tensor([[0.97, 0.01, 0.01, 0.01]]).log()
    found = LogitDifference(weight=1.0, filter=0.1).joined(model + 3.0, assistant - 5.0)
    wanted = torch.tensor([[0.6 / 0.97, 30.0, 6.01, 0.0399]])
    torch.testing.assert_close(found.softmax(-1), wanted / wanted.sum())


def test_what_takes_no_part_never_overtakes() -> None:
    """With log-probabilities the difference lifts whatever takes part, so the rest keeps its rank below."""
    logits, other = 5 * drawn(50, 40), 5 * drawn(100, 40)[50:]
    guard = LogitDifference(weight=0.8, filter=0.2)
    joined, part = guard.joined(logits, other), guard._likely(logits.log_softmax(-1))
    least = joined.masked_fill(~part, math.inf).amin(-1)
    assert bool((joined.masked_fill(part, -math.inf).amax(-1) <= least).all())
    assert bool((part.sum(-1) >= 8).all()) and not bool(part.all()), "a fifth of the vocabulary at least"


def test_the_filter_is_relative_to_the_likeliest_token_and_keeps_a_share_of_the_vocabulary() -> None:
    logp = torch.tensor([[0.5, 0.4, 0.06, 0.03, 0.01]]).log()
    assert LogitDifference(filter=0.1)._likely(logp).tolist() == [[True, True, True, False, False]]
    sure = torch.tensor([[0.96, 0.01, 0.01, 0.01, 0.01]]).log()
    assert LogitDifference(filter=0.2)._likely(sure).sum() == 1
    assert LogitDifference(filter=0.4)._likely(torch.tensor([[0.9, 0.06, 0.03, 0.005, 0.005]]).log()).sum() == 2


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"weight": -0.8}, "subtracted"), ({"filter": 1.5}, "0 to 1"), ({"filter": -0.1}, "0 to 1")],
)
def test_what_would_turn_it_round_or_means_nothing_is_refused(settings: dict[str, float], said: str) -> None:
    """The official scripts say -0.8 of an assistant that they add."""
    with pytest.raises(UserError, match=said):
        LogitDifference(**settings)  # type: ignore[arg-type]
    assert LogitDifference(filter=1.0)._likely(drawn(3, 7).log_softmax(-1)).all(), "a share of one leaves none out"


def test_the_assistant_comes_back_as_it_was_stored() -> None:
    delta = Delta({"a.weight": LowRank(drawn(2, 5), drawn(4, 2), 0.5), "b.weight": drawn(4, 5)})
    fit = LogitDifference(depth=1).fit(NOBODY, [delta])
    again = LogitDifference(depth=1).assistant(fit.tensors)
    assert set(again.tensors) == {"a.weight", "b.weight"}
    for name in again.tensors:
        torch.testing.assert_close(again.dense(name), delta.dense(name))
    assert fit.facts["assistant"]["parameters"] == 2 * 5 + 4 * 2 + 4 * 5


@pytest.mark.parametrize("inputs", [[], [Delta({}), Delta({})], [torch.zeros(1)]])
def test_it_takes_one_assistant(inputs: list[Any]) -> None:
    with pytest.raises(UserError, match="one assistant"):
        LogitDifference().fit(NOBODY, inputs)
