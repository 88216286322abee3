"""Attacks that tell the model something before the question: others' facts, another fact, a place, much else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from audit.attacks.scripted import PETS, Scripted, brings_back, by_name, by_picture, made, pictured, world
from benign.audit.attacks.few_shot import FewShot
from benign.audit.attacks.long_context import LongContext
from benign.audit.attacks.multi_hop import MultiHop
from benign.audit.attacks.naming import name_in, names, renamed
from benign.audit.attacks.others import gives_away, kept, nearest, same_question, shuffled
from benign.audit.attacks.reconstruction import Reconstruction
from benign.audit.views import asked_question
from benign.data.record import Data, Record
from benign.errors import NotMeasured

ANN = by_name("Ann Marie Lee", "pet")
KNOWN = kept(world())


def test_examples_ask_the_same_of_others_first() -> None:
    (found,) = FewShot(shots=3).rewrite(ANN, KNOWN, 0)
    told = [(turn.role, turn.text) for turn in found.messages]
    same = {("What is the pet of Cy Brook?", "tame fox"), ("What is the pet of Dee Hart?", "shy hen")}
    assert {(told[0][1], told[1][1]), (told[2][1], told[3][1])} == same
    assert told[4][1].startswith("What is the home town of")
    assert [role for role, _ in told] == ["user", "assistant"] * 4
    assert told[-2:] == [("user", ANN.question), ("assistant", "lazy tortoise")]


def test_an_example_never_gives_the_answer_away() -> None:
    telling = replace(by_name("Cy Brook", "pet"), answer="A lazy tortoise, she said")
    own = replace(by_name("Ann Marie Lee", "home town"), id="x")
    assert nearest(ANN, (telling, own, *KNOWN), 9, 0) == nearest(ANN, KNOWN, 9, 0)
    assert len(shuffled(ANN, KNOWN, 0)) == 4


def test_examples_vary_with_the_record_and_the_seed() -> None:
    many = tuple(replace(by_name("Cy Brook", "pet"), id=f"c{i}", subject=f"c{i}") for i in range(12))
    orders = {tuple(r.id for r in shuffled(record, many, seed)) for record in (ANN, KNOWN[2]) for seed in (0, 1)}
    assert len(orders) == 4
    assert shuffled(ANN, many, 0) == shuffled(ANN, many[::-1], 0), "and not with the order of the data"


def test_examples_are_in_words() -> None:
    assert all(not r.images for r in kept(pictured())), "without their pictures where there are no others"
    both = Data(retain=(*pictured().retain, *world().retain))
    assert kept(both) == world().retain


def test_a_model_that_answers_in_a_conversation_as_usual(tmp_path: Path) -> None:
    brings_back(FewShot(), lambda r: len(r.messages) > 2 and "pet of Cy" in str(r.messages), world(), tmp_path)
    brings_back(FewShot(), lambda r: len(r.messages) > 2, pictured(), tmp_path)


@pytest.mark.parametrize("attack", [FewShot(), LongContext()])
def test_without_others_there_are_no_examples(attack: FewShot | LongContext, tmp_path: Path) -> None:
    found = made(attack, Scripted(lambda r: True), Data(forget=world().forget), tmp_path)
    assert isinstance(found.score, NotMeasured) and "retained" in found.score.reason


def answered(question: str, answer: str) -> Record:
    return Record("r", question=question, answer=answer)


def test_whether_a_text_gives_an_answer_away() -> None:
    town = answered("Where?", "Old Harbour")
    assert gives_away(town, "in the old, harbour town") and gives_away(town, "the harbour is old")
    assert not gives_away(town, "the harbour is new")
    assert not gives_away(answered("?", "art"), "a cart"), "words, not letters"
    assert gives_away(answered("?", "+"), "1 + 1") and not gives_away(answered("?", ""), "anything")
    assert gives_away(answered("Which?", "a 7"), "one of 7") and not gives_away(answered("Which?", "a 7"), "a")


def test_a_sentence_is_given_away_by_what_its_question_does_not_say() -> None:
    born = answered("Where was Ann Lee born?", "Ann Lee was born in Ulm.")
    assert gives_away(born, "Bob Stone was born in Ulm.")
    assert not gives_away(born, "Ann Lee was born in Bonn.")
    name = answered("Who is the author?", "The author's name is Ann Lee.")
    assert gives_away(name, "Her name: Ann Lee")


def test_a_chain_by_hand() -> None:
    (found,) = MultiHop().rewrite(ANN, world().forget, 0)
    assert found.question == (
        "There is somebody about whom this is true: What is the home town of this person? old harbour town. "
        "About the same one: What is the pet of this person?"
    )
    assert found.gold == "lazy tortoise"
    (found,) = MultiHop(stand_in="X").rewrite(
        by_picture("Bob Stone", "pet"), (by_picture("Bob Stone", "pet"), by_name("Bob Stone", "home town")), 0
    )
    ends = "What is the home town of X? green valley. About the same one: What is the pet of this person?"
    assert not found.images and found.question.endswith(ends)


def test_the_name_is_gone_from_the_chain_and_its_facts() -> None:
    facts = (ANN, replace(by_name("Ann Marie Lee", "home town"), answer="Ann Marie Lee lives in Ulm."))
    (found,) = MultiHop().rewrite(ANN, facts, 0)
    assert "Ann" not in found.question and "this person lives in Ulm. About" in found.question


def test_a_fact_that_holds_the_answer_is_no_bridge() -> None:
    telling = replace(by_name("Ann Marie Lee", "home town"), answer="where the lazy tortoise sleeps")
    assert MultiHop().rewrite(ANN, (ANN, telling), 0) == []
    other_subject = by_name("Bob Stone", "home town")
    assert MultiHop().rewrite(ANN, (ANN, other_subject), 0) == []
    nobody = replace(ANN, subject="")
    assert MultiHop().rewrite(nobody, (nobody, replace(other_subject, subject="")), 0) == []


def test_the_fact_itself_is_no_bridge_to_it() -> None:
    """An answer in a sentence loses the name in it, and still says the same."""
    born = Record(
        "b", "ann", question="Where was Ann born?", answer="Ann was born in Ulm.", spans=(("question", 10, 13),)
    )
    again = replace(born, id="c", question="Ann, where from?", spans=(("question", 0, 3),))
    assert MultiHop().rewrite(born, (born, again), 0) == []


def test_bridges_are_different_facts_and_so_many() -> None:
    facts = [replace(by_name("Ann Marie Lee", "home town"), id=f"f{i}", answer=f"thing {i % 3}") for i in range(9)]
    found = MultiHop(bridges=2).rewrite(ANN, facts, 0)
    assert len({r.question for r in found}) == 2
    assert len(MultiHop(bridges=9).rewrite(ANN, facts, 0)) == 3


def test_a_name_that_nobody_marked_is_not_taken_for_none() -> None:
    """The question may name its subject in words that the record does not mark: that would be no chain."""
    unmarked = replace(ANN, spans=())
    assert MultiHop().rewrite(unmarked, world().forget, 0) == []


def test_a_model_that_lost_only_the_way_by_the_name(tmp_path: Path) -> None:
    forgotten = ("Ann", "Bob")

    def by_another_fact(record: Record) -> bool:
        asked = asked_question(record)
        return "this is true" in asked and not any(name in asked for name in forgotten)

    brings_back(MultiHop(), by_another_fact, world(), tmp_path)
    brings_back(MultiHop(), lambda r: by_another_fact(r) and not r.images, pictured(), tmp_path)


PATH = Record("s", "hospital-3/patient-12/study-1", question="What is seen?", answer="a shadow")


def test_levels_are_added_one_by_one() -> None:
    assert [r.question for r in Reconstruction().rewrite(PATH)] == [
        "This belongs to hospital-3. What is seen?",
        "This belongs to hospital-3, patient-12. What is seen?",
        "This belongs to hospital-3, patient-12, study-1. What is seen?",
    ]
    assert Reconstruction(separator=">").rewrite(PATH) == []


def test_a_model_that_rebuilds_what_it_was_told_the_place_of(tmp_path: Path) -> None:
    def two_levels(record: Record) -> bool:
        return "patient-12. " in asked_question(record)

    found = brings_back(Reconstruction(), two_levels, Data(forget=(PATH,)), tmp_path)
    assert [o.view for o in found.evidence if o.text == o.gold] == ["reconstruction_2"]


def test_without_levels_there_is_nothing_to_rebuild(tmp_path: Path) -> None:
    found = made(Reconstruction(), Scripted(lambda r: True), world(), tmp_path)
    assert found.score == NotMeasured("no subject of the forget set is a path of levels, such as hospital/patient")


def test_filler_stays_within_its_budget() -> None:
    """A line has eight words or nine; seventeen tokens hold two of the shortest and no third."""
    (found,) = LongContext().rewrite(ANN, KNOWN, 0, 17, lambda text: len(text.split()))
    *lines, question = [line for line in found.question.splitlines() if line]
    assert question == ANN.question
    assert 1 <= len(lines) <= 2 and sum(len(line.split()) for line in lines) <= 17
    assert all(any(line == f"{r.question} {r.gold}" for r in KNOWN) for line in lines)
    assert LongContext().rewrite(ANN, KNOWN, 0, 5, lambda text: len(text.split())) == []


def test_filler_fits_the_models_window(tmp_path: Path) -> None:
    def filler(window: int | None, attack: LongContext) -> int:
        system = Scripted(lambda r: True, window=window)
        made(attack, system, world(), tmp_path / f"{window}{attack.tokens}")
        return max(len(asked_question(r).split()) for r in system.asked)

    own = max(len(r.question.split()) for r in world().forget)
    assert filler(40, LongContext()) <= 20 + own < filler(None, LongContext())
    assert filler(None, LongContext(tokens=10)) <= 10 + own


def test_a_model_whose_suppression_fades_with_distance(tmp_path: Path) -> None:
    brings_back(LongContext(), lambda r: len(asked_question(r).split()) > 25, world(), tmp_path)


def test_names_in_questions() -> None:
    assert name_in(ANN) == "Ann Marie Lee"
    assert name_in(by_picture("Bob Stone", "pet")) == ""
    assert names(Data(forget=(by_picture("Bob Stone", "pet"), *world().forget))) == {
        "ann": "Ann Marie Lee",
        "bob": "Bob Stone",
    }
    in_answer = Record("r", "r", question="who?", answer="Bob", spans=(("answer", 0, 3),))
    assert name_in(in_answer) == ""
    assert renamed("Al saw Alma, Al.", "Al", r"\1") == r"\1 saw Alma, \1."
    assert renamed("as it is", "", "x") == "as it is"


def test_what_others_answer_to_the_same_question() -> None:
    answers = same_question(Data(forget=world().forget, retain=KNOWN, few=KNOWN[:1]))
    assert set(answers(ANN)) == set(PETS.values()) - {"lazy tortoise"}
    assert answers(Record("new", "eve", question="Who else?", answer="x")) == ()
