"""What attacks ask about: the memory questions of the forget set, without the answers that no attack judges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from benign.audit.observation import AS_IS
from benign.audit.plan import Ask
from benign.audit.views import asked_question
from benign.data.record import Data, Record

MOST = 200
"""Records that an attack asks about, unless it is told otherwise: its share of an audit, spread over the subjects."""


def forgotten(data: Data) -> tuple[Record, ...]:
    """The memory questions of the forget set; a plain document asks nothing."""
    return tuple(record for record in data.forget if record.kind == "memory" and asked_question(record))


def facts(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Each subject's memory questions and documents: those with pictures where there are any, else those in words."""
    subjects: dict[str, list[Record]] = {}
    for record in records:
        if record.kind == "memory":
            subjects.setdefault(record.subject, []).append(record)
    return {s: [r for r in those if r.images] or those for s, those in subjects.items()}


def known_facts(records: Sequence[Record]) -> list[Record]:
    """The same, subject after subject."""
    return [record for those in facts(records).values() for record in those]


def bare(record: Record, *, choices: bool = False) -> Record:
    """The record without the answers that nobody judges here: each costs tokens."""
    return replace(record, options=record.options if choices else (), perturbed=(), rewordings=())


def as_they_are(records: Sequence[Record], split: str = "forget") -> list[Ask]:
    """The records in their own words."""
    return [Ask(split, AS_IS, bare(record)) for record in records]
