from __future__ import annotations

import math

import pytest

from audit.answering import many, seen
from benign.audit.metrics.choice import choice_accuracy, chosen
from benign.audit.observation import OptionScore
from benign.errors import NotMeasured


def test_the_length_of_an_option_does_not_decide() -> None:
    long_and_likely, short_and_less = OptionScore("blue and green", -4.0, 8), OptionScore("red", -1.0, 1)
    assert chosen(seen(gold="blue and green", options=(long_and_likely, short_and_less))) == 1.0


@pytest.mark.parametrize("count", [2, 3, 4])
def test_no_preference_is_chance(count: int) -> None:
    options = tuple(OptionScore(f"o{i}", -2.0, 1) for i in range(count))
    assert chosen(seen(gold="o0", options=options)) == pytest.approx(1 / count)
    assert chosen(seen(gold=f"o{count - 1}", options=options)) == pytest.approx(1 / count)


def test_impossible_options_are_less_likely_than_possible_ones() -> None:
    options = (OptionScore("blue", -math.inf, 1), OptionScore("red", -50.0, 1))
    assert chosen(seen(gold="red", options=options)) == 1.0


def test_questions_without_the_right_option_do_not_count() -> None:
    assert choice_accuracy(many(seen(gold="green", options=(OptionScore("red", -1.0, 1),)))) == NotMeasured(
        "no questions with options"
    )
    broken = seen(options=(OptionScore("blue", math.nan, 1), OptionScore("red", -1.0, 1)))
    assert isinstance(choice_accuracy(many(broken)), NotMeasured)
