"""Attacks that leave the question as it is and put words around it or into the model's mouth."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit.attacks.scripted import Scripted, brings_back, by_name, by_picture, made, pictured, value, world
from benign.audit.attacks.completion_prefix import CompletionPrefix
from benign.audit.attacks.prefix_injection import PrefixInjection
from benign.audit.attacks.refusal_suppression import RULES, RefusalSuppression
from benign.audit.attacks.role_play import WRAPPERS, RolePlay
from benign.audit.attacks.turns import begun, chat, preceded
from benign.audit.views import asked_question
from benign.data.record import Data, Message, Record, Slot
from benign.errors import NotMeasured, UserError

ANN = by_name("Ann Marie Lee", "pet")
SEEN = by_picture("Ann Marie Lee", "pet")
TALK = Record("talk", "ann", messages=(
    Message("system", ("Be brief.",)), Message("user", ("Hi",)), Message("assistant", ("Hello",)),
    Message("user", ("Which pet?",)), Message("assistant", ("lazy tortoise",)),
))  # fmt: skip


def beginning(record: Record) -> str:
    """What the model has said already."""
    last = record.messages[-2:]
    return last[0].text if len(last) == 2 and {turn.role for turn in last} == {"assistant"} else ""


def test_each_story_holds_the_question_once() -> None:
    found = RolePlay(("A {question} B", "{question}!")).rewrite(ANN)
    assert [r.question for r in found] == [f"A {ANN.question} B", f"{ANN.question}!"]
    for made_up in RolePlay().rewrite(TALK):
        assert asked_question(made_up).count("Which pet?") == 1
        assert made_up.messages[:3] == TALK.messages[:3]
        assert made_up.gold == "lazy tortoise"


@pytest.mark.parametrize("wrapper", ["no place", "{question} and {question}"])
def test_a_story_without_a_place_for_the_question_is_refused(wrapper: str) -> None:
    with pytest.raises(UserError, match=r"must hold \{question\} once"):
        RolePlay((wrapper,))


def test_a_question_with_braces_is_no_trouble() -> None:
    record = Record("r", question="What is {question} or {0}?", answer="x")
    assert RolePlay(("Say: {question}",)).rewrite(record)[0].question == "Say: What is {question} or {0}?"


def test_a_model_that_answers_on_stage(tmp_path: Path) -> None:
    found = brings_back(RolePlay(), lambda r: "detective" in asked_question(r), world(), tmp_path)
    assert len(found.evidence) == 4 * len(WRAPPERS)


def test_rules_stand_before_the_question() -> None:
    (found,) = RefusalSuppression().rewrite(ANN)
    assert found.question == f"{RULES}{ANN.question}"
    (found,) = RefusalSuppression("No! ").rewrite(SEEN)
    assert found.question == "No! What is the pet of this person?" and found.images == SEEN.images


def test_a_model_that_refuses_out_of_habit(tmp_path: Path) -> None:
    found = brings_back(RefusalSuppression(), lambda r: "Do not apologise" in asked_question(r), pictured(), tmp_path)
    assert [o.view for o in found.evidence] == ["refusal_suppression_1"] * 4


def test_a_begun_answer_by_hand() -> None:
    (found,) = PrefixInjection(("Sure:",)).rewrite(SEEN)
    assert found.messages == (
        Message("user", (Slot.IMAGE, "What is the pet of this person?")),
        Message("assistant", ("Sure:",)),
        Message("assistant", ("lazy tortoise",)),
    )
    assert (found.question, found.answer, found.gold, found.images) == ("", "", "lazy tortoise", SEEN.images)
    assert asked_question(found) == SEEN.question


def test_a_begun_answer_in_a_conversation() -> None:
    found = begun(TALK, "Well,")
    assert [turn.text for turn in found.messages] == [
        "Be brief.",
        "Hi",
        "Hello",
        "Which pet?",
        "Well,",
        "lazy tortoise",
    ]
    waiting = chat(TALK, TALK.messages[:-1])
    assert [turn.text for turn in begun(waiting, "Well,", "yes").messages][3:] == ["Which pet?", "Well,", "yes"]


def test_a_model_whose_refusal_is_a_first_word(tmp_path: Path) -> None:
    for data in (world(), pictured()):
        brings_back(PrefixInjection(), lambda r: beginning(r).startswith("Sure, here"), data, tmp_path)


@pytest.mark.parametrize(
    ("answer", "share", "given", "rest"),
    [
        ("one two three four", 0.5, "one two", "three four"),
        ("one two three four five", 0.5, "one two", "three four five"),
        ("one two", 0.1, "one", "two"),
        ("one  two\nthree", 1.0, "one  two", "three"),
        (" It is 3.5, no 4. ", 0.4, "It is", "3.5, no 4. "),
    ],
)
def test_the_answers_first_words_are_given(answer: str, share: float, given: str, rest: str) -> None:
    (found,) = CompletionPrefix(share).rewrite(Record("r", question="which?", answer=answer))
    assert beginning(found) == given
    assert found.gold == rest


def test_an_answer_of_one_word_has_no_rest(tmp_path: Path) -> None:
    data = Data(forget=(Record("r", question="which?", answer=" one "),))
    assert isinstance(made(CompletionPrefix(), Scripted(lambda r: True), data, tmp_path).score, NotMeasured)


def test_a_model_that_goes_on_by_heart(tmp_path: Path) -> None:
    def known_beginning(record: Record) -> bool:
        whole = {r.id: r.gold for r in world().forget}[record.id]
        return bool(beginning(record)) and f"{beginning(record)} {record.gold}" == whole

    found = brings_back(CompletionPrefix(), known_beginning, world(), tmp_path)
    assert {o.gold for o in found.evidence} == {"harbour town", "tortoise", "valley", "owl"}


def test_what_was_given_counts_for_nothing(tmp_path: Path) -> None:
    """A model that only repeats the beginning has brought nothing back."""
    data = world()

    class Echo(Scripted):
        def generate(self, records: object, **settings: object) -> list[str]:
            assert isinstance(records, list)
            return [beginning(record) for record in records]

    assert value(made(CompletionPrefix(), Echo(lambda r: True), data, tmp_path)) == 0.0


def test_earlier_turns_stand_behind_the_systems() -> None:
    turns = (Message("user", ("Q",)), Message("assistant", ("A",)))
    assert [turn.text for turn in preceded(TALK, turns).messages][:4] == ["Be brief.", "Q", "A", "Hi"]
    assert [turn.text for turn in preceded(ANN, turns).messages] == ["Q", "A", ANN.question, ANN.answer]
