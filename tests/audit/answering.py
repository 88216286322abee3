"""A system that answers from a dictionary, and observations made by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benign.audit.observation import Observation, Observations, OptionScore
from benign.audit.plan import asked_question
from benign.data.record import ImageRef, Record
from benign.engine.scored import Scored

PICTURE = ImageRef(data=b"picture")


class Killed(Exception):
    """The process died here."""


class Answering:
    """Answers by the dictionary and knows all else by heart; dies after ``lives`` calls."""

    def __init__(self, says: Mapping[str, str] | None = None, *, digest: str = "answering", lives: int = 10**9):
        self.says = dict(says or {})
        self.digest = digest
        self.lives = lives
        self.calls: list[int] = []
        self.scored: list[int] = []

    def generate(
        self,
        records: Sequence[Record],
        *,
        max_new_tokens: int,
        progress: Callable[[int], None] | None = None,
    ) -> list[str]:
        if self.lives == 0:
            raise Killed
        self.lives -= 1
        self.calls.append(len(records))
        if progress:
            progress(len(records))
        return [self.says.get(asked_question(record), record.gold) for record in records]

    def score(
        self,
        records: Sequence[Record],
        answers: Sequence[str],
        *,
        progress: Callable[[int], None] | None = None,
    ) -> list[Scored]:
        if progress:
            progress(len(records))
        self.scored.append(len(records))
        return [self._scored(record, answer) for record, answer in zip(records, answers, strict=True)]

    def sample(
        self,
        records: Sequence[Record],
        k: int,
        *,
        seed: int,
        max_new_tokens: int,
        temperature: float = 1.0,
        top_p: float = 1.0,
        progress: Callable[[int], None] | None = None,
    ) -> list[tuple[str, ...]]:
        if progress:
            progress(k * len(records))
        return [tuple(f"{record.gold} {seed} {i} {temperature}" for i in range(k)) for record in records]

    def _scored(self, record: Record, answer: str) -> Scored:
        logp = self._logp(record, answer)
        return Scored(logp, tuple(x - 1 for x in logp), tuple(-x for x in logp), tuple(x > -1 for x in logp))

    def _logp(self, record: Record, answer: str) -> tuple[float, ...]:
        digest = hashlib.sha256(f"{record.id} {answer}".encode()).digest()
        return tuple(-byte / 37 for byte in digest[: len(answer.split()) + 1])


def question(number: int, *, subject: str = "ann", image: bool = True, **fields: Any) -> Record:
    given: dict[str, Any] = {"question": f"what is {number}?", "answer": f"thing {number}", "kind": "memory"} | fields
    return Record(f"{subject}-{number}", subject, (PICTURE,) if image else (), **given)


def seen(text: str = "blue", gold: str = "blue", **fields: Any) -> Observation:
    given: dict[str, Any] = {
        "record": "r", "split": "forget", "subject": "ann", "kind": "memory", "route": "image", "view": "as_is",
        "question": "which colour?", "logp": (-1.0,),
    } | fields  # fmt: skip
    return Observation(text=text, gold=gold, **given)


def other(text: str, *logp: float) -> OptionScore:
    """A given answer with its tokens' log-probabilities."""
    return OptionScore(text, sum(logp), len(logp))


def many(*observations: Observation) -> Observations:
    return Observations(observations)
