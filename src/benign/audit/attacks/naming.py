"""How a record's question names its subject, and the question with another name in its place."""

from __future__ import annotations

import re

from benign.audit.views import asked_question
from benign.data.record import Data, Record


def name_in(record: Record) -> str:
    """The words that name the subject in the question: its first span there, or the subject where it stands in it.

    Empty where the question names nobody, or where the record does not say which words do.
    """
    for field, start, end in record.spans:
        if field == "question" and record.question[start:end].strip():
            return record.question[start:end].strip()
    named = record.subject.strip()
    return named if named and _whole(named).search(asked_question(record)) else ""


def names(data: Data) -> dict[str, str]:
    """The name of each forgotten subject that any of its questions gives."""
    found: dict[str, str] = {}
    for record in data.forget:
        if record.subject and (name := name_in(record)):
            found.setdefault(record.subject, name)
    return found


def renamed(text: str, name: str, other: str) -> str:
    """The text with every whole occurrence of the name replaced."""
    return _whole(name).sub(lambda _: other, text) if name else text


def _whole(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
