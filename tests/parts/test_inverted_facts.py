"""Wrong answers to train on: their MEMO by hand, their choice, ties included, and the method made of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from benign.data.record import Data, Message, Record
from benign.engine.draw import drawn
from benign.engine.recipe import Optim, Train
from benign.errors import UserError
from benign.methods.meow import MEOW
from benign.parts.objectives.cross_entropy import CrossEntropy
from benign.parts.objectives.dpo import DirectPreference
from benign.parts.objectives.kl import KLToReference
from benign.parts.targets import Context
from benign.parts.targets.inverted import InvertedFacts

OPTIONS = ("Ann lives in Oslo.", "Ann lives in Lima.", "Ann has moved to Kyiv.")
ANN = Record("ann/city", "Ann", question="Where does Ann live?", answer="Ann lives in Rome.", perturbed=OPTIONS)
TARGET = InvertedFacts()


class Original:
    """Goes on with one text word for word, and remembers what it was asked."""

    def __init__(self, text: str) -> None:
        self.text, self.asked = text, list[str]()

    def __call__(self, records: Sequence[Record]) -> list[str]:
        turns = [record.conversation()[-2].text for record in records]
        self.asked += turns
        begun = [turn.partition("?")[2].strip() for turn in turns]
        return [self.text[len(start) :] if self.text.startswith(start) else "" for start in begun]


def context(original: Original, data: Data | None = None) -> Context:
    return Context(data or Data(forget=(ANN,)), 0, original)


@pytest.mark.parametrize("stride", [1, 5, 7])
def test_an_exact_continuation_has_memo_one_and_silence_none(stride: int) -> None:
    target = InvertedFacts(stride=stride)
    assert target.memo([ANN], [OPTIONS[:1]], context(Original(OPTIONS[0]))) == [[1.0]]
    assert target.memo([ANN], [OPTIONS[:1]], context(Original(""))) == [[0.0]]


@pytest.mark.parametrize("stride", [1, 3, 5, 50])
def test_there_are_as_many_beginnings_as_the_paper_has(stride: int) -> None:
    original = Original("")
    InvertedFacts(stride=stride).memo([ANN], [OPTIONS[:1]], context(original))
    # Beginnings that differ in a space at their end are one question, and still two beginnings.
    assert len(original.asked) == math.ceil((len(OPTIONS[0]) - 1) / stride)
    assert original.asked[0] == "Where does Ann live?"


def test_memo_by_hand() -> None:
    """The model always says 'in Lima'; of the rests of 'Ann lives in Oslo.' some have 'in', none has 'Lima'."""
    target = InvertedFacts(stride=6)  # '', 'Ann li', 'Ann lives in'
    said = context(Original(""))
    always = Context(said.data, 0, lambda records: ["in Lima"] * len(records))
    # 'Ann lives in Oslo.' 1/2; 'ves in Oslo.' 1/2; ' Oslo.' 0
    assert target.memo([ANN], [OPTIONS[:1]], always) == [[pytest.approx(1 / 3)]]


def test_a_conversation_is_asked_in_its_last_question() -> None:
    turns = (Message("user", ("Hello?",)), Message("assistant", ("Hi.",)), Message("user", (ANN.question,)))
    chat = Record("c", "Ann", messages=(*turns, Message("assistant", (ANN.answer,))), perturbed=OPTIONS)
    assert TARGET.memo([chat], [OPTIONS[:2]], context(Original(OPTIONS[0]))) == TARGET.memo(
        [ANN], [OPTIONS[:2]], context(Original(OPTIONS[0]))
    )


def test_the_best_continued_are_chosen_and_the_earlier_of_equals() -> None:
    # The frame is shared: Oslo whole, Lima in its frame, Kyiv in its name alone.
    original = context(Original(OPTIONS[0]))
    [[oslo, lima, kyiv]] = TARGET.memo([ANN], [OPTIONS], original)
    assert oslo == 1.0 > lima > kyiv
    assert InvertedFacts(top=2).chosen([ANN], original) == [OPTIONS[:2]]
    assert InvertedFacts(top=2, choose="smallest").chosen([ANN], original) == [OPTIONS[:0:-1]]
    silent = context(Original(""))
    for choose in ("largest", "smallest"):
        assert InvertedFacts(top=2, choose=choose).chosen([ANN], silent) == [OPTIONS[:2]]  # type: ignore[arg-type]


def test_chance_asks_nothing_and_follows_the_seed() -> None:
    original = Original("")
    target = InvertedFacts(top=1, choose="random")
    seen = {target.chosen([ANN], Context(Data(), seed, original))[0] for seed in range(20)}
    assert seen == {(option,) for option in OPTIONS} and original.asked == []


def test_epochs_go_through_the_chosen_ones() -> None:
    said = InvertedFacts(top=2).answers([ANN] * 5, list(range(5)), context(Original(OPTIONS[0])))
    assert said == [*OPTIONS[:2], *OPTIONS[:2], OPTIONS[0]]


def test_the_right_answer_is_never_taught() -> None:
    twice = replace(ANN, perturbed=("ann lives in rome", "", OPTIONS[1], OPTIONS[1]))
    assert TARGET.chosen([twice], context(Original(""))) == [(OPTIONS[1],)]


def test_without_any_wrong_answer_those_of_others_are_told_of_the_subject() -> None:
    bare = replace(ANN, perturbed=())
    others = (
        Record("bob/city", "Bob", question="Where does Bob live?", answer="Bob lives in Quito."),
        Record("bob/pet", "Bob", question="What pet has Bob?", answer="Bob has a cat."),
    )
    with_others = context(Original(""), Data(forget=(bare,), retain=others))
    assert TARGET.candidates((bare,), with_others) == (bare,)
    assert TARGET.chosen([bare], with_others) == [("Ann lives in Quito.",)]
    with pytest.raises(UserError, match="no wrong answer, the first is 'ann/city'"):
        TARGET.candidates((bare,), context(Original("")))
    with pytest.raises(UserError, match="at least 1"):
        InvertedFacts(top=0).candidates((ANN,), with_others)


def test_the_variants_are_the_official_losses() -> None:
    def terms(**settings: object) -> list[tuple[str, object, str, float]]:
        [stage] = MEOW(**settings).recipe().stages  # type: ignore[arg-type]
        assert isinstance(stage, Train)
        assert all(t.target == InvertedFacts() for t in stage.terms if t.on == "forget")
        return [(t.name, t.objective, t.on, t.weight) for t in stage.terms]

    assert terms() == [("forget", CrossEntropy(), "forget", 1.0)]
    assert terms(variant="grad_diff") == [
        ("forget", CrossEntropy(), "forget", 0.9), ("retain", CrossEntropy(), "keep", 0.1),
    ]  # fmt: skip
    assert terms(variant="kl") == [("forget", CrossEntropy(), "forget", 1.0), ("close", KLToReference(), "forget", 1.0)]
    assert terms(variant="dpo", beta=0.2) == [("forget", DirectPreference(0.2), "forget", 1.0)]


def test_what_is_drawn_is_wrong_and_preferred_to_what_is_right() -> None:
    data = Data(forget=(ANN, replace(ANN, id="ann/2")))
    [stage] = MEOW(variant="dpo", forget_batch=2, optim=Optim(epochs=3.0)).recipe().stages
    assert isinstance(stage, Train)
    steps = drawn(stage, context(Original(OPTIONS[0]), data))
    assert {(item.answer, item.other) for step in steps for item in step[0]} == {(o, ANN.answer) for o in OPTIONS}
