"""The seven ways to pair retained records with those that are forgotten, and who is whose neighbour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from benign.data.record import Record
from benign.engine.draw import drawn
from benign.engine.recipe import Method, Optim, Train
from benign.errors import UserError
from benign.methods.eco import ECO
from benign.methods.grad_ascent import GradAscent
from benign.methods.idk import IDK
from benign.methods.melu import MELU
from benign.methods.meow import MEOW
from benign.methods.smfa import SMFA
from benign.models.embedded.text import world
from benign.parts.samplers import Candidates, Lead
from benign.parts.samplers.neighbours import near
from benign.parts.samplers.paired import Paired, Scheme
from benign.parts.samplers.subject_grouped import SubjectGrouped
from benign.parts.targets import Context


def fact(subject: str, number: int, words: str, **more: object) -> Record:
    return replace(Record(f"{subject}/{number}", subject, question=f"{words} ?", answer="yes"), **more)  # type: ignore[arg-type]


GONE = (*(fact("ann", i, "ann poet rome") for i in range(2)), *(fact("bob", i, "bob cook oslo") for i in range(2)))
KEPT = (
    *(fact("al", i, "al poet rome") for i in range(3)),
    *(fact("cy", i, "cy cook oslo") for i in range(3)),
    *(fact("dee", i, "dee diver lima poet") for i in range(3)),
    *(Record(f"fact/{i}", question=f"is {i} odd ?", answer="no", kind="general") for i in range(3)),
)
TYPES = ("entity",) * 6 + ("domain",) * 3 + ("general",) * 3


def candidates(draws: Sequence[Sequence[int]], kept: tuple[Record, ...] = KEPT) -> Candidates:
    return Candidates(kept, Lead(GONE, lambda step: [GONE[place] for place in draws[step]]))


def places(scheme: Scheme, draws: Sequence[Sequence[int]], batch: int, seed: int = 0) -> list[list[int]]:
    found = candidates(draws)
    sampler = Paired(scheme, nearest=1)
    return [[d.place for d in sampler(found, batch, seed=seed, step=step)] for step in range(len(draws))]


def test_neighbours_are_found_by_their_words_and_belong_to_who_is_most_like_them() -> None:
    found = near(candidates([]), 1)
    assert found.types == TYPES
    assert found.owner[:9] == ("ann",) * 3 + ("bob",) * 3 + ("ann",) * 3
    assert set(found.owner[9:]) == {"ann", "bob"}, "what has no subject is dealt out"


def test_what_the_records_say_of_themselves_counts() -> None:
    said = tuple(replace(record, neighbour="domain") if record.subject == "al" else record for record in KEPT)
    assert near(candidates([], said), 1).types == ("domain",) * 3 + TYPES[3:]


def test_sequential_sees_no_more_than_the_first_ones() -> None:
    assert places("sequential", [[0, 1], [2, 3], [3, 0]], 2) == [[0, 1], [2, 3], [3, 0]]
    assert places("sequential", [[1, 2]], 4) == [[1, 2, 5, 6]]


def test_cyclic_goes_round_and_random_sees_all_once_per_pass() -> None:
    assert places("cyclic", [[0]] * 3, 5) == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11, 0, 1, 2]]
    seen = [place for step in places("random", [[0]] * 6, 4) for place in step]
    assert sorted(seen[:12]) == sorted(seen[12:]) == list(range(12)) and seen[:12] != seen[12:]


@pytest.mark.parametrize(("scheme", "dropped"), [("direct", "domain"), ("indirect", "entity")])
def test_a_type_is_dropped_and_the_others_come_equally_often(scheme: Scheme, dropped: str) -> None:
    seen = Counter(place for step in places(scheme, [[0]] * 36, 1) for place in step)
    left = [place for place, kind in enumerate(TYPES) if kind != dropped]
    assert set(seen) == set(left) and max(seen.values()) - min(seen.values()) <= 1


def test_balanced_takes_the_types_in_turn() -> None:
    for step in places("balanced", [[0]] * 12, 3):
        assert [TYPES[place] for place in step] == ["entity", "domain", "general"]
    seen = Counter(place for step in places("balanced", [[0]] * 12, 3) for place in step)
    assert {seen[place] for place in range(6)} == {2} and {seen[place] for place in range(6, 12)} == {4}


def test_modular_draws_only_what_belongs_to_the_subjects_of_the_step() -> None:
    found = near(candidates([]), 1)
    for draws, allowed in (([0, 1], {"ann"}), ([2], {"bob"}), ([0, 3], {"ann", "bob"})):
        for step in places("modular", [draws] * 8, 6):
            assert {found.owner[place] for place in step} == allowed and len(step) == 6
    own = [place for step in places("modular", [[0]] * 40, 2) for place in step]
    assert {TYPES[place] for place in own[::2]} == {"entity"} and {TYPES[place] for place in own[1::2]} == {"domain"}
    assert set(own[::2]) == {0, 1, 2}, "over the steps, all of them"
    both = Counter(found.owner[place] for step in places("modular", [[0, 2]] * 10, 4) for place in step)
    assert both == {"ann": 20, "bob": 20}


def test_where_the_first_term_rests_its_partner_does() -> None:
    assert places("modular", [[]], 3) == places("sequential", [[]], 3) == [[]]


def test_mistakes_are_told() -> None:
    with pytest.raises(UserError, match="pair with"):
        Paired()(Candidates(KEPT), 2, seed=0, step=0)
    entity = Candidates(KEPT[:6], Lead(GONE, lambda _: GONE))
    with pytest.raises(UserError, match="indirect"):
        Paired("indirect", nearest=1)(entity, 2, seed=0, step=0)
    with pytest.raises(UserError, match="nearest must not be negative"):
        Paired(nearest=-1)(entity, 2, seed=0, step=0)


def test_a_subject_to_which_nobody_belongs_borrows_from_those_most_like_it() -> None:
    """Few retained people beside many forgotten ones: each retained one belongs to one of them only."""
    more = (*GONE, fact("eve", 0, "eve poet"), fact("fay", 0, "fay cook oslo tailor"), fact("", 0, "who ?"))
    few = KEPT[:9]

    def drawn_for(subject: str, kept: tuple[Record, ...], nearest: int = 1) -> set[str]:
        found = Candidates(kept, Lead(more, lambda _: [r for r in more if r.subject == subject]))
        sampler = Paired("modular", nearest)
        return {kept[d.place].subject for step in range(20) for d in sampler(found, 4, seed=0, step=step)}

    assert set(near(Candidates(few, Lead(more, lambda _: ())), 1).owner) == {"ann", "bob", "eve"}
    assert drawn_for("ann", few) == {"al"} and drawn_for("bob", few) == {"cy"} and drawn_for("eve", few) == {"dee"}
    assert drawn_for("fay", few) == drawn_for("fay", few, nearest=0) == {"cy"}
    assert drawn_for("fay", few, nearest=2) == {"cy", "al"}, "of those that share nothing the first by name"
    assert drawn_for("", few) == {"al", "cy", "dee"}, "who has no name is like nobody"
    assert drawn_for("bob", KEPT[:3]) == {"al"}
    assert drawn_for("bob", KEPT[9:10]) == {""}, "one general record goes round"


def test_a_step_is_about_one_subject() -> None:
    found = Candidates((*GONE, fact("ann", 2, "ann"), fact("ann", 3, "ann"), fact("ann", 4, "ann")))
    sampler, subjects = SubjectGrouped(), []
    for step in range(int(sampler.epoch_steps(found, 2))):
        names = {found.records[draw.place].subject for draw in sampler(found, 2, seed=1, step=step)}
        assert len(names) == 1
        subjects += names
    assert Counter(subjects) == {"ann": 3, "bob": 1}


def test_the_method_pairs_what_it_trains_on() -> None:
    """In the steps of a stage: every forget record once per epoch, and by its side its own neighbours."""
    plain = IDK(forget_batch=5, retain_batch=8, optim=Optim(epochs=2.0))
    data = replace(world.splits(1), few=())
    context = Context(data, 0, lambda records: [r.gold for r in records])
    [stage] = MELU(plain).recipe().stages
    assert isinstance(stage, Train)
    steps = drawn(stage, context)
    assert len(steps) == 8
    assert Counter(item.record.id for step in steps for item in step[0]) == {r.id: 2 for r in data.forget}
    found = near(Candidates(data.retain, Lead(data.forget, lambda _: ())), 2)
    owner = {record.id: one for record, one in zip(data.retain, found.owner, strict=True)}
    for forget, kept in steps:
        [subject] = {item.record.subject for item in forget}
        assert len(kept) == 8 and {owner[item.record.id] for item in kept} == {subject}
    assert drawn(stage, context) == steps
    gone = world.forget_authors(1)
    alike = {one.id: max(world.likeness(other, one) for other in gone) for one in world.retain_authors(1)}
    close = {r.subject for r, kind in zip(data.retain, found.types, strict=True) if kind == "entity"}
    shared = sum(alike[one] for one in close) / len(close)
    assert shared >= 1 + sum(alike.values()) / len(alike), "words find those who share facts"


def test_other_terms_and_stages_stay_as_they_are() -> None:
    made, plain = MELU(SMFA(self_batch=2)).recipe(), SMFA(self_batch=2).recipe()
    assert made.stages[2] == plain.stages[2] and made.stages[1] == plain.stages[1], "the anchor has nobody to pair with"
    first, before = made.stages[0], plain.stages[0]
    assert isinstance(first, Train) and isinstance(before, Train)
    assert [type(t.sampler).__name__ for t in first.terms] == ["SubjectGrouped", "Paired", "Uniform"]
    assert [type(t.sampler).__name__ for t in MELU(IDK(), Paired("random")).recipe().stages[0].terms] == [  # type: ignore[union-attr]
        "Uniform", "Paired",
    ]  # fmt: skip


@pytest.mark.parametrize("method", [MEOW(), GradAscent(), ECO()], ids=lambda m: type(m).__name__)
def test_what_keeps_nothing_is_not_paired(method: Method) -> None:
    with pytest.raises(UserError, match="nothing to pair"):
        MELU(method).recipe()
