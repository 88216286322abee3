"""What an audit shares to save work changes no number: every answer and score is that of asking one by one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from benign.audit.attacks.add_noise import noisy
from benign.audit.attacks.tampered import Tampered
from benign.audit.observe import observe
from benign.audit.plan import Ask
from benign.data.record import Record
from benign.engine.scored import Scored
from benign.engine.serve import Served, System, answered
from benign.models.embedded import world
from benign.models.embedded.text import world as authors
from benign.models.load import Model, load


class Apart:
    """A system that is asked to generate everything and to score everything, with nothing kept in between."""

    def __init__(self, inner: System) -> None:
        self.inner, self.digest = inner, f"{inner.digest} apart"

    def generate(self, records: Sequence[Record], **settings: Any) -> list[str]:
        return self.inner.generate(records, **settings)

    def score(self, records: Sequence[Record], answers: Sequence[str], **settings: Any) -> list[Scored]:
        return self.inner.score(records, answers, **settings)


class Lending(Apart):
    """As somebody may wrap a system: what it does not define is the inner one's, and its answers are its own."""

    def generate(self, records: Sequence[Record], **settings: Any) -> list[str]:
        return ["nothing"] * len(records)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class Counting(Served):
    """Counts what is generated."""

    def _spoken(self, records: Sequence[Record], *rest: Any) -> list[str]:
        self.__dict__.setdefault("generated", []).extend(records)
        return super()._spoken(records, *rest)


class Refusing(Served):
    """A served model with a filter on its way out."""

    def generate(self, records: Sequence[Record], **settings: Any) -> list[str]:
        return ["nothing"] * len(records)


@pytest.fixture(scope="module")
def pictures() -> tuple[Record, ...]:
    """Two known people, one new one, and shapes: by picture, by name, memory and sight."""
    data = world.evaluation(5)
    known = [r for r in data.forget if r.subject == data.forget[0].subject]
    return (*known, *data.holdout[:25], *data.general[:4])


def asks(records: Sequence[Record]) -> list[Ask]:
    return [Ask("forget", "as_is", record) for record in records]


def damaged(model: Model, scale: float) -> Tampered:
    return Tampered(Served(model), lambda name, weight: noisy(weight, scale, len(name)), f"noise {scale}")


def test_answers_and_scores_are_those_of_asking_apart(pictures: tuple[Record, ...], tmp_path: Path) -> None:
    """The original gives most answers as expected, the damaged one fewer: both ways are taken in both."""
    model, right = load("embedded:vlm"), []
    for scale in (0.0, 1.6):
        system = damaged(model, scale)
        together = observe(system, asks(pictures), cache=tmp_path, max_new_tokens=8)
        apart = observe(Apart(system), asks(pictures), cache=tmp_path, max_new_tokens=8)  # type: ignore[arg-type]
        assert together.items == apart.items
        right.append(sum(o.text == o.gold for o in together))
    assert len(pictures) > right[0] > right[1] + 5 > 5


def test_text_too(tmp_path: Path) -> None:
    records = (*authors.splits(1).forget[:8], *authors.splits(1).holdout[:4])
    system = Served(load("embedded:lm"))
    together = observe(system, asks(records), cache=tmp_path, max_new_tokens=32)
    apart = observe(Apart(system), asks(records), cache=tmp_path, max_new_tokens=32)  # type: ignore[arg-type]
    assert together.items == apart.items


def test_only_what_is_open_is_generated(pictures: tuple[Record, ...]) -> None:
    served = Counting(load("embedded:vlm"))
    wanted = [(record, record.gold) for record in pictures]
    ticks: list[int] = []
    texts, scores = served.answers(pictures, wanted, max_new_tokens=8, progress=ticks.append)
    left = [record for record, score in zip(pictures, scores, strict=True) if not all(score.greedy)]
    assert served.__dict__["generated"] == left and 0 < len(left) < len(pictures) / 2
    assert sum(ticks) == 2 * len(pictures)
    # An answer that is longer than the limit is cut, so it is not the expected one.
    short, _ = served.answers(pictures, wanted, max_new_tokens=1)
    assert short == served.generate(pictures, max_new_tokens=1) != texts


def test_who_filters_its_answers_is_asked_for_each(pictures: tuple[Record, ...]) -> None:
    model = load("embedded:vlm")
    wanted = [(record, record.gold) for record in pictures]
    for system in (Refusing(model), Lending(Served(model))):
        texts, scores = answered(system, pictures, wanted, max_new_tokens=8)  # type: ignore[arg-type]
        assert set(texts) == {"nothing"} and all(scores[0].greedy)


def test_what_was_seen_before_changes_no_bit(pictures: tuple[Record, ...]) -> None:
    """Features of pictures are kept with the model, whoever asked first, and not kept across a change of the tower."""
    shown = [record for record in pictures if record.images]
    golds = [record.gold for record in shown]
    first = Served(load("embedded:vlm")).score(shown, golds)
    model = load("embedded:vlm")
    damaged(model, 0.3).score(shown[::2], golds[::2])
    assert Served(model).score(shown, golds) == first
    with torch.no_grad():
        tower = next(p for name, p in model.module.named_parameters() if "vision" in name and p.ndim > 1)
        kept = tower.clone()
        tower.add_(torch.randn(tower.shape, generator=torch.Generator().manual_seed(0)))
        assert Served(model).score(shown, golds) != first
        tower.copy_(kept)
    assert Served(model).score(shown, golds) == first


def test_a_prompt_that_shares_its_picture_is_the_processor_s(pictures: tuple[Record, ...]) -> None:
    encoder = load("embedded:vlm").encoder
    for record in pictures:
        turns = record.conversation()[:1]
        plain = encoder.processor.encode(
            encoder.processor.render(turns, answering=True), encoder._pictures(record, list(turns))
        )
        found = encoder.prompt(record)
        assert plain.keys() == found.inputs.keys()
        assert all(torch.equal(plain[name], found.inputs[name]) for name in plain)
        assert (found.labels == -100).all()
