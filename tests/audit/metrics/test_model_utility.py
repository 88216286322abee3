from __future__ import annotations

import math
from statistics import harmonic_mean

import pytest

from audit.answering import other, seen
from benign.audit.metrics.model_utility import harmonic, model_utility
from benign.audit.observation import Observation, Observations
from benign.audit.score import Score
from benign.errors import NotMeasured


def record(number: int, split: str, right: float, wrong: float, text: str = "blue") -> Observation:
    perturbed = (other("red", math.log(wrong) if wrong else -math.inf),)
    return seen(
        text, record=f"{split}{number}", subject=f"{split}{number}", split=split, logp=(math.log(right),),
        perturbed=perturbed,
    )  # fmt: skip


def group(split: str, **fields: object) -> Observations:
    return Observations(tuple(record(i, split, 0.6, 0.2, **fields) for i in range(4)))  # type: ignore[arg-type]


def value(score: Score | NotMeasured) -> float:
    assert isinstance(score, Score), score
    return score.value


def test_one_weak_of_nine_pulls_it_down_and_one_at_zero_kills_it() -> None:
    assert harmonic([1.0] * 8 + [0.1]) == pytest.approx(0.5)
    assert harmonic([1.0] * 8 + [0.0]) == 0.0
    assert harmonic([0.3, 0.7, 0.2]) == pytest.approx(harmonic_mean([0.3, 0.7, 0.2]))


def test_the_nine_by_hand() -> None:
    """Retain: 0.6 plain, ROUGE 1, 1 - 1/3. The other two: 0.6 of 0.8, ROUGE 1 (general 0.5), 1 - 1/3."""
    general = Observations(tuple(record(i, "general", 0.6, 0.2, "blue" if i % 2 else "red") for i in range(4)))
    found = model_utility(group("retain"), group("neighbour"), general)
    assert value(found) == pytest.approx(harmonic_mean([0.6, 1, 2 / 3, 0.75, 1, 2 / 3, 0.75, 0.5, 2 / 3]))


def test_both_ends() -> None:
    perfect = [Observations((record(0, split, 1.0, 0.0),)) for split in ("retain", "neighbour", "general")]
    assert value(model_utility(*perfect)) == 1.0
    silent = Observations((record(0, "general", 1.0, 0.0, "no"),))
    assert value(model_utility(perfect[0], perfect[1], silent)) == 0.0


def test_a_group_without_wrong_answers_is_named() -> None:
    assert model_utility(group("retain"), Observations((seen(),)), group("general")) == NotMeasured(
        "no questions with wrong answers to compare with in the neighbour set"
    )
