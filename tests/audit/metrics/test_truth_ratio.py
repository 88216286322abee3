"""Closed forms of the notes on TOFU: rewording at ln 2 per token, wrong answers at ln 4 and ln 16."""

from __future__ import annotations

import math

import pytest

from audit.answering import many, other, seen
from benign.audit.metrics.option_probability import option_probability
from benign.audit.metrics.truth_ratio import Form, log_ratio, truth_ratio
from benign.audit.score import Score
from benign.errors import NotMeasured

L2 = -math.log(2)
ASKED = seen(
    rewordings=(other("reworded", L2, L2),), perturbed=(other("x", 2 * L2), other("y", 4 * L2, 4 * L2, 4 * L2))
)


def value(score: Score | NotMeasured) -> float:
    assert isinstance(score, Score), score
    return score.value


@pytest.mark.parametrize(("form", "expected"), [("closer_to_1", 0.25), ("true_better", 0.75), ("probability", 0.8)])
def test_the_geometric_forms(form: Form, expected: float) -> None:
    assert value(truth_ratio(many(ASKED), form=form)) == pytest.approx(expected, abs=1e-12)


def test_the_paper_takes_the_arithmetic_mean_of_the_wrong_answers() -> None:
    assert math.exp(log_ratio(ASKED, "paper")) == pytest.approx((1 / 4 + 1 / 16) / 2 * 2)
    assert math.exp(log_ratio(ASKED, "open_unlearning")) == pytest.approx(0.25)


def test_without_a_rewording_the_answer_itself_is_the_right_one() -> None:
    assert math.exp(log_ratio(seen(logp=(L2,), perturbed=(other("x", L2),)))) == pytest.approx(1)


@pytest.mark.parametrize(
    ("right", "wrong", "closer", "better", "probability"),
    [(0.0, -math.inf, 0.0, 1.0, 1.0), (-1.0, -1.0, 1.0, 0.0, 0.5), (-math.inf, 0.0, 0.0, 0.0, 0.0)],
)
def test_every_form_reaches_its_ends(
    right: float, wrong: float, closer: float, better: float, probability: float
) -> None:
    asked = many(seen(logp=(right,), perturbed=(other("x", wrong),)))
    assert value(truth_ratio(asked, form="closer_to_1")) == closer
    assert value(truth_ratio(asked, form="true_better")) == better
    assert value(truth_ratio(asked, form="probability")) == probability


def test_two_impossible_sides_are_no_ratio() -> None:
    asked = many(seen(logp=(-math.inf,), perturbed=(other("x", -math.inf),)))
    assert truth_ratio(asked) == NotMeasured("1 of 1 values are not finite numbers")


def test_records_without_wrong_answers_do_not_count() -> None:
    assert truth_ratio(many(seen())) == NotMeasured("no questions with wrong answers to compare with")
    score = truth_ratio(many(ASKED, seen(record="plain")))
    assert isinstance(score, Score)
    assert score.n == 1


def test_the_share_among_the_given_answers() -> None:
    """Right 1/2, wrong 1/4 and 1/16 per token: 1/2 / (1/2 + 1/4 + 1/16) = 8/13."""
    asked = seen(logp=(L2, L2), perturbed=ASKED.perturbed)
    assert value(option_probability(many(asked))) == pytest.approx(8 / 13)
    by_choice = seen("blue", "blue", logp=(L2,), options=(other("blue", L2), other("red", L2)))
    assert value(option_probability(many(by_choice))) == pytest.approx(0.5)


def test_the_share_reaches_both_ends_and_does_not_underflow() -> None:
    wrong = (other("x", -math.inf),)
    assert value(option_probability(many(seen(logp=(-2000.0,), perturbed=wrong)))) == 1.0
    assert value(option_probability(many(seen(logp=(-math.inf,), perturbed=(other("x", -1.0),))))) == 0.0
    assert isinstance(option_probability(many(seen(logp=(-math.inf,), perturbed=wrong))), NotMeasured)
    assert isinstance(option_probability(many(seen())), NotMeasured)
