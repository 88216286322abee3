"""What an attack on the memory asks, and how much of it came back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from benign.audit.attacks import Found, Ground
from benign.audit.metrics.rouge import rouge_l
from benign.audit.plan import Ask, spread
from benign.data.record import Record
from benign.engine.serve import System
from benign.errors import NotMeasured

MOST = 200
"""Questions that an attack asks at most: its share of an audit, spread over the subjects."""


def facts(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Each subject's memory questions: those about pictures where there are any, else those in words."""
    subjects: dict[str, list[Record]] = {}
    for record in records:
        if record.kind == "memory":
            subjects.setdefault(record.subject, []).append(record)
    return {s: [r for r in those if r.images] or those for s, those in subjects.items()}


def asks(records: Sequence[Record], split: str = "forget") -> list[Ask]:
    """The records asked as they are, without the other answers that an attack does not judge."""
    plain = (replace(record, options=(), perturbed=(), rewordings=()) for record in records)
    return [Ask(split, "as_is", record) for record in plain]


def remembered(ground: Ground, system: System, most: int | None) -> Found:
    """How much of the forgotten answers a system gives (ROUGE-L recall), asked as they are.

    Args:
        ground: What the attacker has.
        system: The system after the attack.
        most: At most so many questions; None asks all.
    """
    questions = [record for those in facts(ground.data.forget).values() for record in those]
    if not questions:
        return Found(NotMeasured("no memory questions in the forget set"))
    seen = ground.ask(system, asks(spread(questions, most)))
    return Found(rouge_l(seen, variant="recall"), seen)
