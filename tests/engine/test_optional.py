"""Terms that are left out where the user gave nothing for them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benign.data.record import Data
from benign.engine.draw import drawn
from benign.engine.recipe import Optim, Term, Train
from benign.errors import UserError
from benign.parts.objectives.cross_entropy import CrossEntropy
from benign.parts.objectives.kl import KLToReference
from benign.parts.targets import Context
from benign.parts.targets.self_answers import SelfAnswers
from tests import toys

OPTIM = Optim(epochs=None, steps=3)
FORGET = Term("forget", CrossEntropy(), on="forget", kinds=("memory",))
KEEP = Term("retain", KLToReference(), on="keep", optional=True)
SEEN = Term("self", KLToReference(), "forget", SelfAnswers(), ("memory",), optional=True)
STRANGE = Term("strangers", KLToReference(), "strangers", SelfAnswers(), optional=True)


def steps(data: Data, *terms: Term) -> list[list[list[str]]]:
    context = Context(data, 0, lambda records: [record.gold for record in records])
    found = drawn(Train("s", terms, OPTIM), context)
    return [[[item.record.id for item in items] for items in step] for step in found]


def test_what_is_not_there_is_not_drawn_and_the_rest_is_drawn_as_if_it_were_not_asked_for() -> None:
    """Strangers that were not given, and pictures of the forget set that it does not have."""
    both, alone = steps(toys.data(), FORGET, KEEP, STRANGE, SEEN), steps(toys.data(), FORGET, KEEP)
    assert [step[:2] for step in both] == alone
    assert all(step[2:] == [[], []] for step in both)
    assert all(step[0] and step[1] for step in both)


def test_a_term_that_must_be_there_still_stops_the_run() -> None:
    bare = Data(forget=toys.data().forget)
    assert steps(bare, FORGET, KEEP) == [[items, []] for (items,) in steps(bare, FORGET)]
    with pytest.raises(UserError, match="records that were not given"):
        steps(bare, FORGET, replace(KEEP, optional=False))
    with pytest.raises(UserError, match="no question to ask"):
        steps(bare, FORGET, replace(SEEN, optional=False))


def test_nothing_at_all_is_no_run() -> None:
    with pytest.raises(UserError, match="no term draws"):
        steps(Data(forget=toys.data().forget), KEEP)
