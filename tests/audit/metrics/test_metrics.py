"""What holds for every metric: both ends are reached, order does not matter, and nothing gives a reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import pytest

from audit.answering import many, seen
from benign.audit.judges.rules import RulesJudge
from benign.audit.metrics.choice import choice_accuracy
from benign.audit.metrics.exact import exact_match
from benign.audit.metrics.fact import fact_score
from benign.audit.metrics.gap import memorisation_gap
from benign.audit.metrics.meaningful import meaningful_score
from benign.audit.metrics.paraphrased import worst_wording
from benign.audit.metrics.probability import answer_probability
from benign.audit.metrics.refusal import refusal_rate
from benign.audit.metrics.rouge import recall, rouge_l
from benign.audit.observation import Observation, Observations, OptionScore
from benign.audit.score import Score
from benign.errors import NotMeasured

JUDGE = RulesJudge()
BLUE, RED = OptionScore("blue", -1.0, 2), OptionScore("red", -9.0, 2)


@dataclass(frozen=True)
class Case:
    metric: Callable[[Observations], Score | NotMeasured]
    top: Observation
    bottom: Observation
    highest: float = 1.0


def _against_empty(observations: Observations) -> Score | NotMeasured:
    blank = Observations(tuple(replace(o, text="", gold="blue") for o in observations))
    return memorisation_gap(observations, blank)


CASES = {
    "exact": Case(exact_match, seen("Blue."), seen("blueish")),
    "rouge recall": Case(partial(rouge_l, variant="recall"), seen("it is blue"), seen("red")),
    "rouge f1": Case(partial(rouge_l, variant="f1"), seen("blue"), seen("red")),
    "paraphrased": Case(partial(worst_wording, each=recall), seen("blue"), seen("red")),
    "probability": Case(answer_probability, seen(logp=(0.0, 0.0)), seen(logp=(-float("inf"), 0.0))),
    "choice": Case(choice_accuracy, seen(options=(BLUE, RED)), seen(gold="red", options=(BLUE, RED))),
    "refusal": Case(refusal_rate, seen("I don't know."), seen("blue")),
    "fact": Case(partial(fact_score, judge=JUDGE), seen("blue"), seen("red"), 10.0),
    "meaningful": Case(partial(meaningful_score, judge=JUDGE), seen("blue"), seen(""), 10.0),
    "gap": Case(_against_empty, seen("blue"), seen("red")),
}


@pytest.fixture(params=CASES, ids=list(CASES))
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


def _value(score: Score | NotMeasured) -> float:
    assert isinstance(score, Score), score
    assert score.low <= score.value <= score.high
    return score.value


def test_both_ends_are_reached(case: Case) -> None:
    assert _value(case.metric(many(case.top))) == case.highest
    assert _value(case.metric(many(case.bottom))) == 0.0


def test_a_mean_over_records_in_any_order(case: Case) -> None:
    people = [replace(case.top, record=f"t{i}", subject=f"s{i % 3}") for i in range(6)]
    people += [replace(case.bottom, record=f"b{i}", subject=f"s{i % 3}") for i in range(2)]
    score = case.metric(Observations(tuple(people)))
    assert _value(score) == pytest.approx(0.75 * case.highest)
    assert case.metric(Observations(tuple(people[::-1]))) == score
    assert isinstance(score, Score)
    assert score.n == 8


def test_nothing_is_not_measured(case: Case) -> None:
    assert isinstance(case.metric(Observations()), NotMeasured)
