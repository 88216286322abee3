from __future__ import annotations

import math

import pytest

from audit.answering import many, seen
from benign.audit.metrics.probability import answer_probability, normalised_probability
from benign.audit.score import Score
from benign.errors import NotMeasured


def test_it_is_the_geometric_mean_of_the_token_probabilities_with_the_end_token() -> None:
    halves_and_end = seen(logp=(math.log(0.5), math.log(0.5), math.log(0.8)))
    assert normalised_probability(halves_and_end) == pytest.approx((0.5 * 0.5 * 0.8) ** (1 / 3))


def test_length_does_not_change_it() -> None:
    assert normalised_probability(seen(logp=(math.log(0.3),) * 40)) == pytest.approx(0.3)


def test_rounding_above_zero_stays_a_probability() -> None:
    assert normalised_probability(seen(logp=(1e-7,))) == 1.0


def test_it_is_a_mean_of_probabilities_and_not_of_logs() -> None:
    score = answer_probability(many(seen(logp=(math.log(0.9),)), seen(record="s", logp=(math.log(0.1),))))
    assert isinstance(score, Score)
    assert score.value == pytest.approx(0.5)


def test_broken_weights_are_said_and_not_counted_as_forgetting() -> None:
    score = answer_probability(many(seen(), seen(record="s", logp=(math.nan,))))
    assert score == NotMeasured("the model gave not-a-number log-probabilities for 1 of 2 answers")
