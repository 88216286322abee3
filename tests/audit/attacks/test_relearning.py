"""Relearning in three ways: what is taught, what is asked, and that a trained system is not trained again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import toys
from audit.attacks.grounds import answers, bits, delta, ground, model
from benign.audit.attacks import Attack
from benign.audit.attacks.attacked import Attacked
from benign.audit.attacks.relearn import Relearn
from benign.audit.attacks.relearn_others import RelearnOthers
from benign.audit.attacks.relearn_unrelated import RelearnUnrelated
from benign.audit.attacks.tuned import CONSTANT, Training
from benign.audit.score import Score
from benign.data.record import Data, Record
from benign.engine.serve import Served
from benign.errors import NotMeasured
from benign.models.load import Model

GENERAL = (Record("g", "", question="which pet has bob ?", answer="owl", kind="general"),)
DATA = replace(toys.data(), general=GENERAL)
FAST = replace(CONSTANT, lr=2e-2)


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return model(tmp_path_factory.mktemp("toy"))


def test_training_teaches_what_it_is_given_on_top_of_what_is_deployed(toy: Model) -> None:
    served, before = Served(toy, (delta(toy, scale=0.1),)), bits(toy)
    said = answers(served)
    told: list[tuple[str, int, int]] = []
    after = Training(40, 2, FAST)(served, DATA.forget, seed=0, report=lambda *step: told.append(step))
    assert after.generate(DATA.forget, max_new_tokens=4) == [record.answer for record in DATA.forget]
    assert after.deltas[:-1] == served.deltas and told[-1] == ("train relearn", 40, 40)
    assert bits(toy) == before and answers(served) == said


def test_what_is_taught_is_not_asked() -> None:
    attack = Relearn(facts=1)
    taught, asked = attack.taught(DATA.forget, seed=0), attack.asked(DATA.forget, seed=0)
    assert len(taught) == len(asked) == 1 and {*taught, *asked} == set(DATA.forget)
    assert {attack.taught(DATA.forget, seed=seed)[0].id for seed in range(20)} == {r.id for r in DATA.forget}


@pytest.mark.parametrize(
    ("attack", "asked"),
    [
        (Relearn(facts=1, steps=2), 1),
        (RelearnOthers(steps=2), 2),
        (RelearnUnrelated(steps=2), 2),
        (RelearnOthers(steps=2, most=1), 1),
    ],
)
def test_the_forgotten_is_asked_and_the_system_is_afterwards_as_it_was(
    attack: Attack, asked: int, toy: Model, tmp_path: Path
) -> None:
    served = Served(toy, (delta(toy),))
    before, said = bits(toy), answers(served)
    found = attack(ground(served, Served(toy), tmp_path, data=DATA))
    assert isinstance(found.score, Score) and found.score.n == len(found.evidence) == asked
    assert {o.subject for o in found.evidence} == {"ann"}
    assert bits(toy) == before and answers(served) == said


def test_each_is_trained_on_its_own_records(toy: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taught: list[set[str]] = []

    def later(training: Training, place: object, records: tuple[Record, ...]) -> Attacked:
        taught.append({record.subject for record in records})
        return Attacked(lambda: Served(toy), str(len(taught)))

    monkeypatch.setattr(Training, "later", later)
    for attack in (Relearn(facts=1), RelearnOthers(), RelearnUnrelated()):
        attack(ground(Served(toy), Served(toy), tmp_path, data=DATA))
    assert taught == [{"ann"}, set(toys.PEOPLE[1:]), {""}]


def test_what_is_missing_is_said(toy: Model, tmp_path: Path) -> None:
    place = ground(Served(toy), Served(toy), tmp_path, data=Data(forget=DATA.forget))
    assert Relearn()(place).score == NotMeasured("no subject has more facts than the attack teaches")
    assert RelearnOthers()(place).score == NotMeasured("no memory questions in the retain set to train on")
    assert RelearnUnrelated()(place).score == NotMeasured("no general set to train on")


def test_a_cached_answer_costs_no_training(toy: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = RelearnOthers(steps=2)(ground(Served(toy), Served(toy), tmp_path, data=DATA))

    def never(*args: object, **options: object) -> Served:
        raise AssertionError("trained again")

    monkeypatch.setattr(Training, "__call__", never)
    assert RelearnOthers(steps=2)(ground(Served(toy), Served(toy), tmp_path, data=DATA)) == first
    for other in (RelearnOthers(steps=3), RelearnUnrelated(steps=2)):
        with pytest.raises(AssertionError, match="trained again"):
            other(ground(Served(toy), Served(toy), tmp_path, data=DATA))
    with pytest.raises(AssertionError, match="trained again"):
        RelearnOthers(steps=2)(ground(Served(toy), Served(toy), tmp_path, data=DATA, seed=1))
