"""Which records an audit asks about, and in which wordings: a function of the data alone.

Every system is asked the same list, so two systems can be compared record by record.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from benign.audit.observation import AS_IS
from benign.audit.views import View
from benign.audit.views import asked_question as asked_question
from benign.audit.views import reworded as reworded
from benign.data.record import Data, Record
from benign.errors import UserError

AUDITED = ("forget", "retain", "neighbour", "holdout", "general")
"""Not ``few``, which methods train on, nor ``strangers``, which have no questions."""


@dataclass(frozen=True)
class Ask:
    """One record of one split in one wording; ``record`` carries the wording as its question."""

    split: str
    view: str
    record: Record


def plan(
    data: Data,
    *,
    most: int | None = 400,
    paraphrases: int = 3,
    alternatives: Collection[str] = (),
    views: Sequence[View] = (),
    choices: Collection[str] = ("forget",),
) -> tuple[Ask, ...]:
    """What to ask: every audited split as it is, and the forget set's memory questions also in other ways.

    Args:
        data: The splits to audit.
        most: At most so many records per split, spread evenly over its subjects and, within a subject, over kinds
            and over image and text; ``None`` asks all. The choice depends on ids only.
        paraphrases: At most so many other wordings of each memory question of the forget set.
        alternatives: The splits whose memory and general questions also have their wrong and reworded answers scored,
            where they have any; each costs a few tokens after a shared beginning.
        views: Other ways to show or to put each memory question of the forget set.
        choices: The splits whose questions' options are scored; of the forget set, only the memory questions'.
    """
    asks: list[Ask] = []
    for split in AUDITED:
        records = data.split(split)
        _refuse_repeated_ids(records, split)
        for record in spread(records, most):
            forgotten = split == "forget" and record.kind == "memory"
            compared = split in alternatives and record.kind != "understanding"
            chosen = split in choices and (forgotten or split != "forget")
            asks.append(Ask(split, AS_IS, _trimmed(record, choices=chosen, compared=compared)))
            if forgotten:
                plain = _trimmed(record, choices=False, compared=False)
                wordings = record.paraphrases[:paraphrases]
                asks += [Ask(split, f"paraphrase_{i}", reworded(plain, w)) for i, w in enumerate(wordings, 1)]
                asks += [Ask(split, view.name, seen) for view in views if (seen := view(plain)) is not None]
    return tuple(asks)


def _trimmed(record: Record, *, choices: bool, compared: bool) -> Record:
    """The record without the answers that nobody judges: each costs tokens."""
    return replace(
        record,
        options=record.options if choices else (),
        perturbed=record.perturbed if compared else (),
        rewordings=record.rewordings if compared else (),
    )


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
