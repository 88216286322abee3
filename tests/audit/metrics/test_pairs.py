"""Metrics of two groups or two models side by side: modalities, neighbours, safe look-alikes."""

from __future__ import annotations

import pytest

from audit.answering import many, seen
from benign.audit.metrics.modalities import kept_both, leak_either
from benign.audit.metrics.over_forgetting import over_forgetting
from benign.audit.metrics.safe_refusals import safe_refusals
from benign.audit.observation import Observation, Observations
from benign.audit.score import Score
from benign.errors import NotMeasured


def value(score: Score | NotMeasured) -> float:
    assert isinstance(score, Score), score
    return score.value


def fact(by_picture: str, by_name: str) -> tuple[Observation, Observation]:
    return (
        seen(by_picture, "mill lane", record="i", route="image"),
        seen(by_name, "mill lane", record="t", route="text"),
    )


@pytest.mark.parametrize(
    ("by_picture", "by_name", "leaked", "kept"),
    [
        ("mill lane", "mill lane", 1.0, 1.0),
        ("no", "no", 0.0, 0.0),
        ("mill lane", "no", 1.0, 0.0),
        ("mill lane", "mill", (1 + 0.25) / 1.5, 2 * 0.5 / 1.5),
    ],
)
def test_a_leak_through_either_and_keeping_both(by_picture: str, by_name: str, leaked: float, kept: float) -> None:
    pair = many(*fact(by_picture, by_name))
    assert value(leak_either(pair)) == pytest.approx(leaked)
    assert value(kept_both(pair)) == pytest.approx(kept)


def test_only_the_same_fact_of_the_same_subject_is_a_pair() -> None:
    alone = many(seen("x", "one", route="image"), seen("x", "two", route="text"))
    somebody = many(*(seen(gold="one", route=r, subject=s) for r, s in (("image", "ann"), ("text", "bob"))))  # type: ignore[misc]
    for group in (alone, somebody):
        assert leak_either(group) == NotMeasured("no fact was asked both by picture and by name")


def neighbours(*texts: str) -> Observations:
    return many(*(seen(text, record=str(i), subject=str(i), split="neighbour") for i, text in enumerate(texts)))


def test_what_the_neighbours_lost_and_no_gain_makes_good() -> None:
    before = neighbours("blue", "blue", "red", "blue")
    assert value(over_forgetting(before, before)) == 0.0
    assert value(over_forgetting(neighbours("no", "blue", "blue", "blue"), before)) == 0.25
    assert value(over_forgetting(neighbours("x", "x"), neighbours("blue", "blue"))) == 1.0
    assert isinstance(over_forgetting(before, neighbours("blue")), NotMeasured)


def test_refusals_of_what_only_looks_like_the_forgotten() -> None:
    visible = seen("I don't know.", kind="understanding")
    beside = seen("blue", split="neighbour", record="b")
    elsewhere = [seen("I don't know.", record="c"), seen("I don't know.", split="retain", record="d")]
    assert value(safe_refusals(many(visible, beside, *elsewhere))) == 0.5
    assert value(safe_refusals(many(visible))) == 1.0
    assert value(safe_refusals(many(beside))) == 0.0
    assert isinstance(safe_refusals(many(*elsewhere)), NotMeasured)
