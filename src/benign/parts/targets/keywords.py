"""An answer's keywords alone: the coreset of tokens with which MU-Coreset (arXiv 2504.10185) explains why a few records
do for many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benign.data import words
from benign.data.record import Record
from benign.parts.targets import Context


@dataclass(frozen=True)
class Keywords:
    """Every record answers with its answer's keywords, in their order: no function words, and none of the question's;
    of a plain document, without its function words.

    The paper has a language model extract them; here a rule does.
    """

    def candidates(self, records: tuple[Record, ...], context: Context) -> tuple[Record, ...]:
        """All the records, as they are."""
        return records

    def answers(self, records: Sequence[Record], epochs: Sequence[int], context: Context) -> list[str]:
        """The keywords of each drawn record."""
        return [_alone(record) for record in records]


def _alone(record: Record) -> str:
    asked = "" if record.text else " ".join(turn.text for turn in record.conversation()[:-1])
    wanted = words.keywords(asked, record.gold)
    kept = [part for part in record.gold.split() if wanted & set(words.words(part))]
    return " ".join(kept) or record.gold
