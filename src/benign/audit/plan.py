"""Which records an audit asks about, and in which wordings: a function of the data alone.

Every system is asked the same list, so two systems can be compared record by record.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from benign.audit.observation import AS_IS
from benign.data.record import Data, Message, Record, Slot
from benign.errors import UserError

AUDITED = ("forget", "retain", "neighbour", "holdout", "general")
"""Not ``few``, which methods train on, nor ``strangers``, which have no questions."""


@dataclass(frozen=True)
class Ask:
    """One record of one split in one wording; ``record`` carries the wording as its question."""

    split: str
    view: str
    record: Record


def plan(data: Data, *, most: int | None = 400, paraphrases: int = 3) -> tuple[Ask, ...]:
    """What to ask: every audited split as it is, and the forget set's memory questions also in other words.

    Args:
        data: The splits to audit.
        most: At most so many records per split, spread evenly over its subjects and, within a subject, over kinds
            and over image and text; ``None`` asks all. The choice depends on ids only.
        paraphrases: At most so many other wordings of each memory question of the forget set.
    """
    asks: list[Ask] = []
    for split in AUDITED:
        records = data.split(split)
        _refuse_repeated_ids(records, split)
        for record in spread(records, most):
            # Choices cost a forward pass each, and only the forgotten memory's are judged.
            plain = replace(record, options=())
            if split == "forget" and record.kind == "memory":
                asks.append(Ask(split, AS_IS, record))
                wordings = record.paraphrases[:paraphrases]
                asks += [Ask(split, f"paraphrase_{i}", reworded(plain, w)) for i, w in enumerate(wordings, 1)]
            else:
                asks.append(Ask(split, AS_IS, plain))
    return tuple(asks)


def spread(records: Sequence[Record], most: int | None) -> tuple[Record, ...]:
    """At most ``most`` of the records, as many of each subject as possible, in the records' own order."""
    if most is None or len(records) <= most:
        return tuple(records)
    subjects: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        subjects[record.subject].append(record)
    turns = [
        (turn, _shuffled(record.id), record.id)
        for number, name in enumerate(sorted(subjects))
        for turn, record in enumerate(_alternating(subjects[name], start=number))
    ]
    chosen = {record_id for _, _, record_id in sorted(turns)[:most]}
    return tuple(r for r in records if r.id in chosen)


def reworded(record: Record, question: str) -> Record:
    """The record with another question in the last user turn; pictures and everything else stay."""
    if not record.messages:
        return replace(record, question=question)
    turns = list(record.messages)
    last = max(i for i, turn in enumerate(turns) if turn.role == "user")
    pictures = tuple(part for part in turns[last].content if isinstance(part, Slot))
    turns[last] = Message("user", (*pictures, question))
    return replace(record, messages=tuple(turns))


def asked_question(record: Record) -> str:
    """The words of the last user turn; empty for a plain document."""
    users = [turn.text for turn in record.conversation() if turn.role == "user"]
    return users[-1] if users else ""


def _alternating(records: Sequence[Record], *, start: int) -> list[Record]:
    # Subjects start at different cells, so that a small cap does not ask everybody the same sort of question.
    cells: dict[tuple[str, bool], list[Record]] = defaultdict(list)
    for record in sorted(records, key=lambda r: _shuffled(r.id)):
        cells[(record.kind, bool(record.images))].append(record)
    names = sorted(cells)
    turned = names[start % len(names) :] + names[: start % len(names)]
    rounds = zip_longest(*(cells[name] for name in turned))
    return [record for turn in rounds for record in turn if record is not None]


def _shuffled(record_id: str) -> str:
    return hashlib.sha256(record_id.encode()).hexdigest()


def _refuse_repeated_ids(records: Sequence[Record], split: str) -> None:
    seen: set[str] = set()
    for record in records:
        if record.id in seen:
            raise UserError(f"the id {record.id!r} appears twice", where=split, fix="give every record its own id")
        seen.add(record.id)
