from __future__ import annotations

import pytest

from audit.answering import many, seen
from audit.worlds import knows, never_met, observations
from benign.audit import catalogue
from benign.audit.judges.rules import RulesJudge
from benign.audit.metrics.exact import exact_match
from benign.audit.observation import Observations
from benign.audit.scope import Scope
from benign.audit.score import Score
from benign.audit.sources import SCOPES, Sources, measure, needs, same_asks
from benign.errors import NotMeasured, UserError


def counted(forget: Observations, retain: Observations, *, share: float = 1.0) -> Score | NotMeasured:
    return Score(len(forget) + share, len(retain), 0, 0)


def test_a_metrics_signature_is_its_needs() -> None:
    assert needs(counted) == ("forget", "retain")
    world = observations(knows)
    picked = [SCOPES[name].pick(world) for name in ("forget", "retain")]
    assert measure(counted, Sources(world)) == Score(len(picked[0]) + 1.0, len(picked[1]), 0, 0)


def test_a_column_may_choose_other_observations_of_a_split() -> None:
    world = observations(knows)
    scope = Scope(("forget",), "understanding")
    score = measure(counted, Sources(world), {"forget": scope})
    assert isinstance(score, Score)
    assert score.value == len(scope.pick(world)) + 1


def test_what_is_missing_is_said() -> None:
    def compared(forget: Observations, retrained: Observations) -> Score | NotMeasured:
        raise AssertionError("it must not be asked")

    world = observations(knows)
    assert measure(compared, Sources(world)) == NotMeasured("no retrained model given")
    assert measure(counted, Sources(world.where(split="forget"))) == NotMeasured(
        "no memory questions with a picture in the retain set"
    )


def test_a_parameter_that_is_no_need_is_a_mistake() -> None:
    def wrong(forget: Observations, threshold: float) -> Score | NotMeasured:
        return NotMeasured("")

    with pytest.raises(TypeError, match="threshold"):
        needs(wrong)


def test_every_metric_of_the_catalogue_can_be_measured_or_says_why_not() -> None:
    full = Sources(observations(never_met), observations(knows), observations(never_met), RulesJudge())
    assert len(catalogue.names()) >= 35
    for name in catalogue.names():
        metric = catalogue.find(name)
        assert isinstance(measure(metric, full), Score | NotMeasured)
        empty = measure(metric, Sources(Observations()))
        assert isinstance(empty, NotMeasured), f"{name} of nothing"
        assert empty.reason
        doc = metric.__doc__ or ""
        assert "ange" in doc, f"{name} says no range"
        assert "better" in doc or "goal" in doc, f"{name} says no direction"


def test_the_catalogue_knows_its_names() -> None:
    assert catalogue.find("exact_match") is exact_match
    with pytest.raises(UserError, match="extraction_strength"):
        catalogue.find("extraction_strenght")


def test_the_same_asks_in_the_same_order() -> None:
    one, two = seen(record="1"), seen(record="2")
    assert same_asks(many(two, seen(record="3"), one), many(one, two)) == many(one, two)
    assert isinstance(same_asks(many(one), many(one, two)), NotMeasured)
