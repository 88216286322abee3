"""The answer that the file gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benign.data.record import Record
from benign.parts.targets import Context


@dataclass(frozen=True)
class Gold:
    """Every record keeps its own answer: retention, or the answer that an ascent pushes away."""

    def candidates(self, records: tuple[Record, ...], context: Context) -> tuple[Record, ...]:
        """All the records, as they are."""
        return records

    def answers(self, records: Sequence[Record], epochs: Sequence[int], context: Context) -> list[str]:
        """The records' own answers."""
        return [record.gold for record in records]
