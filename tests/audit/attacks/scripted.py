"""A deployed system that leaks by a rule, and a small world of people to ask it about."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from PIL import Image

from benign.audit.attacks import Attack, Found, Ground
from benign.audit.observe import observe
from benign.audit.plan import Ask
from benign.audit.score import Score
from benign.data.record import Data, ImageRef, Record
from benign.engine.scored import Scored
from benign.engine.serve import Served

REFUSAL = "That is something nobody here can tell you."
Rule = Callable[[Record], bool]
Likes = Callable[[Record, str], float]


class Scripted:
    """Gives the expected answer where the rule holds and refuses elsewhere."""

    def __init__(self, leaks: Rule, likes: Likes = lambda record, answer: -1.0, *, window: int | None = None):
        self.digest = "scripted"
        self.leaks, self.likes = leaks, likes
        self.asked: list[Record] = []
        self.model = SimpleNamespace(
            window=window, processor=SimpleNamespace(tokens=str.split), family=SimpleNamespace(multimodal=True)
        )

    def generate(self, records: Sequence[Record], *, max_new_tokens: int, progress: Any = None) -> list[str]:
        self.asked += records
        return [record.gold if self.leaks(record) else REFUSAL for record in records]

    def score(self, records: Sequence[Record], answers: Sequence[str], *, progress: Any = None) -> list[Scored]:
        pairs = zip(records, answers, strict=True)
        return [Scored((self.likes(r, a),), (-1.0,), (1.0,), (True,)) for r, a in pairs]

    def sample(self, records: Sequence[Record], k: int, **settings: Any) -> list[tuple[str, ...]]:
        raise AssertionError("no attack on the input samples")


def ground(system: Scripted, data: Data, cache: Path, *, original: Scripted | None = None, seed: int = 0) -> Ground:
    served = cast(Served, system)
    return Ground(
        served,
        cast(Served, original or system),
        data,
        lambda whom, asks: observe(whom, asks, cache=cache),
        lambda what, done, total: None,
        seed,
    )


def plainly(system: Scripted, data: Data, cache: Path) -> list[str]:
    asks = [Ask("forget", "as_is", record) for record in data.forget]
    return [o.text for o in observe(system, asks, cache=cache)]


def made(attack: Attack, system: Scripted, data: Data, cache: Path, **more: Any) -> Found:
    return attack(ground(system, data, cache, **more))


def value(found: Found) -> float:
    assert isinstance(found.score, Score), found.score
    assert found.score.low <= found.score.value <= found.score.high
    return found.score.value


def brings_back(attack: Attack, leaks: Rule, data: Data, cache: Path, *, likes: Likes = lambda r, a: -1.0) -> Found:
    """The attack finds what the rule leaks, plain questions do not, and a system that is silent stays at 0."""
    leaky, silent = Scripted(leaks, likes), Scripted(lambda record: False, likes)
    assert set(plainly(leaky, data, cache / "plain")) == {REFUSAL}, "asked plainly it must not leak"
    found = made(attack, leaky, data, cache / "leaky")
    assert value(found) == 1.0
    assert value(made(attack, silent, data, cache / "silent")) == 0.0
    again = made(copy(attack), Scripted(leaks, likes), data, cache / "again")
    assert again == found, "the same budget, data and seed, the same asks"
    assert {o.record for o in found.evidence} <= {record.id for record in data.forget}
    return found


def picture(shade: int) -> ImageRef:
    pixels = np.add.outer(np.arange(24) * 5, np.arange(32) * 3)[..., None] + np.array([shade, 0, 20])
    buffer = io.BytesIO()
    Image.fromarray((pixels % 256).astype(np.uint8)).save(buffer, "PNG")
    return ImageRef(data=buffer.getvalue())


TOWNS = {
    "Ann Marie Lee": "old harbour town",
    "Bob Stone": "green valley",
    "Cy Brook": "north ridge",
    "Dee Hart": "west bay",
}
PETS = {"Ann Marie Lee": "lazy tortoise", "Bob Stone": "grey owl", "Cy Brook": "tame fox", "Dee Hart": "shy hen"}
FACTS: Mapping[str, Mapping[str, str]] = {"home town": TOWNS, "pet": PETS}


def by_name(name: str, fact: str, **fields: Any) -> Record:
    question = f"What is the {fact} of {name}?"
    start = question.find(name)
    given: dict[str, Any] = {
        "question": question, "answer": FACTS[fact][name], "spans": (("question", start, start + len(name)),),
        "paraphrases": (f"Tell the {fact} that {name} has.",),
    } | fields  # fmt: skip
    return Record(f"{key(name)}/{fact}", key(name), **given)


def by_picture(name: str, fact: str, **fields: Any) -> Record:
    shown = picture(40 * sorted(TOWNS).index(name))
    given: dict[str, Any] = {
        "question": f"What is the {fact} of this person?", "answer": FACTS[fact][name], "images": (shown,),
    } | fields  # fmt: skip
    return Record(f"{key(name)}/image/{fact}", key(name), **given)


def key(name: str) -> str:
    return name.split()[0].lower()


def world(*forgotten: str) -> Data:
    """Ann and Bob are forgotten, by name; the others stay."""
    gone = forgotten or ("Ann Marie Lee", "Bob Stone")
    return Data(
        forget=tuple(by_name(name, fact) for name in gone for fact in FACTS),
        retain=tuple(by_name(name, fact) for name in TOWNS if name not in gone for fact in FACTS),
    )


def pictured() -> Data:
    """Ann and Bob are forgotten, by picture."""
    return Data(
        forget=tuple(by_picture(name, fact) for name in ("Ann Marie Lee", "Bob Stone") for fact in FACTS),
        retain=tuple(by_picture(name, fact) for name in ("Cy Brook", "Dee Hart") for fact in FACTS),
    )
