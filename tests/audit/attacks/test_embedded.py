"""The attacks on the embedded model: what the scripted systems cannot show is that a real one is asked as is meant."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from audit.attacks.test_asking import NAMES
from benign.audit.attacks import Found, Ground
from benign.audit.attacks.turns import begun
from benign.audit.observe import observe
from benign.audit.score import Score
from benign.benchmarks.smllmun import SMLLMUn
from benign.data.record import Data, Record
from benign.engine.serve import Served
from benign.errors import NotMeasured
from benign.models.load import load

BENCH = SMLLMUn(10, 0)
KNOWING = ("alias", "completion_prefix", "image_rephrasing", "paraphrase", "text_only")
"""What this small model understands: the words of its own world, and pictures of it."""
NEEDS_MORE = {"reconstruction": "path of levels", "translation": "no translator"}


@dataclass(frozen=True)
class Lab:
    cache: Path
    data: Data

    @cached_property
    def original(self) -> Served:
        return Served(load(BENCH.original))

    @cached_property
    def retrained(self) -> Served:
        return Served(load(BENCH.retrained))

    def attack(self, name: str, served: Served, *, most: int) -> Found:
        place = import_module(f"benign.audit.attacks.{name}")
        made: Any = getattr(place, "".join(part.capitalize() for part in name.split("_")))()

        def ask(system: Any, asks: Any) -> Any:
            return observe(system, asks, cache=self.cache, max_new_tokens=8)

        ground = Ground(served, self.original, self.data, ask, lambda what, done, total: None)
        found: Found = replace(made, most=most)(ground)
        return found


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    whole = BENCH.evaluation()
    asked = [record for record in whole.forget if record.kind == "memory"]
    people = sorted({record.subject for record in asked})[:2]
    kept = [record for record in whole.retain if record.kind == "memory" and not record.images]
    data = Data(forget=tuple(r for r in asked if r.subject in people), retain=tuple(kept[:60]))
    return Lab(tmp_path_factory.mktemp("attacks"), data)


def score(found: Found) -> Score:
    assert isinstance(found.score, Score), found.score
    return found.score


@pytest.mark.parametrize("name", KNOWING)
def test_the_original_tells_and_the_retrained_model_does_not(lab: Lab, name: str) -> None:
    original, retrained = (score(lab.attack(name, system, most=16)) for system in (lab.original, lab.retrained))
    assert original.value > 0.9
    if name != "completion_prefix":  # half of an answer of two words is often enough to guess the other
        assert retrained.value < 0.4


@pytest.mark.parametrize("name", sorted({*NAMES} - {*KNOWING, *NEEDS_MORE}))
def test_a_real_model_can_be_asked_so(lab: Lab, name: str) -> None:
    before = lab.original.digest
    found = lab.attack(name, lab.original, most=4)
    assert score(found).n == 4
    assert all(o.split == "forget" and o.view.startswith(name) and o.logp for o in found.evidence)
    assert lab.original.digest == before


@pytest.mark.parametrize("name", NEEDS_MORE)
def test_what_these_data_cannot_give_is_said(lab: Lab, name: str) -> None:
    found = lab.attack(name, lab.original, most=4)
    assert isinstance(found.score, NotMeasured) and NEEDS_MORE[name] in found.score.reason


def two_words(lab: Lab, *, shown: bool) -> Record:
    return next(r for r in lab.data.forget if len(r.gold.split()) == 2 and bool(r.images) == shown)


@pytest.mark.parametrize("shown", [True, False])
def test_a_begun_answer_is_the_same_answer(lab: Lab, shown: bool) -> None:
    """log p(rest | question, beginning) is what the chain rule says: the last tokens of the whole answer."""
    record = two_words(lab, shown=shown)
    first, rest = record.gold.split()
    half = begun(record, first, rest)
    whole, part = lab.original.score([record, half], [record.gold, rest])
    assert len(part.logp) < len(whole.logp)
    assert part.logp == pytest.approx(whole.logp[-len(part.logp) :], abs=1e-4)
    assert lab.original.generate([record, half], max_new_tokens=8) == [record.gold, rest]
