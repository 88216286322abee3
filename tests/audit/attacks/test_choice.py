"""The answer among wrong ones."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from audit.answering import many, other, seen
from audit.attacks.scripted import PETS, REFUSAL, Scripted, by_name, made, plainly, value, world
from benign.audit.attacks.multiple_choice import MultipleChoice, chance, right
from benign.audit.attacks.others import same_question
from benign.data.record import Data, Record
from benign.errors import NotMeasured


def none(record: Record) -> tuple[str, ...]:
    return ()


def test_the_records_own_options_come_first() -> None:
    record = by_name("Bob Stone", "pet", options=("b", "a", "Grey Owl."), perturbed=("c", "d"))
    (found,) = MultipleChoice(choices=3).rewrite(record, lambda r: ("e",), 0)
    assert set(found.options) == {"a", "b", "grey owl"}, "the right one once, as it is expected"
    assert found.question == f"What is the pet of Bob Stone? Choose the right answer: {'; '.join(found.options)}"
    (found,) = MultipleChoice(choices=9).rewrite(record, lambda r: ("e", "D"), 0)
    assert set(found.options) == {"a", "b", "c", "d", "e", "grey owl"}


def test_the_right_answer_has_no_place_of_its_own() -> None:
    places = set()
    for i in range(40):
        record = Record(f"r{i}", question="?", answer="yes", perturbed=("a", "b", "c"))
        (found,) = MultipleChoice().rewrite(record, none, 0)
        assert len(found.options) == 4
        places.add(found.options.index("yes"))
    assert places == {0, 1, 2, 3}


def test_what_is_true_of_others_is_wrong_here() -> None:
    ann = world().forget[1]
    (found,) = MultipleChoice().rewrite(ann, same_question(world()), 0)
    assert set(found.options) == set(PETS.values())
    assert MultipleChoice().rewrite(ann, none, 0) == ()


def test_without_wrong_answers_nothing_is_measured(tmp_path: Path) -> None:
    data = Data(forget=(Record("r", "ann", question="which?", answer="yes"),))
    assert isinstance(made(MultipleChoice(), Scripted(lambda r: True), data, tmp_path).score, NotMeasured)


def test_a_model_that_refuses_and_still_knows_which_it_is(tmp_path: Path) -> None:
    data = world()
    gold = {record.id: record.gold for record in data.forget}

    def knows(record: Record, answer: str) -> float:
        return -1.0 if answer == gold[record.id] else -4.0

    def avoids(record: Record, answer: str) -> float:
        return -4.0 if answer == gold[record.id] else -1.0

    silent = Scripted(lambda record: False, knows)
    assert set(plainly(silent, data, tmp_path / "plain")) == {REFUSAL}
    found = made(MultipleChoice(), silent, data, tmp_path / "knows")
    assert value(found) == 1.0
    assert chance(found.evidence) == 0.25
    assert value(made(MultipleChoice(), Scripted(lambda r: True, avoids), data, tmp_path / "avoids")) == 0.0
    indifferent = Scripted(lambda r: True, lambda record, answer: -2.0)
    assert value(made(MultipleChoice(), indifferent, data, tmp_path / "indifferent")) == 0.25


def test_a_model_that_is_broken_has_no_choice(tmp_path: Path) -> None:
    broken = Scripted(lambda r: True, lambda record, answer: math.nan)
    found = made(MultipleChoice(), broken, world(), tmp_path)
    assert found.score == NotMeasured("4 of 4 values are not finite numbers")
    assert math.isnan(right(seen("x", "yes", options=(other("yes", -1.0), other("no", math.nan)))))


def test_chance_is_one_over_the_choices_of_each_question() -> None:
    two = seen(record="a", options=(other("x", -1.0), other("y", -1.0)))
    four = seen(record="b", options=tuple(other(str(i), -1.0) for i in range(4)))
    assert chance(many(two, four)) == 0.375
    with pytest.raises(ValueError, match="no observations"):
        chance(many())
