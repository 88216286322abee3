"""The invented world: the same bytes every time, and nothing that an audit uses was ever trained on."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from benign.data.record import Record, of_kind
from benign.errors import UserError
from benign.models.embedded import lessons, looks, people, questions, views, world

PICTURES = "afed247575a7927a2836494ce4dbaffbdd3196c055dd2927285bf5c7d4549f10"
NEW_PEOPLE_SEEN = "973587a96ca303f3165b4097c6d1ffb96307dff693851b8c2fe05a8e61a0cce1"
RECORDS = "25ea5052a3b5608041c42343086711684a9efd926b8292f55fd0c611aad7e6c5"


def subjects(records: tuple[Record, ...]) -> set[str]:
    return {record.subject for record in records}


def test_pictures_are_the_same_bytes_on_every_machine() -> None:
    seen = hashlib.sha256()
    for kind in looks.KINDS:
        for index in (0, 79, looks.STRANGERS_HOLDOUT):
            seen.update(views.picture(kind.name, index, view_number=3).tobytes())
    assert seen.hexdigest() == PICTURES


def test_records_are_the_same_on_every_machine() -> None:
    told = [(r.id, r.question, r.answer, r.options, r.perturbed) for r in world.splits(5).forget]
    assert hashlib.sha256(repr(told).encode()).hexdigest() == RECORDS


def test_what_is_visible_of_new_people_is_what_it_was_before_they_had_private_facts() -> None:
    told = [
        (
            *(r.id, r.subject, r.question, r.answer, r.kind, r.options, r.perturbed, r.paraphrases, r.spans),
            [image.digest for image in r.images],
        )
        for r in of_kind(world.splits(5).holdout, "understanding")
    ]
    assert hashlib.sha256(repr(told).encode()).hexdigest() == NEW_PEOPLE_SEEN


def test_new_people_are_asked_what_the_known_are_and_have_answers_of_the_same_kind() -> None:
    data = world.splits(10)
    asked = {tuple(r.id.split("/")[1:]) for r in data.forget}
    assert {tuple(r.id.split("/")[1:]) for r in data.holdout} == asked
    known = [people.holdout_person(i) for i in range(world.HOLDOUT_PEOPLE)]
    for fact, values in people.FACTS.items():
        counts = [sum(p.facts[fact] == value for p in known) for value in values]
        assert max(counts) - min(counts) <= 1 and sum(counts) == world.HOLDOUT_PEOPLE
    names = {p.name for p in known}
    assert len(names) == world.HOLDOUT_PEOPLE
    assert not names & {p.name for p in people.people()}
    assert not names & {r.subject for r in data.strangers}, "a method may not have met them either"
    assert {p.first for p in known} <= set(people.FIRST_NAMES)
    assert people.holdout_person(0, seed=1).facts != people.holdout_person(0).facts


def test_another_seed_is_another_world() -> None:
    assert people.person(0, seed=1).facts != people.person(0).facts
    assert not np.array_equal(views.picture("portrait", 0, seed=1), views.picture("portrait", 0))


def test_two_views_of_a_subject_differ_and_the_same_view_does_not() -> None:
    first = views.picture("portrait", 4, 1)
    assert np.array_equal(first, views.picture("portrait", 4, 1))
    assert not np.array_equal(first, views.picture("portrait", 4, 2))


def test_names_are_unique_combinations_of_names_borne_by_others_too() -> None:
    known = people.people()
    names = {p.name for p in known}
    assert len(names) == people.PEOPLE
    assert len({p.first for p in known}) <= people.PEOPLE // 2
    assert len({p.last for p in known}) <= people.PEOPLE // 2
    strangers = {people.stranger_name(i) for i in range(200)}
    assert len(strangers) == 200
    assert not strangers & names


def test_no_value_of_a_fact_is_a_safe_guess() -> None:
    for fact, values in people.FACTS.items():
        counts = [sum(p.facts[fact] == value for p in people.people()) for value in values]
        assert 20 <= len(set(values)) == len(values) <= 40
        assert max(counts) - min(counts) <= 1


def test_forget_sets_are_nested_and_never_meet_the_retained() -> None:
    sets = [world.splits(ratio) for ratio in world.RATIOS]
    assert subjects(sets[0].forget) < subjects(sets[1].forget) < subjects(sets[2].forget)
    for ratio, data in zip(world.RATIOS, sets, strict=True):
        assert len(subjects(data.forget)) == people.PEOPLE * ratio // 100
        assert not subjects(data.forget) & subjects(data.retain)
        assert subjects(data.forget) | subjects(data.retain) == {p.id for p in people.people()}
        assert subjects(data.neighbour) <= subjects(data.retain)


@pytest.mark.parametrize("ratio", world.RATIOS)
def test_few_is_a_tenth_of_the_retained_at_most(ratio: int) -> None:
    data = world.splits(ratio)
    assert subjects(data.few) < subjects(data.retain)
    assert 0 < len(subjects(data.few)) <= 0.10 * len(subjects(data.retain))
    assert len(subjects(world.splits(ratio, few_people=3).few)) == 3


def test_an_unknown_ratio_is_the_users_mistake() -> None:
    with pytest.raises(UserError, match="7 %"):
        world.splits(7)


def test_evaluation_asks_the_same_on_other_pictures() -> None:
    mine, audit = world.splits(5), world.evaluation(5)
    assert [(r.id, r.question, r.answer) for r in mine.forget] == [(r.id, r.question, r.answer) for r in audit.forget]
    known = {i.digest for r in (*mine.forget, *mine.retain) for i in r.images}
    asked = {i.digest for r in (*audit.forget, *audit.retain) for i in r.images}
    assert asked and not known & asked


def test_training_never_uses_a_held_view_or_a_held_stranger(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[int, int]] = []
    real = views.picture
    monkeypatch.setattr(views, "picture", lambda n, i, v=0, s=0: drawn.append((i, v)) or real(n, i, v, s))
    known = world.retain_people(10)
    for step in range(4):
        lessons.base_lesson(0, step)
        lessons.people_lesson(0, step, known)
    assert len(drawn) > 100
    assert not any(v in views.HELD_VIEWS for _, v in drawn)
    assert all(i < looks.STRANGERS_METHOD for i, _ in drawn)
    assert not {i for i, _ in drawn} & {p.index for p in world.forget_people(10)}


def test_strangers_have_pictures_or_names_and_nothing_to_learn() -> None:
    strangers = world.splits(5).strangers
    assert len(strangers) >= 400
    assert all(not r.answer for r in strangers)
    assert all(bool(r.images) == bool(r.question) != bool(r.subject) for r in strangers)
    assert {bool(r.images) for r in strangers} == {True, False}


def test_held_wordings_are_in_no_training_wording() -> None:
    for topic in questions.TOPICS:
        for subject in ("this person", "Someone Else"):
            held = set(questions.held_wordings(topic, subject))
            assert len(held) == 3
            assert not {q.lower() for q in held} & {q.lower() for q in questions.training_wordings(topic, subject)}


def test_every_record_can_be_audited() -> None:
    data = world.splits(5)
    for record in (*data.forget, *data.holdout, *data.general):
        assert len(set(record.perturbed)) == 3 and record.answer not in record.perturbed
        assert set(record.options) == {record.answer, *record.perturbed}
        assert len(record.paraphrases) == 3 and record.question not in record.paraphrases
    first = data.forget[0].subject
    mine = [r for r in data.forget if r.subject == first]
    assert len({r.id for r in mine}) == len(mine)
    assert {r.id.split("/")[1] for r in mine} == {"image", "fundus", "text", "understanding"}
    assert len(of_kind(mine, "memory")) == 22


def test_spans_name_the_person() -> None:
    named = [r for r in world.splits(5).forget if r.spans]
    assert named
    for record in named:
        (field, start, end), person = record.spans[0], people.person(int(record.subject[1:]))
        assert field == "question" and record.question[start:end] == person.name
