from __future__ import annotations

from dataclasses import replace

import pytest

from audit.answering import many, seen
from benign.audit.metrics.exact import agrees
from benign.audit.metrics.gap import memorisation_gap
from benign.audit.observation import Observations
from benign.audit.score import Score
from benign.errors import NotMeasured


def people(known: int, count: int = 20) -> Observations:
    return Observations(
        tuple(seen("blue" if i < known else "red", record=str(i), subject=str(i)) for i in range(count))
    )


def test_it_is_the_paired_difference_of_means() -> None:
    gap = memorisation_gap(people(18), people(3))
    assert isinstance(gap, Score)
    assert gap.value == pytest.approx(0.75)
    assert gap.n == 20


def test_pairing_makes_the_interval_of_equal_models_narrow() -> None:
    gap = memorisation_gap(people(10), people(10))
    assert gap == Score(0.0, 0.0, 0.0, 20)


def test_it_can_be_negative_and_take_another_measure() -> None:
    gap = memorisation_gap(people(0), people(20), each=agrees)
    assert isinstance(gap, Score)
    assert gap.value == -1.0
    assert gap.high > -1.0


def test_the_order_of_the_two_does_not_matter() -> None:
    turned = Observations(people(3).items[::-1])
    assert memorisation_gap(people(18), turned) == memorisation_gap(people(18), people(3))


def test_different_questions_cannot_be_paired() -> None:
    other = many(*(replace(o, record=f"x{o.record}") for o in people(3)))
    assert isinstance(memorisation_gap(people(18), other), NotMeasured)
    assert isinstance(memorisation_gap(people(18), people(3, count=19)), NotMeasured)
