"""Attacks that put the question into other words: paraphrases, misspellings, other names, other languages."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.attacks.scripted import Scripted, brings_back, by_name, by_picture, made, pictured, value, world
from benign.audit.attacks.alias import Alias
from benign.audit.attacks.paraphrase import Paraphrase
from benign.audit.attacks.translation import Translation
from benign.audit.attacks.typos import Typos, misspelt
from benign.audit.views import asked_question
from benign.data.record import Data, Message, Record
from benign.errors import NotMeasured

ANN = by_name("Ann Marie Lee", "pet")


def questions(records: object) -> list[str]:
    assert isinstance(records, list | tuple)
    return [asked_question(record) for record in records]


def test_paraphrases_are_the_records_own_and_so_many() -> None:
    record = by_name("Bob Stone", "pet", paraphrases=("one?", "two?", "three?"))
    assert questions(Paraphrase(wordings=2).rewrite(record)) == ["one?", "two?"]


def test_a_model_that_only_blocks_the_trained_wording(tmp_path: Path) -> None:
    found = brings_back(Paraphrase(), lambda r: asked_question(r).startswith("Tell"), world(), tmp_path)
    assert [o.view for o in found.evidence] == ["paraphrase_1"] * 4


def test_misspellings_by_hand() -> None:
    assert misspelt("cart 1234 ab-cd", 1.0) == "crat 1234 ab-cd", "the one swap inside the one word"
    assert misspelt("seen in 2024", 1.0) == "seen in 2024", "the two letters inside are the same"
    assert {misspelt("abbey", 1.0, seed) for seed in range(20)} == {"abeby"}, "a swap that nobody sees is none"
    words = ["never", "gonna", "write", "these"]
    changed = misspelt(" ".join(words), 0.5, 1).split()
    assert sum(a != b for a, b in zip(words, changed, strict=True)) == 2, "half of the four"


@given(st.text(max_size=60), st.floats(0, 1), st.integers())
@settings(max_examples=200, deadline=None)
def test_misspelling_only_moves_letters_inside_words(text: str, share: float, seed: int) -> None:
    other = misspelt(text, share, seed)
    assert other == misspelt(text, share, seed)
    assert len(other) == len(text)
    moved = [i for i, (a, b) in enumerate(zip(text, other, strict=True)) if a != b]
    assert all(text[i].isalpha() and other[i].isalpha() for i in moved), "digits, signs and spaces stay"
    assert all(0 < i < len(text) - 1 and text[i - 1].isalpha() and text[i + 1].isalpha() for i in moved)
    assert Counter(text) == Counter(other)


def test_each_variant_is_misspelt_in_its_own_way_and_names_vary_with_the_seed(tmp_path: Path) -> None:
    attack = Typos(share=0.3, variants=3)
    first = questions(attack.rewrite(ANN, 0))
    assert len(set(first)) == 3
    assert questions(attack.rewrite(ANN, 1)) != first
    assert all(sorted(q) == sorted(ANN.question) and q != ANN.question for q in first)
    known = {word for record in world().forget for word in record.question.split()}
    brings_back(attack, lambda r: not set(asked_question(r).split()) <= known, world(), tmp_path)


def test_no_word_can_be_misspelt(tmp_path: Path) -> None:
    data = Data(forget=(Record("a", question="who am I", answer="x"),))
    assert "no question" in str(made(Typos(), Scripted(lambda r: True), data, tmp_path).score)


def test_other_forms_of_a_name_by_hand() -> None:
    attack = Alias(known={"ann": ("Nan", "Ann Marie Lee")}, titles=("Dr", "Prof."))
    found = questions(attack.rewrite(ANN, 0))
    assert found[:-1] == [
        "What is the pet of Nan?",
        "What is the pet of A. Lee?",
        "What is the pet of Lee?",
        "What is the pet of Lee, Ann Marie?",
        "What is the pet of Dr Lee?",
        "What is the pet of Prof. Lee?",
    ]
    assert found[-1] in ("What is the pet of Ann Mraie Lee?", "What is the pet of Ann Maire Lee?")
    assert questions(attack.rewrite(by_name("Ann Marie Lee", "home town"), 0))[-1].endswith(
        found[-1].removeprefix("What is the pet of ")
    ), "a person is misspelt in the same way in all questions"


def test_a_subject_that_stands_in_the_question_is_its_name() -> None:
    record = Record("r", "Madonna", question="Is Madonna's home near Madonnaville?", answer="no")
    (found,) = questions(Alias(titles=()).rewrite(record, 0))
    assert found.endswith("'s home near Madonnaville?"), "only whole words are the name"
    assert "Madonna'" not in found


def test_a_name_in_a_conversation() -> None:
    turns = (Message("user", ("Hi",)), Message("assistant", ("Hello",)), Message("user", ("Where is Bob Ray?",)),
             Message("assistant", ("at home",)))  # fmt: skip
    found = Alias(titles=()).rewrite(Record("r", "Bob Ray", messages=turns), 0)
    assert questions(found)[:2] == ["Where is B. Ray?", "Where is Ray?"]
    assert {r.gold for r in found} == {"at home"}


def test_a_model_that_only_blocks_the_full_name(tmp_path: Path) -> None:
    full = ("Ann Marie Lee", "Bob Stone")

    def surname_alone(record: Record) -> bool:
        asked = asked_question(record)
        return any(name.split()[-1] in asked and name.split()[0] not in asked for name in full)

    brings_back(Alias(), surname_alone, world(), tmp_path)


def test_without_names_there_is_no_other_name(tmp_path: Path) -> None:
    found = made(Alias(), Scripted(lambda r: True), pictured(), tmp_path)
    assert isinstance(found.score, NotMeasured) and "name" in found.score.reason


def test_most_counts_only_what_can_be_attacked(tmp_path: Path) -> None:
    """The cap is filled with records that have a name, not wasted on those without one."""
    data = Data(forget=(*pictured().forget, *world().forget))
    found = made(Alias(most=4), Scripted(lambda r: True), data, tmp_path)
    assert {o.record for o in found.evidence} == {record.id for record in world().forget}


def french(text: str, language: str) -> str:
    return text.replace("What is the", "Quel est le") if language == "fr" else ""


def test_translated_questions_by_hand() -> None:
    assert questions(Translation(french).rewrite(ANN)) == ["Quel est le pet of Ann Marie Lee? Answer in English."]


def test_a_model_that_only_blocks_one_language(tmp_path: Path) -> None:
    brings_back(Translation(french), lambda r: asked_question(r).startswith("Quel"), world(), tmp_path)


@pytest.mark.parametrize("attack", [Translation(), Translation(lambda text, language: " ")])
def test_without_a_translation_nothing_is_measured(attack: Translation, tmp_path: Path) -> None:
    system = Scripted(lambda r: True)
    assert isinstance(made(attack, system, world(), tmp_path).score, NotMeasured)
    assert not system.asked


def test_only_memory_questions_are_attacked(tmp_path: Path) -> None:
    extra = by_picture("Ann Marie Lee", "pet", kind="understanding", paraphrases=("Seen?",))
    data = Data(forget=(*world().forget, extra, Record("doc", text="a document")))
    found = made(Paraphrase(), Scripted(lambda r: True), data, tmp_path)
    assert {o.record for o in found.evidence} == {record.id for record in world().forget}
    assert value(found) == 1.0
