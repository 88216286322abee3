"""The best of several answers, and which records are asked at all."""

from __future__ import annotations

import importlib
import math
from dataclasses import fields, replace
from pathlib import Path

import pytest

from audit.answering import many, seen
from audit.attacks.scripted import Scripted, by_name, ground, made, world
from benign.audit.attacks import Ground
from benign.audit.attacks.asking import asked_again, best_of
from benign.audit.attacks.paraphrase import Paraphrase
from benign.audit.attacks.questions import bare
from benign.audit.score import Score
from benign.audit.views import asked_question, reworded
from benign.data.record import Data, Record
from benign.errors import NotMeasured

NAMES = (
    "alias", "completion_prefix", "few_shot", "image_only", "image_rephrasing", "keyword_emphasis", "long_context",
    "multi_hop", "multiple_choice", "paraphrase", "prefix_injection", "reconstruction", "refusal_suppression",
    "role_play", "text_only", "translation", "typographic", "typos",
)  # fmt: skip


def test_the_best_answer_of_each_record_counts_and_records_count_alike() -> None:
    """a: half and all of two words, b: none of two. The mean of the bests is (1 + 0) / 2."""
    found = best_of(many(
        seen("red", "red cat", record="a", subject="ann", view="x_1"),
        seen("a red cat", "red cat", record="a", subject="ann", view="x_2"),
        seen("dog", "red cat", record="b", subject="bob", view="x_1"),
    ))  # fmt: skip
    assert isinstance(found, Score)
    assert (found.value, found.n) == (0.5, 2)
    assert found.groups[0].values == (1.0, 0.0)
    assert found.groups[0].clusters == ("subject ann", "subject bob"), "intervals draw subjects, not answers"


@pytest.mark.parametrize("values", [(math.nan, 1.0), (1.0, math.nan)])
def test_no_number_is_never_the_best(values: tuple[float, float]) -> None:
    found = best_of(many(*(seen(str(v), record="a") for v in values)), value=lambda o: float(o.text))
    assert found == NotMeasured("1 of 1 values are not finite numbers")


def test_nothing_observed_is_nothing_measured() -> None:
    assert best_of(many()) == NotMeasured("no observations")


def twice(record: Record) -> list[Record]:
    """The first way of asking, the same again, and another."""
    return [reworded(record, f"First {record.question}")] * 2 + [reworded(record, f"Then {record.question}")]


def test_what_is_asked_and_how_it_is_called(tmp_path: Path) -> None:
    system = Scripted(lambda record: asked_question(record).startswith("Then"))
    found = asked_again(ground(system, world(), tmp_path), "twice", twice, most=None, nothing="nothing")
    assert [(o.record, o.view) for o in found.evidence][:3] == [
        ("ann/home town", "twice_1"), ("ann/home town", "twice_2"), ("ann/pet", "twice_1"),
    ]  # fmt: skip
    assert len(found.evidence) == len(system.asked) == 8, "the same wording is not asked twice"
    assert isinstance(found.score, Score) and (found.score.value, found.score.n) == (1.0, 4)


def test_at_most_so_many_spread_over_the_subjects(tmp_path: Path) -> None:
    system = Scripted(lambda record: True)
    found = asked_again(ground(system, world(), tmp_path), "twice", twice, most=2, nothing="nothing")
    assert {o.subject for o in found.evidence} == {"ann", "bob"}
    assert len({o.record for o in found.evidence}) == 2


def test_answers_that_nobody_judges_are_not_scored() -> None:
    record = by_name("Bob Stone", "pet", options=("a", "b"), perturbed=("c",), rewordings=("d",))
    assert bare(record) == replace(record, options=(), perturbed=(), rewordings=())
    assert bare(record, choices=True).options == ("a", "b")


@pytest.mark.parametrize("name", NAMES)
def test_every_attack_is_made_without_arguments_and_says_why_it_was_not_made(name: str, tmp_path: Path) -> None:
    place = importlib.import_module(f"benign.audit.attacks.{name}")
    attack = getattr(place, "".join(part.capitalize() for part in name.split("_")))()
    assert " at 0x" not in repr(attack), "what an attack is must be the same in the next process"
    assert attack.cost in ("fast", "standard", "all")
    assert any(field.name == "most" for field in fields(attack))
    assert "arXiv" in place.__doc__ or "NeurIPS" in place.__doc__, "an attack says where it is from"
    system = Scripted(lambda record: True)
    data = Data(forget=(Record("doc", "ann", text="Ann lives in the old harbour town."),))
    found = made(attack, system, data, tmp_path)
    assert isinstance(found.score, NotMeasured) and found.score.reason
    assert not found.evidence and not system.asked


def test_the_ask_of_the_ground_is_used(tmp_path: Path) -> None:
    """Whoever runs the attacks decides how answers are cached."""
    calls = []
    system = Scripted(lambda record: True)
    plain = ground(system, world(), tmp_path)

    def ask(whom: object, asks: object) -> object:
        calls.append(whom)
        return plain.ask(whom, asks)  # type: ignore[arg-type]

    Paraphrase()(Ground(plain.served, plain.original, plain.data, ask, plain.report))  # type: ignore[arg-type]
    assert calls == [system]
