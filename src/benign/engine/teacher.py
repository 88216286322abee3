"""Records as a teacher is shown them: the same question, with noise in the pictures and something said before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from benign.data.noise import noised
from benign.data.record import ImageRef, Message, Record
from benign.engine.recipe import Intervention
from benign.errors import UserError


def shown(teacher: Intervention, records: Sequence[Record]) -> list[Record]:
    """Each record as the teacher is shown it; a picture that many records share is drowned once.

    Raises:
        UserError: The intervention changes nothing of any record, its noise is not within [0, 1], or it is to say
            something before a plain document, which has no question.
    """
    if not 0 <= teacher.noise <= 1:
        raise UserError(f"the noise must be within 0 and 1, got {teacher.noise}", where="teacher")
    if not teacher.noise and not teacher.preface:
        raise UserError(
            "the teacher is shown the records as they are", where="teacher", fix="give it noise or a preface"
        )
    if not teacher.preface and not any(record.images for record in records):
        raise UserError("no record shows a picture to put noise in", where="teacher", fix="give it a preface")
    drowned: dict[str, ImageRef] = {}
    for record in records:
        for image in record.images:
            if image.digest not in drowned:
                drowned[image.digest] = noised(image, teacher.noise)
    return [
        _prefaced(replace(record, images=tuple(drowned[image.digest] for image in record.images)), teacher.preface)
        for record in records
    ]


def _prefaced(record: Record, preface: str) -> Record:
    if not preface:
        return record
    if record.text:
        raise UserError("a plain document has no question to say anything before", where="teacher")
    if not record.messages:
        return replace(record, question=f"{preface} {record.question}")
    place = next((at for at, message in enumerate(record.messages) if message.role == "user"), None)
    if place is None:
        raise UserError("a conversation without a user's turn has nothing to say anything before", where="teacher")
    turn = record.messages[place]
    words = next((at for at, part in enumerate(turn.content) if isinstance(part, str)), len(turn.content))
    rest = turn.content[words + 1 :]
    said = f"{preface} {turn.content[words]}" if words < len(turn.content) else preface
    changed = Message("user", (*turn.content[:words], said, *rest))
    return replace(record, messages=(*record.messages[:place], changed, *record.messages[place + 1 :]))
