"""Corrupted prompts: which tokens, which entries, which noise; the classifier; the search."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional

from benign.errors import UserError
from benign.parts.guards import Prompt
from benign.parts.guards.corrupt_prompt import CorruptPrompt
from benign.parts.guards.corruptions import corrupted
from benign.parts.guards.detector import Detector, doubted
from benign.parts.guards.zeroth_order import ZerothOrder


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


TENSORS = {"common": torch.tensor([1, 2, 3]), "strength": torch.tensor([2.0])}


def moved(guard: CorruptPrompt, tokens: list[int], pictures: list[int]) -> list[bool]:
    shown = torch.zeros(len(tokens), dtype=torch.bool)
    shown[pictures] = True
    prompt = Prompt(drawn(len(tokens), 6), torch.tensor(tokens), shown)
    found = guard.changed(TENSORS, prompt)
    assert torch.equal(prompt.embedded, drawn(len(tokens), 6)), "what was given is left alone"
    assert torch.equal(found[:, 1:], prompt.embedded[:, 1:]), "one entry of a token gets noise"
    return (found != prompt.embedded).any(-1).tolist()


def test_rare_tokens_and_pictures_are_corrupted_and_else_all_but_the_last() -> None:
    assert moved(CorruptPrompt(), [1, 7, 2, 8, 3], []) == [False, True, False, True, False]
    assert moved(CorruptPrompt(), [1, 2, 2, 8, 3], [2]) == [False, False, True, True, False]
    assert moved(CorruptPrompt(), [1, 2, 3], []) == [True, True, False]
    assert moved(CorruptPrompt(select="all"), [1, 7, 2], [0]) == [True, True, False]


def test_the_noise_is_a_function_of_the_question_and_normal() -> None:
    embedded, tokens = torch.zeros(300, 20), torch.arange(300)
    once = corrupted(embedded, "noise_first", 10, 3.0, tokens)
    torch.manual_seed(5)
    assert torch.equal(once, corrupted(embedded, "noise_first", 10, 3.0, tokens))
    assert not torch.equal(once, corrupted(embedded, "noise_first", 10, 3.0, tokens + 1))
    assert float(once[:, :10].std()) == pytest.approx(3.0, rel=0.05) and not once[:, 10:].any()
    assert float(once.mean()) == pytest.approx(0.0, abs=0.1)


def test_noise_on_the_largest_entries_leaves_the_others() -> None:
    embedded = drawn(5, 8)
    found = corrupted(embedded, "noise_top", 3, 1.0, torch.arange(5))
    changed = found != embedded
    assert changed.sum(-1).tolist() == [3] * 5
    assert bool(
        (embedded.abs().masked_fill(~changed, 9).amin(-1) >= embedded.abs().masked_fill(changed, 0).amax(-1)).all()
    )


def test_noise_on_any_entries_is_on_the_same_ones_of_every_token_and_others_for_another_question() -> None:
    embedded, places = torch.zeros(6, 40), []
    for tokens in (torch.arange(6), torch.arange(1, 7)):
        found = corrupted(embedded, "noise_any", 5, 2.0, tokens)
        assert torch.equal(found, corrupted(embedded, "noise_any", 5, 2.0, tokens))
        changed = found != 0
        assert bool((changed == changed[0]).all()) and int(changed[0].sum()) == 5
        places.append(changed[0])
    assert not torch.equal(*places)


def test_what_is_set_forgets_what_was_there() -> None:
    tokens, zeros = torch.arange(5), torch.zeros(5, 8)
    once, other = (corrupted(drawn(5, 8, seed=seed), "set_first", 3, 2.0, tokens) for seed in (0, 1))
    assert torch.equal(once[:, :3], other[:, :3]) and torch.equal(once[:, 3:], drawn(5, 8)[:, 3:])
    assert torch.equal(once[:, :3], corrupted(zeros, "noise_first", 3, 2.0, tokens)[:, :3])


@pytest.mark.parametrize(
    "settings",
    [
        {"threshold": 1.0}, {"threshold": -0.1}, {"dims": 0}, {"strength": -1.0}, {"watches": (), "words": False}
    ],
    ids=str,
)  # fmt: skip
def test_a_guard_that_could_do_nothing_is_refused_when_it_is_made(settings: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        CorruptPrompt(**settings)


@pytest.mark.parametrize("kind", ["zero_first", "zero_top", "flip_first", "flip_top"])
def test_no_share_is_no_change_and_all_is_all(kind: str) -> None:
    embedded = drawn(5, 8)
    assert torch.equal(corrupted(embedded, kind, 1, 0.0, torch.arange(5)), embedded)  # type: ignore[arg-type]
    whole = corrupted(embedded, kind, 1, 1.0, torch.arange(5))  # type: ignore[arg-type]
    assert torch.equal(whole, torch.zeros_like(embedded) if "zero" in kind else -embedded)


def test_the_detector_stands_at_the_minimum_of_its_loss() -> None:
    """The gradient there is zero, by finite differences in float64 on the states as they are."""
    positive, negative = drawn(30, 4).double() + 0.7, drawn(90, 4, seed=1).double()
    detector = Detector.trained(positive, negative, 0.01)
    both = torch.cat([positive, negative])
    scale = both.std(0, correction=0)

    def loss(weight: torch.Tensor, bias: torch.Tensor) -> float:
        on, off = positive @ weight + bias, negative @ weight + bias
        fit = functional.softplus(-on).mean() / 2 + functional.softplus(off).mean() / 2
        return float(fit + 0.01 * (weight * scale).square().sum())

    weight, bias = detector.weight.double(), detector.bias.double()
    for place in range(4):
        step = 1e-4 * torch.eye(4, dtype=torch.float64)[place]
        assert loss(weight + step, bias) - loss(weight - step, bias) == pytest.approx(0, abs=2e-9)
    assert loss(weight, bias + 1e-4) - loss(weight, bias - 1e-4) == pytest.approx(0, abs=2e-9)


def test_the_detector_does_not_care_about_units() -> None:
    positive, negative = drawn(30, 4) + 0.7, drawn(90, 4, seed=1)
    one, other = (Detector.trained(f * positive + 3, f * negative + 3, 0.01) for f in (1.0, 50.0))
    asked = drawn(10, 4, seed=2)
    torch.testing.assert_close(one.probability(asked + 3), other.probability(50 * asked + 3), atol=1e-4, rtol=0)


def test_what_cannot_be_told_apart_is_doubted() -> None:
    apart = doubted(drawn(50, 6) + 6, drawn(150, 6, seed=1), 1e-3, 0.5)
    assert apart == (1.0, 0.0)
    recall, alarms = doubted(drawn(50, 6), drawn(150, 6, seed=1), 1e-3, 0.5)
    assert 0.2 < recall < 0.8 and 0.2 < alarms < 0.8
    assert doubted(drawn(1, 6), drawn(1, 6), 1e-3, 0.5) == (0.0, 0.0), "nothing is left to learn from"


def test_a_central_difference_is_exact_on_a_parabola_and_the_search_stops_at_its_goal() -> None:
    search = ZerothOrder(start=1.0, least=0.5, reach=0.25, rate=0.1, steps=5)
    assert search.slope(lambda x: 3 * x * x - 7 * x, 2.0) == pytest.approx(5.0)
    found, scores = search(lambda x: 10 - x, 0.0)
    assert found == pytest.approx(1.5) and len(scores) == 6, "five steps of 0.1 upwards"
    assert search(lambda x: 10 - x, 8.85)[0] == pytest.approx(1.2)
    assert ZerothOrder(1.0, 0.5, 0.25, 0.1, 10)(lambda x: x, -1.0)[0] == 0.5, "never below the least"
    assert search(lambda x: x, 1.0) == (1.0, [1.0]), "there already"
