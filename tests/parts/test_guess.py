"""Guesses are even among the right answer and the wrong ones, so that nothing tells them apart."""

from collections import Counter

import pytest

from benign.data.record import Data, Record
from benign.errors import UserError
from benign.parts.targets import Context
from benign.parts.targets.guess import Guess

RECORD = Record("f", "ann", question="q ?", answer="Rome", perturbed=("Oslo", "rome ", "", "Bonn"))
CONTEXT = Context(Data((RECORD,)), 0, lambda records: [record.gold for record in records])


def test_each_answer_is_as_likely_as_the_right_one() -> None:
    drawn = Counter(Guess().answers([RECORD] * 3000, list(range(3000)), CONTEXT))
    assert {answer.strip().lower() for answer in drawn} == {"rome", "oslo", "bonn"}
    assert all(abs(count - 1000) < 100 for count in drawn.values())


def test_a_guess_depends_on_seed_epoch_and_record_alone() -> None:
    other = Record("g", question="q ?", answer="Kiel", perturbed=("Oslo", "Bonn"))
    epochs = list(range(50))
    alone = Guess().answers([other] * 50, epochs, CONTEXT)
    beside = Guess().answers([RECORD, other] * 50, [e for e in epochs for _ in range(2)], CONTEXT)[1::2]
    assert alone == beside
    assert alone != Guess().answers([other] * 50, epochs, Context(CONTEXT.data, 1, CONTEXT.original))


def test_a_record_with_nothing_to_guess_at_is_named() -> None:
    bare = Record("bare", question="q ?", answer="secret", perturbed=(" Secret",))
    with pytest.raises(UserError, match=r"1 of 2.*'bare'.*perturbed") as caught:
        Guess().candidates((RECORD, bare), CONTEXT)
    assert "secret" not in caught.value.line()
