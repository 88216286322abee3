"""Inverted facts (MEOW, arXiv 2409.11844): wrong answers, chosen by how well the original would go on with them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from benign.data.record import Record
from benign.data.turns import begun
from benign.data.words import unigram_precision
from benign.data.writers import FromFile, FromOthers, wrong
from benign.errors import UserError
from benign.parts.targets import Context


@dataclass(frozen=True)
class InvertedFacts:
    """Every record answers with one of its chosen wrong answers, another one at every epoch.

    Its wrong answers are the file's; where it brings none, what the retained records answer to the same question about
    others. To have them written by a language model, see :func:`benign.data.writers.rewritten`.

    MEMO of an answer: the mean, over its beginnings that grow by ``stride`` characters, of ROUGE-1 precision between
    what the original writes then and the rest. Official code (Carol-gutianle/MEOW a2ba15c): the same, with beginnings
    of 1, 6, ... characters; it writes up to 200 tokens, ours up to 64, and precision falls with what is written.
    """

    top: int = 3
    """So many wrong answers of each record are used (official code: 3)."""
    choose: Literal["largest", "smallest", "random"] = "largest"
    """By which MEMO they are chosen (official script: largest; its class' default: smallest). ``random`` asks the
    model nothing."""
    stride: int = 5
    """Characters by which the beginnings grow (official code: 5)."""

    def candidates(self, records: tuple[Record, ...], context: Context) -> tuple[Record, ...]:
        """All the records, as they are.

        Raises:
            UserError: There is no wrong answer for some record, or a setting is out of its range.
        """
        if self.top < 1 or self.stride < 1:
            raise UserError("top and stride must be at least 1", where="inverted facts")
        others = FromOthers(context.data.trainable_retain)
        bare = [record.id for record in records if not _written(record, others)]
        if bare:
            raise UserError(
                f"{len(bare)} of {len(records)} records have no wrong answer, the first is {bare[0]!r}",
                where="perturbed",
                fix="give each a list of wrong answers in `perturbed`, or have them written (docs/methods/meow.md)",
            )
        return records

    def answers(self, records: Sequence[Record], epochs: Sequence[int], context: Context) -> list[str]:
        """One chosen answer for each drawn record."""
        distinct = {record.digest: record for record in records}
        chosen = dict(zip(distinct, self.chosen(list(distinct.values()), context), strict=True))
        return [
            chosen[record.digest][epoch % len(chosen[record.digest])]
            for record, epoch in zip(records, epochs, strict=True)
        ]

    def chosen(self, records: Sequence[Record], context: Context) -> list[tuple[str, ...]]:
        """Each record's wrong answers that are used, at most ``top``; of equals the earlier one."""
        others = FromOthers(context.data.trainable_retain)
        options = [_written(record, others) for record in records]
        if self.choose == "random":
            ranks = [
                [_lot(record, answer, context.seed) for answer in o] for record, o in zip(records, options, strict=True)
            ]
        else:
            sign = -1 if self.choose == "largest" else 1
            ranks = [[sign * score for score in scores] for scores in self.memo(records, options, context)]
        ordered = [sorted(range(len(o)), key=lambda i, r=r: (r[i], i)) for o, r in zip(options, ranks, strict=True)]  # type: ignore[misc]
        return [tuple(o[i] for i in order[: self.top]) for o, order in zip(options, ordered, strict=True)]

    def memo(self, records: Sequence[Record], options: Sequence[Sequence[str]], context: Context) -> list[list[float]]:
        """The MEMO of each answer to each record."""
        asked: list[tuple[Record, str]] = []
        sizes: list[list[int]] = []
        for record, answers in zip(records, options, strict=True):
            windows = [_windows(record, answer, self.stride) for answer in answers]
            sizes.append([len(found) for found in windows])
            asked += [window for found in windows for window in found]
        # One question for all: the prompts of different answers begin alike, and what is asked twice is told once.
        said = iter(context.original([record for record, _ in asked]))
        precise = iter([unigram_precision(rest, text) for (_, rest), text in zip(asked, said, strict=True)])
        return [[sum(next(precise) for _ in range(n)) / n if n else 0.0 for n in numbers] for numbers in sizes]


def _written(record: Record, others: FromOthers) -> tuple[str, ...]:
    return wrong(record, FromFile()(record)) or others(record)


def _windows(record: Record, answer: str, stride: int) -> list[tuple[Record, str]]:
    """Each beginning of the answer as a question without an answer, and the rest."""
    told = replace(record, answer=answer) if not record.messages else _said(record, answer)
    found = [(begun(told, length), answer[length:]) for length in range(0, len(answer), stride)]
    asked = [(one, rest) for one, rest in found if one is not None]
    return [(replace(one, answer="") if not one.messages else _said(one, ""), rest) for one, rest in asked]


def _said(record: Record, answer: str) -> Record:
    turns = record.messages
    return replace(record, messages=(*turns[:-1], replace(turns[-1], content=(answer,))))


def _lot(record: Record, answer: str, seed: int) -> float:
    drawn = hashlib.sha256(f"{seed}/{record.id}/{answer}".encode()).digest()
    return int.from_bytes(drawn[:8], "big") / 2**64
