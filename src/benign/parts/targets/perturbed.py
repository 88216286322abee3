"""The wrong answers that the file gives beside the right one (ULD's perturbed answers, arXiv 2406.08607)."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from benign.data.record import Record
from benign.parts.targets import Context


@dataclass(frozen=True)
class Perturbed:
    """Every record answers with its wrong answers in turn, the next one at every epoch.

    A record that has none answers with the answers of other records of the forget set.
    """

    def candidates(self, records: tuple[Record, ...], context: Context) -> tuple[Record, ...]:
        """The records that have a wrong answer, or others to borrow one from."""
        return tuple(record for record in records if _wrong(record, context))

    def answers(self, records: Sequence[Record], epochs: Sequence[int], context: Context) -> list[str]:
        """A wrong answer for each drawn record."""
        found = []
        for record, epoch in zip(records, epochs, strict=True):
            wrong = _wrong(record, context)
            # Records begin at different places, so that they do not all borrow the same answer.
            found.append(wrong[(epoch + zlib.crc32(record.id.encode())) % len(wrong)])
        return found


def _wrong(record: Record, context: Context) -> tuple[str, ...]:
    others = (other.gold for other in context.data.forget if other.kind == record.kind and other.gold)
    return record.perturbed or tuple(answer for answer in dict.fromkeys(others) if answer != record.gold)
