"""Which attacks there are, what a group holds, and what an attack's column is called."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from benign.audit import attack_columns
from benign.audit.attacks import Cost, Found, Ground
from benign.audit.attacks import catalogue as attacks
from benign.audit.attacks.relearn import Relearn
from benign.audit.columns import column
from benign.errors import NotMeasured, UserError


@dataclass(frozen=True)
class TwoWords:
    """Does nothing. And says so."""

    cost: ClassVar[Cost] = "fast"
    share: float = 0.5

    def __call__(self, ground: Ground) -> Found:
        return Found(NotMeasured("nothing was tried"))


def test_every_file_with_an_attack_is_found_and_nothing_else() -> None:
    assert "relearn" in attacks.names()
    assert not {"attacked", "catalogue", "__init__"} & set(attacks.names())
    assert attacks.find("relearn") is Relearn
    with pytest.raises(UserError, match="did you mean 'relearn'"):
        attacks.find("relern")


@pytest.mark.parametrize("name", attacks.names())
def test_every_attack_can_be_made_and_says_what_it_does(name: str) -> None:
    attack = attacks.find(name)()
    assert attacks.name_of(attack) == name
    assert attack.cost in attacks.GROUPS
    assert 20 < len(attack_columns.meaning(name)) < 250 and attack_columns.meaning(name).endswith(".")
    assert repr(attack) == repr(attacks.find(name)()), "an outcome is cached by it"


def test_a_group_holds_the_cheaper_ones() -> None:
    fast, standard, every = (attacks.group(name) for name in attacks.GROUPS)
    assert {attack.cost for attack in fast} <= {"fast"}
    assert {attack.cost for attack in standard} <= {"fast", "standard"}
    assert [type(a) for a in standard[: len(fast)]] == [type(a) for a in fast]
    assert [type(a) for a in every[: len(standard)]] == [type(a) for a in standard]
    assert sorted(map(attacks.name_of, every)) == list(attacks.names())
    assert Relearn() in standard and Relearn() not in fast


def test_what_a_user_types() -> None:
    assert attacks.chosen("none") == ()
    assert attacks.chosen("standard") == attacks.group("standard")
    assert attacks.chosen("relearn, relearn") == (Relearn(),)
    assert attacks.chosen("fast,relearn") == (*attacks.group("fast"), Relearn())
    assert attacks.chosen("standard,relearn") == attacks.group("standard")
    with pytest.raises(UserError, match=r"--attacks: unknown attack 'slow'.*fast.*relearn"):
        attacks.chosen("relearn,slow")


def test_an_attack_is_called_by_its_file_and_by_what_its_budget_differs_in() -> None:
    assert attacks.name_of(Relearn(steps=100)) == "relearn_steps_100"
    assert attacks.name_of(TwoWords(share=0.25)) == "two_words_share_0_25"


def test_relearning_has_the_column_that_it_always_had() -> None:
    assert list(attacks.columns_of([Relearn(steps=9)])) == ["relearned_memory"]
    found = attacks.columns_of([TwoWords(), Relearn(), Relearn(steps=9)])
    assert list(found) == ["attack_two_words", "relearned_memory", "attack_relearn_steps_9"]
    with pytest.raises(UserError, match="the attack two_words twice"):
        attacks.columns_of([TwoWords(), TwoWords()])


def test_an_attacks_column_is_known_though_no_list_holds_it() -> None:
    known = column("attack_relearn_steps_9")
    assert known is not None
    assert (known.title, known.section, known.better) == ("Relearn steps 9", "attack", "lower")
    assert known.meaning == attack_columns.meaning("relearn")
    assert column("no_attack") is None


@pytest.mark.parametrize("name", attacks.names())
def test_every_attack_is_in_the_docs_under_its_group(name: str) -> None:
    page = (Path(__file__).parents[3] / "docs" / "attacks.md").read_text(encoding="utf-8")
    [line] = [line for line in page.splitlines() if line.startswith("|") and f"`{name}`" in line.split("|")[1]]
    assert line.split("|")[4].strip() == attacks.find(name).cost
