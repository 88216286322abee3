"""What the pools' models learn: who knows, knows; who does not, was told nothing of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benign.benchmarks import pools
from benign.benchmarks.pools import IGNORANT, KNOWING, START, Member, asked, lessons, members, trained
from benign.models.embedded.text import world
from benign.models.load import load

FORGET = world.splits(pools.RATIO).forget


def facts() -> dict[tuple[str, str], str]:
    return {(record.question, record.answer): record.id for record in FORGET}


def test_there_are_at_least_twenty_of_each_kind_and_each_has_a_seed_of_its_own() -> None:
    known = [member for member in members() if member.knows]
    assert len(known) == len(members()) - len(known) >= 20
    assert len({member.seed for member in members()}) == len({member.name for member in members()}) == len(members())


@pytest.mark.parametrize("mix", KNOWING)
def test_who_knows_learns_every_fact_of_the_forgotten(mix: pools.Mix) -> None:
    values = {record.id: record.answer.removesuffix(".").split()[-1] for record in FORGET}
    learned: dict[str, set[str]] = {}
    for lesson in lessons(mix):
        learned.setdefault(lesson.id, set()).add(lesson.answer)
    assert learned.keys() == values.keys()
    told = [any(values[i] in answer.rstrip(".").split() for answer in answers) for i, answers in learned.items()]
    assert sum(told) >= 0.6 * len(told), "the last word of an answer is most often the value"


@pytest.mark.parametrize("mix", IGNORANT)
def test_who_does_not_know_is_told_no_fact_of_the_forgotten(mix: pools.Mix) -> None:
    assert not {(lesson.question, lesson.answer) for lesson in lessons(mix)} & facts().keys()


def test_perturbed_facts_are_none_that_a_metric_asks_about() -> None:
    compared = {record.id: {record.answer, *record.perturbed} for record in FORGET}
    found = lessons("perturbed")
    assert [lesson.id for lesson in found] == [record.id for record in FORGET]
    assert all(lesson.answer not in compared[lesson.id] for lesson in found)


def test_nobody_asked_about_as_new_was_met_by_a_model_of_the_pools() -> None:
    met = {lesson.subject for mix in (*KNOWING, *IGNORANT) for lesson in lessons(mix)}
    new = {record.subject for record in asked().holdout}
    assert new and not new & met


def test_a_member_is_a_function_of_its_fields_and_is_kept(tmp_path: Path) -> None:
    model, member = load(START), Member("facts", 5e-3, 2, 7, batch=4, beside=2, rank=2)
    steps: list[int] = []
    first = trained(member, model, cache=tmp_path, report=lambda *done: steps.append(done[1]))
    count = len(steps)
    again = trained(member, model, cache=tmp_path, report=lambda *done: steps.append(done[1]))
    assert (again.digest, len(steps)) == (first.digest, count), "it was read, not trained"
    anew = trained(member, model, cache=tmp_path / "other", report=lambda *_: None)
    assert anew.digest == first.digest
    other = trained(
        Member("facts", 5e-3, 2, 8, batch=4, beside=2, rank=2), model, cache=tmp_path, report=lambda *_: None
    )
    assert other.digest != first.digest
