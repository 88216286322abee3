"""What every attack keeps, found by its file: a share or a reason, evidence about the forgotten, nothing changed."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

import toys
from audit.attacks.grounds import answers, bits, delta, ground, model
from benign.audit.attacks import catalogue
from benign.audit.score import Score
from benign.data.record import Data, Record
from benign.engine.serve import Served
from benign.errors import NotMeasured
from benign.models.load import Model

_TAKEN = toys.records(("bob", "cy", "dee"))
DATA = Data(
    forget=toys.records(("ann",)) + tuple(replace(r, id=f"again/{r.id}", subject="bob") for r in _TAKEN[:2]),
    retain=toys.records(toys.PEOPLE[2:]),
    holdout=tuple(replace(r, id=f"new/{r.id}", subject="fay") for r in toys.records(("fay",))),
    general=(Record("g", "", question="which pet has bob ?", answer="owl", kind="general"),),
)


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return model(tmp_path_factory.mktemp("toy"))


@pytest.mark.parametrize("name", catalogue.names())
def test_an_attack_gives_a_share_or_a_reason_and_leaves_all_as_it_was(name: str, toy: Model, tmp_path: Path) -> None:
    served, attack = Served(toy, (delta(toy, scale=0.2),)), catalogue.find(name)()
    before, said, training = bits(toy), answers(served), toy.module.training
    found = attack(ground(served, Served(toy), tmp_path, data=DATA))
    if isinstance(found.score, NotMeasured):
        assert found.score.reason and not found.evidence
    else:
        assert isinstance(found.score, Score) and found.score.n > 0
        assert 0 <= found.score.low <= found.score.value <= found.score.high <= 1
    assert {o.subject for o in found.evidence} <= {"ann", "bob"}, "the evidence is about the forgotten"
    assert all(o.question and o.gold for o in found.evidence)
    assert all(math.isfinite(x) for o in found.evidence for x in o.logp)
    assert bits(toy) == before and answers(served) == said and toy.module.training is training


@pytest.mark.parametrize("name", catalogue.names())
def test_an_attack_made_again_elsewhere_finds_the_same(name: str, toy: Model, tmp_path: Path) -> None:
    served, attack = Served(toy, (delta(toy, scale=0.2),)), catalogue.find(name)()
    first = attack(ground(served, Served(toy), tmp_path / "a", data=DATA))
    assert attack(ground(served, Served(toy), tmp_path / "b", data=DATA)) == first


@pytest.mark.parametrize("name", catalogue.names())
def test_nothing_to_attack_is_a_reason(name: str, toy: Model, tmp_path: Path) -> None:
    found = catalogue.find(name)()(ground(Served(toy), Served(toy), tmp_path, data=Data()))
    assert isinstance(found.score, NotMeasured) and not found.evidence
