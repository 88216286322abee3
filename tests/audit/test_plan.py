from __future__ import annotations

from collections import Counter

import pytest

from audit.answering import PICTURE, question
from benign.audit.plan import AUDITED, asked_question, plan, reworded, spread
from benign.audit.views import TEXT_ONLY, WRAPPED
from benign.data.record import Data, Message, Record, Slot
from benign.errors import UserError


def crowd(people: int, each: int) -> tuple[Record, ...]:
    return tuple(
        question(i, subject=f"p{p:02d}", image=i % 2 == 0, kind="memory" if i < each // 2 else "understanding")
        for p in range(people)
        for i in range(each)
    )


def test_forget_memory_is_also_asked_in_other_words_and_nothing_else_is() -> None:
    words = ("one?", "two?", "three?", "four?")
    memory, seeing = question(0, paraphrases=words), question(1, kind="understanding", paraphrases=words)
    asks = plan(Data(forget=(memory, seeing), retain=(question(2, subject="bob", paraphrases=words),)))
    views = [(ask.split, ask.record.id, ask.view) for ask in asks]
    assert views == [
        ("forget", "ann-0", "as_is"), ("forget", "ann-0", "paraphrase_1"), ("forget", "ann-0", "paraphrase_2"),
        ("forget", "ann-0", "paraphrase_3"), ("forget", "ann-1", "as_is"), ("retain", "bob-2", "as_is"),
    ]  # fmt: skip
    assert [ask.record.question for ask in asks[:3]] == ["what is 0?", "one?", "two?"]
    assert asks[1].record.images == (PICTURE,)


def test_choices_are_scored_in_the_splits_that_ask_for_it_and_never_for_what_is_seen() -> None:
    chosen = {"options": ("a", "b")}
    data = Data(
        forget=(question(0, **chosen), question(1, kind="understanding", **chosen)),
        general=(question(2, kind="general", **chosen),),
    )

    def scored(*splits: str) -> set[str]:
        return {ask.record.id for ask in plan(data, choices=splits) if ask.record.options}

    assert {ask.record.id for ask in plan(data) if ask.record.options} == {"ann-0"}
    assert (scored("general"), scored("forget", "general")) == ({"ann-2"}, {"ann-0", "ann-2"})


def test_few_and_strangers_are_not_asked() -> None:
    asks = plan(Data(few=(question(0),), strangers=(question(1),), holdout=(question(2),), general=(question(3),)))
    assert [ask.split for ask in asks] == ["holdout", "general"]
    assert {"few", "strangers"}.isdisjoint(AUDITED)


def test_a_cap_is_spread_over_subjects_kinds_and_routes() -> None:
    chosen = spread(crowd(10, 12), 40)
    assert Counter(record.subject for record in chosen) == dict.fromkeys((f"p{p:02d}" for p in range(10)), 4)
    cells = {(r.subject, r.kind, bool(r.images)) for r in chosen}
    assert len(cells) == 40, "four of a person's questions are one of each kind and route"


def test_a_cap_below_the_number_of_subjects_still_asks_every_kind() -> None:
    chosen = spread(crowd(10, 12), 8)
    assert max(Counter(record.subject for record in chosen).values()) == 1
    assert len({(record.kind, bool(record.images)) for record in chosen}) == 4


def test_the_choice_ignores_the_order_of_the_records_and_keeps_it() -> None:
    records = crowd(7, 9)
    chosen = spread(records, 20)
    assert {r.id for r in spread(records[::-1], 20)} == {r.id for r in chosen}
    assert [r.id for r in chosen] == [r.id for r in records if r in chosen]
    assert spread(records, None) == records
    assert spread(records, len(records)) == records


def test_rewording_a_chat_changes_the_last_question_and_keeps_its_pictures() -> None:
    turns = (
        Message("user", (Slot.IMAGE, "hello")), Message("assistant", ("hi",)),
        Message("user", (Slot.IMAGE, "who?")), Message("assistant", ("ann",)),
    )  # fmt: skip
    record = reworded(Record("x", images=(PICTURE, PICTURE), messages=turns), "name?")
    assert record.messages == (*turns[:2], Message("user", (Slot.IMAGE, "name?")), turns[3])
    assert asked_question(record) == "name?"
    assert asked_question(Record("y", text="a plain document")) == ""


def test_two_records_of_one_id_are_refused() -> None:
    with pytest.raises(UserError, match="appears twice"):
        plan(Data(forget=(question(1), question(1))))


def test_only_the_forgotten_memory_brings_its_choices() -> None:
    choice = Record("m", "ann", question="q ?", answer="a", options=("a", "b"), paraphrases=("p ?",))
    seen = Record("u", "ann", question="q ?", answer="a", options=("a", "b"), kind="understanding")
    kept = Record("r", "bob", question="q ?", answer="a", options=("a", "b"))
    asks = plan(Data(forget=(choice, seen), retain=(kept,)))
    assert [(ask.record.id, ask.view) for ask in asks if ask.record.options] == [("m", "as_is")]


def test_other_answers_are_scored_only_where_a_split_asks_for_them() -> None:
    fields = {"perturbed": ("wrong",), "rewordings": ("right",)}
    memory, seeing = question(0, paraphrases=("p?",), **fields), question(1, kind="understanding", **fields)
    data = Data(forget=(memory, seeing), retain=(question(2, subject="bob", **fields),))
    assert not any(ask.record.perturbed or ask.record.rewordings for ask in plan(data))
    asks = plan(data, alternatives=("forget",))
    assert [(a.record.id, a.view) for a in asks if a.record.perturbed] == [("ann-0", "as_is")]
    assert [(a.record.id, a.view) for a in asks if a.record.rewordings] == [("ann-0", "as_is")]


def test_views_are_asked_of_the_forgotten_memory_that_has_them() -> None:
    data = Data(forget=(question(0), question(1, image=False)), retain=(question(2, subject="bob"),))
    asks = plan(data, views=(TEXT_ONLY, WRAPPED))
    assert [(a.record.id, a.view) for a in asks if a.view != "as_is"] == [
        ("ann-0", "text_only"), ("ann-0", "wrapped"), ("ann-1", "wrapped"),
    ]  # fmt: skip
