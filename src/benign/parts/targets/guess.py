"""Guesses: what someone who never knew would say, each plausible answer as likely as the right one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from benign.data.record import Record
from benign.errors import UserError
from benign.parts.targets import Context


@dataclass(frozen=True)
class Guess:
    """Every record answers with its own answer or one of its ``perturbed`` ones, drawn evenly by (seed, epoch, record).

    The cross-entropy to such draws is least where the right answer is as likely as each wrong one, which is what a
    model retrained without the record makes of them. A wrong answer alone (AltPO) teaches to avoid the right one,
    which gives it away to whoever compares.
    """

    def candidates(self, records: tuple[Record, ...], context: Context) -> tuple[Record, ...]:
        """All the records, as they are.

        Raises:
            UserError: A record has no wrong answer.
        """
        bare = [record.id for record in records if len(_answers(record)) < 2]
        if bare:
            raise UserError(
                f"{len(bare)} of {len(records)} records have no wrong answer to guess at, the first is {bare[0]!r}",
                where="perturbed",
                fix="give each record a list of plausible wrong answers in `perturbed`",
            )
        return records

    def answers(self, records: Sequence[Record], epochs: Sequence[int], context: Context) -> list[str]:
        """One guess for each drawn record."""
        return [_draw(record, epoch, context.seed) for record, epoch in zip(records, epochs, strict=True)]


def _answers(record: Record) -> list[str]:
    """The right answer and the wrong ones, each once."""
    return list({a.strip().lower(): a for a in (record.gold, *record.perturbed) if a.strip()}.values())


def _draw(record: Record, epoch: int, seed: int) -> str:
    found = _answers(record)
    drawn = hashlib.sha256(f"{seed}/{epoch}/{record.id}".encode()).digest()
    return found[int.from_bytes(drawn[:8], "big") % len(found)]
